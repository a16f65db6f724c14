"""A copy of the core in another package, under another name: it works and checks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .snippets import ROOT
from .subject import NAME

pytestmark = pytest.mark.skipif(NAME != "bgtasks", reason="this is the copy already")

HOST = """\
from collections.abc import Awaitable, Callable

from ._vendor.tasks import BackgroundTasks


def respond(background: Callable[[], Awaitable[None]] | None = None) -> None: ...


async def send(to: str) -> None: ...


tasks = BackgroundTasks(on_error=lambda task, exc: print(task.func, exc))
tasks.add_task(send, "ada@example.org")
respond(background=tasks)
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose package has the core in it."""
    folder = tmp_path_factory.mktemp("project")
    copy = folder / "host" / "_vendor" / "tasks"
    made = subprocess.run(
        ["make", "vendor", f"DEST={copy}"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    for package in (folder / "host", folder / "host" / "_vendor"):
        (package / "__init__.py").touch()
    (folder / "host" / "application.py").write_text(HOST)
    (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    return folder


def run(host: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "BGTASKS_UNDER_TEST": "host._vendor.tasks",
        "PYTHONPATH": str(host),
    }
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=host,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_copy_holds_the_core_its_licence_and_its_origin(host: Path) -> None:
    copy = host / "host" / "_vendor" / "tasks"

    assert sorted(file.name for file in copy.iterdir()) == [
        "LICENSE",
        "ORIGIN",
        "__init__.py",
        "_calls.py",
        "_task.py",
        "_tasks.py",
        "py.typed",
    ]
    assert (copy / "ORIGIN").read_text().startswith("bgtasks 0.")


def test_copy_passes_the_tests_of_the_core(host: Path) -> None:
    core = sorted(
        str(file) for file in (ROOT / "tests").glob("test_*.py") if uses_subject(file)
    )
    assert len(core) > 5

    tests = run(
        host, "pytest", "-q", f"--rootdir={ROOT}", "-p", "no:cacheprovider", *core
    )

    assert tests.returncode == 0, tests.stdout


def uses_subject(file: Path) -> bool:
    return file != Path(__file__) and "from .subject import" in file.read_text()


def test_copy_does_not_import_the_installed_package(host: Path) -> None:
    code = "import sys, host.application; sys.exit('bgtasks' in sys.modules)"

    ran = subprocess.run([sys.executable, "-c", code], cwd=host, check=False)

    assert ran.returncode == 0


@pytest.mark.parametrize(
    "checker",
    [
        ["mypy", "--strict", "host"],
        ["pyright", "--pythonpath", sys.executable],
        ["ty", "check", "--python", sys.executable],
        [
            *("pyrefly", "check", "--preset", "strict"),
            *("--python-interpreter-path", sys.executable, "host"),
        ],
    ],
    ids=lambda command: command[0],
)
def test_copy_type_checks_in_its_host(host: Path, checker: list[str]) -> None:
    checked = run(host, *checker)

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_vendor_without_a_destination_says_what_to_write() -> None:
    made = subprocess.run(
        ["make", "vendor"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert made.returncode != 0
    assert "write make vendor DEST=path/to/your/package/_vendor/bgtasks" in made.stderr
