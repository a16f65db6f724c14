"""FastAPI injects the class under each Python: how, depends on the Python's typing."""

import shutil
from pathlib import Path

import pytest

from tests.environments import make_environment, run
from tests.snippets import ROOT

from .pythons import installed

PYTHONS = installed()


@pytest.mark.parametrize("python", PYTHONS)
def test_installed_wheel_passes_the_tests_of_fastapi(
    python: str, wheel: Path, tmp_path: Path
) -> None:
    for folder in ("examples", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)  # for [tool.pytest]
    groups = ROOT / "pyproject.toml"
    inside = make_environment(
        tmp_path / "environment",
        *(wheel, "--group", f"{groups}:fastapi", "httpx==0.28.1"),
        python=PYTHONS[python],
    )

    tests = run(
        *(inside, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
        "tests/integrations/test_drop_in.py",
        "tests/integrations/test_fastapi.py",
        "tests/integrations/test_fastapi_class.py",
        cwd=tmp_path,
    )

    assert int(tests.stdout.rpartition(" passed")[0].split()[-1]) > 300
