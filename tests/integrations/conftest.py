import os
import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.project import APART

from .processes import RedisServer, Reports, listening

# `make check` runs these in environments of their own.
collect_ignore_glob = [f"*test_{name}.py" for name in APART if find_spec(name) is None]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test, and the tasks that write files, a directory of their own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> Iterator[Reports]:
    """Listen to the functions that workers call."""
    with listening() as reports:
        for name, value in reports.environment.items():
            monkeypatch.setenv(name, value)
        yield reports


@pytest.fixture
def redis(
    tmp_path: Path, free_tcp_port_factory: Callable[[], int]
) -> Iterator[RedisServer]:
    if shutil.which("redis-server") is None:
        if os.environ.get("CI"):
            pytest.fail("redis-server is missing: .ci/run installs it")
        pytest.skip("needs redis-server: apt-get install redis-server")
    folder = tmp_path / "redis"
    folder.mkdir()
    server = RedisServer(folder, free_tcp_port_factory())
    server.start()
    try:
        yield server
    finally:
        server.stop()
