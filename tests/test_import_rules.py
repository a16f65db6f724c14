"""The core imports no framework, and all else only the core and its own."""

import shutil
from pathlib import Path

import pytest

from .import_rules import forbidden_imports
from .subject import subject

PACKAGE = Path(subject.__path__[0])


@pytest.mark.parametrize("file", sorted(PACKAGE.glob("*.py")), ids=lambda f: f.name)
def test_every_file_keeps_the_rule(file: Path) -> None:
    assert not forbidden_imports(file)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Another package with the core, and with two integrations."""
    for file in PACKAGE.glob("_*.py"):
        shutil.copy(file, tmp_path)
    (tmp_path / "quart.py").write_text(
        "import quart.typing\nimport anyio\nfrom . import _task, BackgroundTasks\n"
    )
    (tmp_path / "celery.py").write_text("from celery.app import Celery\n")
    (tmp_path / "starlette.py").write_text("import starlette\n")
    (tmp_path / "fastapi.py").write_text(
        "import fastapi\nfrom .starlette import BackgroundTasks\n"
    )
    return tmp_path


def test_an_integration_may_import_the_core_and_its_own_framework(
    package: Path,
) -> None:
    assert not forbidden_imports(package / "quart.py")


def test_fastapis_integration_may_import_starlettes(package: Path) -> None:
    assert not forbidden_imports(package / "fastapi.py")


@pytest.mark.parametrize(
    ("file", "line", "forbidden"),
    [
        ("_calls.py", "import starlette", "starlette"),
        ("_calls.py", "def f():\n    import celery", "celery"),
        ("_calls.py", "from ..host import f", "..host"),
        ("__init__.py", "import httpx", "httpx"),
        ("__init__.py", "from . import quart", ".quart"),
        ("quart.py", "import flask.app", "flask"),
        ("quart.py", "from bgtasks import BackgroundTask", "bgtasks"),
        ("celery.py", "from .quart import Quart", ".quart"),
    ],
)
def test_a_forbidden_import_is_refused(
    file: str, line: str, forbidden: str, package: Path
) -> None:
    with (package / file).open("a") as module:
        module.write(f"{line}\n")

    assert forbidden_imports(package / file) == [f"{file} must not import {forbidden}"]
