"""The snippets of docs/engines.md, as their readers would run them."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from types import ModuleType

from tests.snippets import ROOT, snippets

PAGE = ROOT / "docs" / "engines.md"


def snippet(name: str) -> str:
    """Return the snippet that defines ``name``."""
    (found,) = (s for s in snippets(PAGE, "python") if f"def {name}(" in s)
    return found


@contextmanager
def imported(name: str) -> Generator[ModuleType]:
    """Run the snippet that defines ``name``, as a module."""
    module = ModuleType(f"page_{name}")
    sys.modules[module.__name__] = module  # engines look functions up there
    try:
        exec(compile(snippet(name), f"{PAGE}:{name}", "exec"), vars(module))  # noqa: S102
        yield module
    finally:
        del sys.modules[module.__name__]
