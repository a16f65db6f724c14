"""A copy of the core in another package, under another name: it works and checks."""

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.environments import make_environment, run
from tests.project import ROOT

CORE = ["__init__.py", *sorted(file.name for file in ROOT.glob("bgtasks/_[a-z]*.py"))]
HOST = """\
from collections.abc import Awaitable, Callable

from ._vendor.tasks import BackgroundTasks


def respond(background: Callable[[], Awaitable[None]] | None = None) -> None: ...


async def send(to: str) -> None: ...


tasks = BackgroundTasks(on_error=lambda task, exc: print(task.func, exc))
tasks.add_task(send, "ada@example.org")
respond(background=tasks)
"""
WRONG = """\
from .application import send, tasks

tasks.add_task(send, "ada@example.org", subject="Welcome")
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that has nothing but anyio, typing_extensions, and test tools."""
    folder = tmp_path_factory.mktemp("host") / "environment"
    return make_environment(folder, "anyio", "typing_extensions", python=sys.executable)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose package has the core in it."""
    folder = tmp_path_factory.mktemp("project")
    vendor(f"DEST={folder / 'host' / '_vendor' / 'tasks'}")
    for package in (folder / "host", folder / "host" / "_vendor"):
        (package / "__init__.py").touch()
    (folder / "host" / "application.py").write_text(HOST)
    (folder / "host" / "wrong.py").write_text(WRONG)
    (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    return folder


def vendor(*variables: str, root: Path = ROOT, expect: int = 0) -> str:
    made = run("make", "vendor", *variables, cwd=root, expect=expect)
    return made.stderr


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


# What is copied


def test_copy_holds_the_core_its_licence_and_its_origin(host: Path) -> None:
    copy = host / "host" / "_vendor" / "tasks"

    assert names_in(copy) == sorted([*CORE, "LICENSE", "ORIGIN", "py.typed"])
    for name in [*CORE, "py.typed"]:
        assert (copy / name).read_bytes() == (ROOT / "bgtasks" / name).read_bytes()


def test_origin_says_the_version_and_where_the_copy_is_from(host: Path) -> None:
    origin = (host / "host" / "_vendor" / "tasks" / "ORIGIN").read_text()

    assert origin.startswith("bgtasks 0.")
    assert ": copied by its make vendor, unchanged\n" in origin


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Another bgtasks, of which a test knows all the files."""
    source = tmp_path / "source"
    for folder in ("bgtasks", "tools"):
        (source / folder).mkdir(parents=True)
    for name in ("Makefile", "LICENSE", "pyproject.toml", "tools/vendor.sh"):
        shutil.copy(ROOT / name, source / name)
    (source / "bgtasks" / "__init__.py").write_text('__version__ = "7.8.9"\n')
    for name in ("_core.py", "py.typed", "quart.py", "sanic.py"):
        (source / "bgtasks" / name).touch()
    return source


def test_vendor_copies_the_integrations_that_are_asked_for(
    source: Path, tmp_path: Path
) -> None:
    vendor(f"DEST={tmp_path / 'copy'}", "WITH=quart", root=source)

    assert names_in(tmp_path / "copy") == [
        "LICENSE",
        "ORIGIN",
        "__init__.py",
        "_core.py",
        "py.typed",
        "quart.py",
    ]


def test_vendor_takes_several_integrations(source: Path, tmp_path: Path) -> None:
    vendor(f"DEST={tmp_path / 'copy'}", "WITH=quart,sanic", root=source)

    assert {"quart.py", "sanic.py"} < {*names_in(tmp_path / "copy")}


@pytest.mark.parametrize("wanted", ["fastapi", "fastapi,starlette"])
def test_vendor_copies_starlettes_integration_with_fastapis(
    wanted: str, source: Path, tmp_path: Path
) -> None:
    for name in ("fastapi.py", "starlette.py"):
        (source / "bgtasks" / name).touch()

    vendor(f"DEST={tmp_path / 'copy'}", f"WITH={wanted}", root=source)

    copied = (tmp_path / "copy" / "ORIGIN").read_text().splitlines()[1:]
    assert copied.count("fastapi.py") == copied.count("starlette.py") == 1
    assert {"fastapi.py", "starlette.py"} < {*names_in(tmp_path / "copy")}


