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


# `make strict` asks for fewer examples, `make soak` for more, and others each time.
for name, examples, random in (
    ("default", 100, False),
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
