"""What is in the wheel and in the source distribution."""

import email
import json
import os
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import bgtasks
from tests.environments import run
from tests.project import APART, ROOT


def test_wheel_holds_the_package_its_licence_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    package = {
        f"bgtasks/{file.name}"
        for file in (ROOT / "bgtasks").iterdir()
        if file.suffix in {".py", ".typed"}
    }
    information = f"typed_bgtasks-{bgtasks.__version__}.dist-info"
    assert {*names} == package | {
        f"{information}/{name}"
        for name in ("METADATA", "RECORD", "WHEEL", "licenses/LICENSE")
    }


def test_metadata_says_what_the_package_needs(wheel: Path) -> None:
    (name,) = (n for n in zipfile.ZipFile(wheel).namelist() if n.endswith("METADATA"))
    metadata = email.message_from_bytes(zipfile.ZipFile(wheel).read(name))

    assert metadata["Name"] == "typed-bgtasks"
    assert metadata["Version"] == bgtasks.__version__
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "MIT-0"
    needed = metadata.get_all("Requires-Dist")
    assert needed is not None
    assert [each for each in needed if "extra ==" not in each] == [
        "anyio>=4.4",
        "typing-extensions>=4.8",
    ]
    assert metadata.get_payload() == (ROOT / "README.md").read_text("utf-8")


@pytest.fixture
def unpacked(sdist: Path, tmp_path: Path) -> Path:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()
    return folder


def test_building_again_elsewhere_yields_the_same_bytes(
    unpacked: Path, wheel: Path, sdist: Path
) -> None:
    (unpacked / "PKG-INFO").unlink()  # it is made, not a source
    for file in unpacked.rglob("*"):
        os.utime(file, (1, 1))

    run(sys.executable, "-m", "hatchling", "build", cwd=unpacked)

    for first in (wheel, sdist):
        again = unpacked / "dist" / first.name
        assert again.read_bytes() == first.read_bytes(), first.name


def test_source_distribution_can_be_vendored_from(
    unpacked: Path, tmp_path: Path
) -> None:
    run("make", "vendor", f"DEST={tmp_path / 'copy'}", cwd=unpacked)

    origin = (tmp_path / "copy" / "ORIGIN").read_text()
    assert origin.startswith(f"bgtasks {bgtasks.__version__}: copied by")


def test_types_are_complete(wheel: Path, tmp_path: Path) -> None:
    """As pyright sees it: every public symbol has a known type."""
    environment = tmp_path / "environment"
    venv.create(environment)
    (packages,) = environment.glob("lib/python*/site-packages")
    zipfile.ZipFile(wheel).extractall(packages)  # noqa: S202 (our own)
    # What these are of cannot be installed beside the others, or not with its types:
    # `make test-frameworks test-engines` asks pyright about them.
    for name in APART:
        module = packages / "bgtasks" / f"{name.removesuffix('-types')}.py"
        module.unlink(missing_ok=True)
    # For what the package needs; a .pth file there, the editable one, is not read.
    (packages / "outer.pth").write_text(sysconfig.get_path("purelib"))
    # Here pyright does not heed --pythonpath: it asks the first `python` there is.
    path = os.pathsep.join([str(environment / "bin"), os.environ["PATH"]])

    verified = run(
        *(sys.executable, "-m", "pyright", "--outputjson"),
        *("--verifytypes", "bgtasks", "--ignoreexternal"),
        cwd=tmp_path,
        expect=None,
        PATH=path,
    )
    verdict = json.loads(verified.stdout)["typeCompleteness"]

    assert verdict["packageRootDirectory"] == str(packages / "bgtasks")
    assert verdict["completenessScore"] == 1
    known = verdict["exportedSymbolCounts"]["withKnownType"]
    assert known >= len(bgtasks.__all__)
