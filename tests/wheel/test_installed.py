"""The wheel, installed: the core's tests pass with it, and checkers read its types."""

import email
import sys
import zipfile
from pathlib import Path

import pytest

from tests.environments import copy_tests_of_the_core, make_environment, run
from tests.snippets import ROOT

from .pythons import installed

PYTHONS = installed()


def requirements(wheel: Path, dependencies: str) -> list[str]:
    (name,) = (n for n in zipfile.ZipFile(wheel).namelist() if n.endswith("METADATA"))
    metadata = email.message_from_bytes(zipfile.ZipFile(wheel).read(name))
    declared = [
        each for each in metadata.get_all("Requires-Dist", []) if ";" not in each
    ]
    if dependencies == "newest":
        return [each.partition(">=")[0] for each in declared]
    return [each.replace(">=", "==") for each in declared]


# The oldest Python with the oldest dependencies, and each newer one with the newest:
# `make test` runs under one with the newest, and the workflow under each.
VERSIONS = [*PYTHONS]
PAIRS = [(VERSIONS[0], "lowest"), *((newer, "newest") for newer in VERSIONS[1:])]


@pytest.mark.parametrize(("python", "dependencies"), PAIRS)
def test_installed_wheel_passes_the_tests_of_the_core(
    python: str, dependencies: str, wheel: Path, tmp_path: Path
) -> None:
    copy_tests_of_the_core(tmp_path)
    environment = tmp_path / "environment"
    inside = make_environment(
        environment,
        wheel,
        *requirements(wheel, dependencies),
        python=PYTHONS[python],
    )
    where = "import bgtasks; print(bgtasks.__file__)"
    package = run(inside, "-c", where, cwd=tmp_path).stdout
    assert package.startswith(str(environment))

    tests = run(
        *(inside, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"),
        cwd=tmp_path,
    )

    passed = int(tests.stdout.rpartition(" passed")[0].split()[-1])
    assert passed > 300


# For the version that runs them, `make test` asks them about the same files; and they
# know of no free-threaded one.
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
ASKED = [each for each in VERSIONS if each != RUNNING and not each.endswith("t")]


@pytest.mark.parametrize("version", ASKED)
def test_checkers_accept_and_reject_alike_for_each_python(
    version: str, wheel: Path, tmp_path: Path
) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)

    run(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
        "typetests/test_examples.py",
        cwd=ROOT,
        PYTHONPATH=tmp_path,
        TYPETESTS_PYTHON_VERSION=version,
    )
