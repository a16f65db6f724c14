"""pip's own tool, vendoring, copies the wheel into a package of another name."""

import os
import sys
from pathlib import Path

import pytest

from tests.elsewhere import copy_tests_of_the_core, make_environment, run
from tests.snippets import ROOT, snippets


@pytest.fixture
def host(wheel: Path, tmp_path: Path) -> Path:
    """A project that vendors the wheel as the page Vendoring shows."""
    host = tmp_path / "project"
    vendored = host / "src" / "host" / "_vendor"
    vendored.mkdir(parents=True)
    (configuration,) = snippets(ROOT / "docs" / "vendoring.md", "toml")
    (host / "pyproject.toml").write_text(configuration)
    (vendored / "vendor.txt").write_text(f"{wheel}\n")
    for package in (vendored.parent, vendored):
        (package / "__init__.py").touch()
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    run(
        *(sys.executable, "-m", "vendoring", "sync"),
        cwd=host,
        PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        TMPDIR=temporary,
    )
    return host


def test_vendored_wheel_passes_the_tests_of_the_core(
    host: Path, tmp_path: Path
) -> None:
    copy_tests_of_the_core(tmp_path)
    python = make_environment(
        tmp_path / "environment",
        "anyio",
        "typing_extensions",
        python=sys.executable,
    )

    run(
        *(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"),
        cwd=tmp_path,
        BGTASKS_UNDER_TEST="host._vendor.bgtasks",
        PYTHONPATH=host / "src",
    )

    copy = host / "src" / "host" / "_vendor" / "bgtasks"
    assert (copy / "py.typed").is_file()
    assert (copy / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
