import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from .processes import RedisServer, Reports, listening


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> Iterator[Reports]:
    with listening() as reports:
        for name, value in reports.environment.items():
            monkeypatch.setenv(name, value)
        yield reports


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    if shutil.which("redis-server") is None:
        if os.environ.get("CI"):
            pytest.fail("redis-server is missing: .ci/run installs it")
        pytest.skip("needs redis-server: apt-get install redis-server")
    folder = tmp_path / "redis"
    folder.mkdir()
    server = RedisServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
