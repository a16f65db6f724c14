from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from .editor import SERVERS, Editor, started


@pytest.fixture(scope="package")
def anyio_backend() -> str:
    return "asyncio"  # pygls knows no other


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    # Without it, pyrefly marks neither wrong arguments nor missing ones.
    (folder / "pyrefly.toml").write_text('preset = "strict"\n')
    return folder


# Not for the session: all later tests would run on its event loop.
@pytest.fixture(scope="package", params=SERVERS)
async def editor(
    request: pytest.FixtureRequest, project: Path
) -> AsyncIterator[Editor]:
    async with started(request.param, project) as editor:
        yield editor
