from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test, and the tasks that write files, a directory of their own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
