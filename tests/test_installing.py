"""The distribution is `typed-bgtasks`; no page sends a reader to another project."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from .project import ROOT

TEXTS = sorted(
    path
    for pattern in (
        "*.md",
        "*.toml",
        "Makefile",
        "bgtasks/*.py",
        "docs/*.md",
        "examples/*.py",
        ".github/**/*.yml",
    )
    for path in ROOT.glob(pattern)
)
INSTALL = re.compile(r"\b(?:pip install|uv add|poetry add|pdm add)\b([^`\n]*)")
OTHER_PROJECT = re.compile(r"bgtasks(?![\w./-])")


def installed_names(text: str) -> Iterator[str]:
    """Yield what the commands in ``text`` install, as a package index would see it."""
    for command in INSTALL.finditer(text):
        yield from re.split(r"[\s\"']+", command[1])


def asks_for_the_other_project(text: str) -> bool:
    return any(OTHER_PROJECT.match(name) for name in installed_names(text))


def test_distribution_does_not_have_the_name_of_the_other_project() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))

    assert pyproject["project"]["name"] == "typed-bgtasks"
    assert pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == [
        "bgtasks"  # what is imported
    ]


@pytest.mark.parametrize(
    "command",
    [
        "pip install bgtasks",
        "$ python -m pip install --upgrade bgtasks mypy",
        "`uv add bgtasks[fastapi]`",
        'pip install "bgtasks>=0.1"',
        "uv pip install fastapi bgtasks==0.1.0",
    ],
)
def test_a_command_that_installs_the_other_project_is_noticed(command: str) -> None:
    assert asks_for_the_other_project(command)


@pytest.mark.parametrize(
    "command",
    [
        "pip install typed-bgtasks",
        "`pip install .`, then import bgtasks",
        "$ pip install path/to/bgtasks",
        "pip install dist/typed_bgtasks-0.1.0-py3-none-any.whl",
    ],
)
def test_a_command_that_installs_this_project_is_let_pass(command: str) -> None:
    assert not asks_for_the_other_project(command)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_text_tells_to_install_the_other_project(path: Path) -> None:
    assert not asks_for_the_other_project(path.read_text("utf-8"))


@pytest.mark.parametrize("page", ["README.md", "docs/tutorial.md"])
def test_page_that_installs_says_what_works_today_and_which_python(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    before, command, _ = text.partition("pip install")

    assert command
    assert "Python 3.11 or newer and a checkout" in before[-200:].replace("\n", " ")
    for today in ("the wheel that `make dist` builds", "copy the folder"):
        assert today in text.replace("\n", " ")
    assert "`typed-bgtasks`" in text
