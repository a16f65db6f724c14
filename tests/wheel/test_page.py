"""A third project's page shows our descriptions of parameters, from the wheel alone."""

import html
import inspect
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from typing_extensions import Doc

from bgtasks import BackgroundTask, BackgroundTasks
from tests.environments import make_environment, run

SETTINGS = """
[project]
site_name = "A third project"

[project.theme]
font = false

[project.plugins.mkdocstrings.handlers.python.options]
extensions = ["griffe_typingdoc"]
show_source = false
"""
PAGE = """
# What it uses

::: bgtasks.BackgroundTask

::: bgtasks.BackgroundTasks
"""
ROW = re.compile(r"<tr\b.*?</tr>", re.DOTALL)
CELL = re.compile(r"<td\b.*?</td>", re.DOTALL)


@pytest.fixture
def rows(wheel: Path, tmp_path: Path) -> list[list[str]]:
    """The texts of the rows of all tables on the page, as somebody reads them."""
    python = make_environment(
        tmp_path / ".venv", wheel, python=sys.executable, group="pages"
    )
    (tmp_path / "zensical.toml").write_text(SETTINGS)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text(PAGE)

    run(python, "-m", "zensical", "build", "--strict", cwd=tmp_path)

    page = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    return [[text(cell) for cell in CELL.findall(row)] for row in ROW.findall(page)]


def text(markup: str) -> str:
    return plain(html.unescape(re.sub(r"<[^>]*>", "", markup)))


def plain(markdown: str) -> str:
    return " ".join(markdown.replace("`", "").split())


def documented(function: object) -> Iterator[tuple[str, str]]:
    """The parameters of a function, each with what its ``Doc`` says at run time."""
    assert callable(function)
    hints = get_type_hints(function, include_extras=True)
    for name in inspect.signature(function).parameters:
        for metadata in get_args(hints.get(name))[1:]:
            if isinstance(metadata, Doc):
                yield name, plain(metadata.documentation)


def test_page_of_a_third_project_describes_each_parameter(
    rows: list[list[str]],
) -> None:
    functions = (
        BackgroundTask.__init__,
        BackgroundTasks.__init__,
        BackgroundTasks.add_task,
    )
    said = [each for function in functions for each in documented(function)]
    for arguments in (
        ("*args", "Positional arguments of func."),
        ("**kwargs", "Keyword arguments of func."),
    ):
        said += [arguments] * 2  # of the task, and of add_task

    # Those of parameters have a type and a default, too.
    shown = [(row[0], row[2]) for row in rows if len(row) == 4]

    assert {name for name, _ in said} > {"func", "tasks", "on_error"}
    assert not Counter(said) - Counter(shown)
