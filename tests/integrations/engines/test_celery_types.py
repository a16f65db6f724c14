"""What type checkers see of Celery's tasks, with celery-types and without."""

import re
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import anyio
import pytest

from tests.project import ROOT

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


# As they stand in the table's first column.
FORMS = {
    "app.task(resize)": """
def {name}(path: str, width: int) -> None: ...
app.task({name})
""",
    "@app.task": """
@app.task
def {name}(path: str, width: int) -> None: ...
""",
    '@app.task(name="resize")': """
@app.task(name="{name}")
def {name}(path: str, width: int) -> None: ...
""",
    "@shared_task": """
@shared_task
def {name}(path: str, width: int) -> None: ...
""",
    "@app.task(bind=True)": """
@app.task(bind=True)
def {name}(self: Task, path: str, width: int) -> None: ...
""",
}
HEAD = """
from celery import Celery, Task, shared_task
from bgtasks import BackgroundTasks
app = Celery("shop")
tasks = BackgroundTasks()
"""
RIGHT = 'tasks.add_task({name}, "a.png", 800)\n'
WRONG = 'tasks.add_task({name}, "a.png", "800")\n'

HAS_TYPES = find_spec("celery-stubs") is not None
BIN = Path(sys.executable).parent
COMMANDS = {
    "mypy": ["mypy", "--strict", "--ignore-missing-imports"],
    "pyright": ["pyright", "--pythonpath", sys.executable],
    "ty": ["ty", "check", "--python", sys.executable, "--output-format", "concise"],
    "pyrefly": [
        *("pyrefly", "check", "--python-interpreter-path", sys.executable),
        *("--preset", "strict", "--output-format", "min-text"),
    ],
    "zuban": [
        *("zuban", "mypy", "--strict", "--ignore-missing-imports"),
        *("--python-executable", sys.executable),
    ],
}


class Checked:
    """The forms in one file, and what a checker says of its lines."""

    def __init__(self) -> None:
        self.lines: list[str] = [*HEAD.splitlines()]
        self.ends: dict[str, int] = {}  # the line of each form's wrong call
        self.errors: dict[int, str] = {}
        for number, (form, code) in enumerate(FORMS.items()):
            name = f"resize_{number}"
            self.lines += code.format(name=name).splitlines()
            self.lines += [call.format(name=name).strip() for call in (RIGHT, WRONG)]
            self.ends[form] = len(self.lines)

    async def ask(self, checker: str, folder: Path) -> None:
        (folder / "forms.py").write_text("\n".join(self.lines) + "\n")
        command = [str(BIN / COMMANDS[checker][0]), *COMMANDS[checker][1:], "forms.py"]
        process = await anyio.run_process(command, cwd=folder, check=False)
        for line, error in re.findall(r"forms\.py:(\d+)(.*)", process.stdout.decode()):
            self.errors[int(line)] = error

    def words(self) -> Mapping[str, str]:
        """Return what the checker makes of each form: the table's word for it."""
        words = {
            (False, True): "checked",
            (False, False): "not checked",
            (True, True): "false error",
        }
        return {
            form: words[end - 1 in self.errors, end in self.errors]
            for form, end in self.ends.items()
        }


def said_of(checker: str) -> Mapping[str, str]:
    """Return what the page says of the checker, in this environment."""
    page = (ROOT / "docs" / "engines.md").read_text("utf-8")
    section = page.partition("## What your type checker sees")[2].partition("\n## ")[0]
    rows = [
        line.strip("| ").split(" | ")
        for line in section.splitlines()
        if line.startswith("|")
    ]
    column = {"mypy": 1, "ty": 1, "zuban": 1, "pyright": 2, "pyrefly": 3}[checker]
    if HAS_TYPES:
        column = 4
    return {row[0].strip("`"): row[column] for row in rows[2:]}


@pytest.mark.parametrize("checker", COMMANDS)
async def test_checkers_see_what_the_page_says(checker: str, folder: Path) -> None:
    checked = Checked()
    await checked.ask(checker, folder)

    assert checked.words() == said_of(checker)


@pytest.mark.skipif(not HAS_TYPES, reason="celery-types is not installed")
async def test_zuban_has_a_false_error_where_the_page_says(folder: Path) -> None:
    checked = Checked()
    await checked.ask("zuban", folder)

    # At the decorator, three lines above.
    refused = {
        form
        for form, end in checked.ends.items()
        if "incompatible type" in checked.errors.get(end - 3, "")
    }
    assert refused == {'@app.task(name="resize")', "@app.task(bind=True)"}
