import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from .elsewhere import USES_SUBJECT
from .subject import NAME

BACKENDS = [
    pytest.param(("asyncio", {"use_uvloop": False}), id="asyncio"),
    "trio",
]
if sys.platform != "win32":  # uvloop does not build there
    BACKENDS.insert(1, pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop"))


@pytest.fixture(params=BACKENDS)
def anyio_backend(request: pytest.FixtureRequest) -> object:
    return request.param


# `make soak` asks for the second: more examples, and others each time. A copy of what
# has passed them here needs few.
EXAMPLES = 10 if "BGTASKS_ELSEWHERE" in os.environ else 200
settings.register_profile(
    "default", derandomize=True, database=None, deadline=None, max_examples=EXAMPLES
)
settings.register_profile(
    "soak", database=None, deadline=None, max_examples=5000, print_blob=True
)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Of a copy, collect the tests of the core: the others are not about it."""
    if NAME == "bgtasks":
        return None
    if collection_path.is_dir():
        return collection_path != Path(__file__).parent
    return not USES_SUBJECT.search(collection_path.read_text("utf-8")) or None
