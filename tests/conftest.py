import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from .project import ROOT
from .subject import NAME, USES_SUBJECT

# What mypy knows of the libraries serves all tests that ask it. Two processes that
# write one cache would wait for each other.
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
os.environ.setdefault("MYPY_CACHE_DIR", str(ROOT / ".mypy_cache" / f"tests{WORKER}"))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart() -> None:
    # pytest-cov starts a measurement in each worker while another runs already: for
    # that one, `no_cover` would not hold.
    coverage = sys.modules.get("coverage")
    if WORKER and coverage and (other := coverage.Coverage.current()):
        other.stop()


BACKENDS = [
    pytest.param(("asyncio", {"use_uvloop": False}), id="asyncio"),
    "trio",
]
if sys.platform != "win32":  # uvloop does not build there
    BACKENDS.insert(1, pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop"))


@pytest.fixture
def sigint_is_heard() -> Iterator[None]:
    # A shell's background job ignores it, and so would the processes that it starts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(params=BACKENDS)
def anyio_backend(request: pytest.FixtureRequest) -> object:
    return request.param


# `make strict` asks for fewer examples, `make soak` for more, and others each time. A
# copy of what has passed them here needs few.
for name, examples, random in (
    ("default", 10 if "BGTASKS_ELSEWHERE" in os.environ else 100, False),
    ("strict", 20, False),
    ("soak", 2000, True),
):
    settings.register_profile(
        name,
        max_examples=examples,
        stateful_step_count=15,
        derandomize=not random,
        print_blob=random,
        database=None,
        deadline=None,
    )


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Of a copy, collect the tests of the core: the others are not about it."""
    if NAME == "bgtasks":
        return None
    if collection_path.is_dir():
        return collection_path != Path(__file__).parent
    return not USES_SUBJECT.search(collection_path.read_text("utf-8")) or None
