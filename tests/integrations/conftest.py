from importlib.util import find_spec
from pathlib import Path

import pytest

# `make test-frameworks` runs these in environments of their own.
APART = ["ellar", "esmerald", "ravyn"]
collect_ignore = [f"test_{name}.py" for name in APART if find_spec(name) is None]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test, and the tasks that write files, a directory of their own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
