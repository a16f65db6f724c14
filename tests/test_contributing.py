"""What CONTRIBUTING.md tells a contributor to do works."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from .elsewhere import run
from .public_api import describe
from .snippets import ROOT

BIN = Path(sys.executable).parent
PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
FILE = re.compile(
    r"^`([\w/]+\.py)`:\n\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
FILES = dict(FILE.findall(PAGE))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Another tree, in which the recipe has been followed."""
    (tmp_path / "bgtasks").mkdir()
    for file in [*ROOT.glob("bgtasks/_*.py"), ROOT / "bgtasks" / "py.typed"]:
        shutil.copy(file, tmp_path / "bgtasks")
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    for name in ("Makefile", "LICENSE", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    for folder in ("tests", "tests/integrations"):
        (tmp_path / folder / "__init__.py").touch()
    return tmp_path


def test_recipe_ends_in_an_integration_that_passes_its_test(tree: Path) -> None:
    tests = run(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
        *("--import-mode=importlib", *(name for name in FILES if "test_" in name)),
        cwd=tree,
        PYTHONPATH=tree,
    )

    assert "1 passed" in tests.stdout


@pytest.mark.parametrize(
    "check",
    [
        [BIN / "ruff", "check", *FILES],
        [BIN / "ruff", "format", "--check", *FILES],
        [BIN / "mypy", *FILES],
        [BIN / "pyright", "--pythonpath", sys.executable, *FILES],
        [BIN / "ty", "check", "--python", sys.executable, *FILES],
        [BIN / "pyrefly", "check", "--python-interpreter-path", sys.executable, *FILES],
        ["make", "vendor", "DEST=copy", "WITH=falcon"],
    ],
    ids=lambda check: Path(check[0]).name,
)
def test_recipe_ends_in_an_integration_that_passes(
    check: list[object], tree: Path
) -> None:
    run(*check, cwd=tree)


def test_recipe_ends_in_an_integration_that_is_described(tree: Path) -> None:
    assert "def bgtasks.falcon.background_tasks(" in describe(tree)


def test_framework_of_the_recipe_has_the_version_that_it_names() -> None:
    (pin,) = re.findall(r'"(falcon==[\d.]+)"', PAGE)

    assert f'"{pin}"' in (ROOT / "pyproject.toml").read_text("utf-8")
