import sys

import pytest
from hypothesis import settings

BACKENDS = [
    pytest.param(("asyncio", {"use_uvloop": False}), id="asyncio"),
    "trio",
]
if sys.platform != "win32":  # uvloop does not build there
    BACKENDS.insert(1, pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop"))


@pytest.fixture(params=BACKENDS)
def anyio_backend(request: pytest.FixtureRequest) -> object:
    return request.param


# `make soak` asks for the second: more examples, and others each time.
settings.register_profile(
    "default", derandomize=True, database=None, deadline=None, max_examples=200
)
settings.register_profile(
    "soak", database=None, deadline=None, max_examples=5000, print_blob=True
)
