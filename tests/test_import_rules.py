"""``make lint`` notices a forbidden import."""

import shutil
import sys
from pathlib import Path

import pytest

from .elsewhere import run
from .snippets import ROOT

LINT = Path(sys.executable).with_name("lint-imports")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Another tree with the core, for a test to add to."""
    (tmp_path / "bgtasks").mkdir()
    for file in ROOT.glob("bgtasks/_*.py"):
        shutil.copy(file, tmp_path / "bgtasks")
    (tmp_path / "tests").mkdir()
    for name in ("pyproject.toml", "tests/__init__.py", "tests/import_rules.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def lint(tree: Path, *, expect: int) -> str:
    return run(LINT, "--no-cache", "--no-logo", cwd=tree, expect=expect).stdout


def test_an_integration_may_import_the_core_and_its_own_framework(tree: Path) -> None:
    (tree / "bgtasks" / "quart.py").write_text(
        "import quart.typing\nimport anyio\nfrom . import _task, BackgroundTasks\n"
    )

    lint(tree, expect=0)


def test_fastapis_integration_may_import_starlettes(tree: Path) -> None:
    (tree / "bgtasks" / "starlette.py").write_text("import starlette\n")
    (tree / "bgtasks" / "fastapi.py").write_text(
        "import fastapi\nfrom .starlette import BackgroundTasks\n"
    )

    lint(tree, expect=0)


@pytest.mark.parametrize(
    ("file", "line", "message"),
    [
        ("_calls.py", "import starlette", "bgtasks._calls must not import starlette"),
        ("__init__.py", "import httpx", "bgtasks must not import httpx"),
        (
            "__init__.py",
            "from . import quart",
            "bgtasks must not import bgtasks.quart",
        ),
        ("quart.py", "import flask.app", "bgtasks.quart must not import flask"),
        (
            "celery.py",
            "from .quart import Quart",
            "bgtasks.celery must not import bgtasks.quart",
        ),
        (
            "_calls.py",
            "def f():\n    import celery",
            "bgtasks._calls must not import celery",
        ),
    ],
)
def test_a_forbidden_import_is_refused(
    file: str, line: str, message: str, tree: Path
) -> None:
    (tree / "bgtasks" / "quart.py").write_text("import quart\n")
    with (tree / "bgtasks" / file).open("a") as module:
        module.write(f"{line}\n")

    assert message in " ".join(lint(tree, expect=1).split())
