"""The snippets of a page of docs/, as their readers would run them."""

import re
import sys
from collections.abc import Generator
from contextlib import contextmanager
from itertools import count
from types import ModuleType

from tests.project import ROOT
from tests.snippets import snippets

numbers = count(1)


def snippet(name: str, page: str = "engines") -> str:
    """Return the snippet of the page that defines ``name``."""
    every = snippets(ROOT / "docs" / f"{page}.md", "python")
    (found,) = (each for each in every if f"def {name}(" in each)
    return found


@contextmanager
def imported(name: str, page: str = "engines") -> Generator[ModuleType]:
    """Import the snippet of the page that defines ``name``, but run no tasks yet."""
    # Celery gives what a page shares to all applications, under the module's name.
    module = ModuleType(f"page_{name}_{next(numbers)}")
    sys.modules[module.__name__] = module  # engines look functions up there
    try:
        text = re.sub(r"^asyncio\.run\(.*", "", snippet(name, page), flags=re.MULTILINE)
        exec(compile(text, f"{page}:{name}", "exec"), vars(module))  # noqa: S102
        yield module
    finally:
        del sys.modules[module.__name__]
