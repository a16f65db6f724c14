"""The wheel, installed: tests pass with it, and checkers read its types."""

import email
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from tests.environments import make_environment, run
from tests.project import ROOT
from tests.subject import USES_SUBJECT

from .pythons import RUNNING, installed

PYTHONS = installed()
OLDEST = next(iter(PYTHONS))
CORE = [
    str(file.relative_to(ROOT))
    for file in sorted(ROOT.glob("tests/test_*.py"))
    if USES_SUBJECT.search(file.read_text("utf-8"))
]
CACHES = shutil.ignore_patterns("__pycache__")
# How FastAPI injects the class depends on the typing of each Python.
FASTAPI = [
    "tests/integrations/test_drop_in.py",
    "tests/integrations/test_fastapi.py",
    "tests/integrations/test_fastapi_class.py",
]


def lowest_requirements(wheel: Path) -> list[str]:
    (name,) = (n for n in zipfile.ZipFile(wheel).namelist() if n.endswith("METADATA"))
    metadata = email.message_from_bytes(zipfile.ZipFile(wheel).read(name))
    return [
        each.replace(">=", "==")
        for each in metadata.get_all("Requires-Dist", [])
        if ";" not in each
    ]


def test_installed_wheel_passes_the_tests_of_the_core_with_the_oldest_of_all(
    wheel: Path, tmp_path: Path
) -> None:
    environment = tmp_path / "environment"
    make_environment(
        environment, wheel, *lowest_requirements(wheel), python=PYTHONS[OLDEST]
    )

    run_tests(CORE, environment, tmp_path)


# Under the Python that runs them, `make test test-frameworks` does. In one process: it
# takes a second to start.
@pytest.mark.parametrize("python", [each for each in PYTHONS if each != RUNNING])
def test_installed_wheel_passes_the_tests_of_the_core_and_of_fastapi(
    python: str, wheel: Path, tmp_path: Path
) -> None:
    environment = tmp_path / "environment"
    make_environment(
        *(environment, wheel, "httpx==0.28.1"),
        *("--group", f"{ROOT / 'pyproject.toml'}:fastapi"),
        python=PYTHONS[python],
    )

    run_tests([*CORE, *FASTAPI], environment, tmp_path)


def run_tests(files: list[str], environment: Path, folder: Path) -> None:
    for name in ("examples", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=CACHES)
    shutil.copy(ROOT / "pyproject.toml", folder)  # for [tool.pytest]
    inside = environment / "bin" / "python"
    where = "import bgtasks; print(bgtasks.__file__)"
    package = run(inside, "-c", where, cwd=folder).stdout
    assert package.startswith(str(environment))

    tests = run(
        *(inside, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files), cwd=folder
    )

    passed = int(tests.stdout.rpartition(" passed")[0].split()[-1])
    assert passed > 1000


# For the version that runs them, `make test` asks them about the same files. To them, a
# free-threaded one is like any other.
ASKED = {each.removesuffix("t") for each in PYTHONS} - {RUNNING.removesuffix("t")}


@pytest.mark.parametrize("version", sorted(ASKED))
def test_checkers_accept_and_reject_alike_for_each_python(
    version: str, wheel: Path, tmp_path: Path
) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)

    run(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
        "typetests/test_examples.py",
        # What they say of Starlette's own signature stands on a page, once.
        *("-k", "not test_verdicts_by_the_signature_of_starlette"),
        cwd=ROOT,
        PYTHONPATH=tmp_path,
        TYPETESTS_PYTHON_VERSION=version,
    )
