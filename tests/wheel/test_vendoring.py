"""pip's own tool, vendoring, copies the wheel into a package of another name."""

import os
import sys
from pathlib import Path

import pytest

from tests.environments import run
from tests.project import ROOT
from tests.snippets import snippets


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


def test_vendored_wheel_is_the_core_itself(host: Path) -> None:
    """As it imports itself relatively, nothing is rewritten: `test_copy` tests it."""
    copy = host / "src" / "host" / "_vendor" / "bgtasks"
    core = [*ROOT.glob("bgtasks/_*.py"), ROOT / "bgtasks" / "py.typed"]

    for file in [*core, ROOT / "LICENSE"]:
        assert (copy / file.name).read_bytes() == file.read_bytes()
