"""The wheel, installed: the core's tests pass with it, and checkers read its types."""

import email
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.environments import copy_tests_of_the_core, make_environment, run
from tests.snippets import ROOT

from .pythons import RUNNING, installed

OLDEST, *NEWER = PYTHONS = installed()


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

    run_tests_of_the_core(environment, tmp_path)


# With the newest dependencies, `make test` runs them under the oldest, and the workflow
# under each.
@pytest.mark.parametrize("python", NEWER)
def test_installed_wheel_passes_the_tests_of_the_core(
    python: str, environment_of: Callable[[str], Path], tmp_path: Path
) -> None:
    run_tests_of_the_core(environment_of(python), tmp_path)


def run_tests_of_the_core(environment: Path, folder: Path) -> None:
    copy_tests_of_the_core(folder)
    inside = environment / "bin" / "python"
    where = "import bgtasks; print(bgtasks.__file__)"
    package = run(inside, "-c", where, cwd=folder).stdout
    assert package.startswith(str(environment))

    tests = run(
        *(inside, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"), cwd=folder
    )

    passed = int(tests.stdout.rpartition(" passed")[0].split()[-1])
    assert passed > 300


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