def test_vendor_copies_nothing_if_there_is_no_such_integration(
    source: Path, tmp_path: Path
) -> None:
    said = vendor(
        f"DEST={tmp_path / 'copy'}", "WITH=quart,_core", root=source, expect=2
    )

    assert "there is no _core in bgtasks" in said
    assert "write WITH= with some of quart sanic" in said
    assert not (tmp_path / "copy").exists()


def test_a_new_copy_leaves_no_file_of_the_old_one(source: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    vendor(f"DEST={copy}", "WITH=quart", root=source)
    (copy / "patches.py").touch()
    (source / "bgtasks" / "_core.py").rename(source / "bgtasks" / "_run.py")

    vendor(f"DEST={copy}", root=source)

    assert names_in(copy) == [
        "LICENSE",
        "ORIGIN",
        "__init__.py",
        "_run.py",
        "patches.py",
        "py.typed",
    ]
    assert "bgtasks 7.8.9: copied" in (copy / "ORIGIN").read_text()


def test_vendor_does_not_write_into_a_folder_of_something_else(
    source: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "__init__.py").write_text("mine = True\n")

    said = vendor(f"DEST={copy}", root=source, expect=2)

    assert "is not a copy of bgtasks" in said
    assert names_in(copy) == ["__init__.py"]


def test_vendor_without_a_destination_says_what_to_write() -> None:
    said = vendor(expect=2)

    assert "write make vendor DEST=path/to/your/package/_vendor/bgtasks" in said


# How it works: `make strict` runs the tests of the core on a copy


def test_tests_about_other_things_are_left_out_for_a_copy(host: Path) -> None:
    collected = run(
        *(sys.executable, "-m", "pytest", "-q", "--collect-only"),
        *("-p", "no:cacheprovider", "tests"),
        cwd=ROOT,
        BGTASKS_UNDER_TEST="host._vendor.tasks",
        PYTHONPATH=host,
    ).stdout

    assert "test_collection.py" in collected
    assert "test_pool.py" not in collected
    assert "wheel" not in collected


def test_copy_needs_no_installed_bgtasks(host: Path, python: Path) -> None:
    code = (
        "import importlib.util, sys, host.application\n"
        "sys.exit(importlib.util.find_spec('bgtasks') is not None)"
    )

    run(python, "-W", "error", "-c", code, cwd=host)


BOTH = """\
import asyncio

import bgtasks
from host._vendor import tasks as copy

ran = []
assert bgtasks.BackgroundTask is not copy.BackgroundTask
assert bgtasks.__file__ != copy.__file__

async def main():
    installed = bgtasks.BackgroundTasks()
    installed.add_task(ran.append, "installed")
    copied = copy.BackgroundTasks([copy.BackgroundTask(ran.append, "copied")])
    installed.add_task(copied)
    copied.add_task(bgtasks.BackgroundTask(ran.append, "installed, in the copy"))
    await installed()
    assert bgtasks.current_thread_limiter() is not copy.current_thread_limiter()

asyncio.run(main())
assert ran == ["installed", "copied", "installed, in the copy"], ran
assert bgtasks.BackgroundTask.__module__ == "bgtasks"
assert copy.BackgroundTask.__module__ == "host._vendor.tasks"
"""


def test_copy_and_installed_package_live_side_by_side(host: Path) -> None:
    run(sys.executable, "-W", "error", "-c", BOTH, cwd=host)


# What checkers say

CHECKERS: dict[str, Callable[[Path], list[object]]] = {
    "mypy": lambda python: ["--strict", "--python-executable", python, "host"],
    "pyright": lambda python: ["--pythonpath", python, "host"],
    "ty": lambda python: ["check", "--python", python, "host"],
    "pyrefly": lambda python: [
        *("check", "--preset", "strict"),
        *("--python-interpreter-path", python, "host"),
    ],
}


@pytest.mark.parametrize("checker", CHECKERS)
def test_only_the_wrong_call_in_the_host_is_refused(
    checker: str, host: Path, python: Path
) -> None:
    checked = run(
        *(sys.executable, "-m", checker, *CHECKERS[checker](python)),
        cwd=host,
        expect=1,
    )

    assert re.search(r"wrong\.py:3\b", checked.stdout)
    assert "subject" in checked.stdout
    assert re.search(r"\b1 (error|diagnostic)\b", checked.stdout + checked.stderr)
