"""FastAPI injects the class under each Python: how, depends on the Python's typing."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.environments import run
from tests.snippets import ROOT

from .pythons import RUNNING, installed

# Under the one that runs them, `make test-frameworks` does.
OTHERS = [python for python in installed() if python != RUNNING]


@pytest.mark.parametrize("python", OTHERS)
def test_installed_wheel_passes_the_tests_of_fastapi(
    python: str, environment_of: Callable[[str], Path], tmp_path: Path
) -> None:
    for folder in ("examples", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)  # for [tool.pytest]

    tests = run(
        *(environment_of(python) / "bin" / "python", "-m", "pytest", "-q"),
        *("-p", "no:cacheprovider"),
        "tests/integrations/test_drop_in.py",
        "tests/integrations/test_fastapi.py",
        "tests/integrations/test_fastapi_class.py",
        cwd=tmp_path,
    )

    assert int(tests.stdout.rpartition(" passed")[0].split()[-1]) > 300
