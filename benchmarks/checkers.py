"""What type checkers spend on calls of ``add_task``: CPU time of whole processes."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from .measures import Row

CHECKERS: dict[str, list[str]] = {
    "mypy": ["mypy", "--strict"],
    "pyright": ["pyright", "--pythonpath", sys.executable],
    "ty": ["ty", "check", "--python", sys.executable],
    "pyrefly": ["pyrefly", "check", "--python-interpreter-path", sys.executable],
}
FORMS = {
    "bgtasks": ("from bgtasks import BackgroundTasks", "tasks.add_task(send, {})"),
    "Starlette": (
        "from starlette.background import BackgroundTasks",
        "tasks.add_task(send, {})",
    ),
    "FastAPI": ("from fastapi import BackgroundTasks", "tasks.add_task(send, {})"),
    "direct": ("from bgtasks import BackgroundTasks", "send({})"),
}
HEAD = """\
def send(to: str, times: int = 1, *, subject: str, urgent: bool = False) -> None: ...
tasks = BackgroundTasks()
"""


def page(form: str, number: int) -> str:
    line, call = FORMS[form]
    lines = [
        call.format(f'"{place}@example.org", {place}, subject="Hi", urgent=True')
        for place in range(number)
    ]
    return "\n".join([line, HEAD, *lines, ""])


def checking(rounds: int, calls: int) -> Iterator[Row]:
    forms = [form for form in FORMS if form != "FastAPI" or find_spec("fastapi")]
    with tempfile.TemporaryDirectory() as folder:
        for checker, command in CHECKERS.items():
            target = {"mypy": 1.0, "pyright": 1.1}.get(checker)
            row = Row(f"{checker}: {calls:,} calls of add_task", "s", target)
            for number in range(rounds + (rounds > 1)):
                for form in forms:
                    file = Path(folder, form, "page.py")
                    file.parent.mkdir(exist_ok=True)
                    # Changed each time: mypy keeps what it knows of the modules
                    # imported, and checks the page.
                    file.write_text(f"{page(form, calls)}# {number}\n")
                    spent = cpu_time([sys.executable, "-m", *command, file.name], file)
                    if number or rounds == 1:  # else the first fills the caches
                        row.note(form, spent)
            yield row


def cpu_time(command: list[str], file: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    checked = subprocess.run(
        command, cwd=file.parent, capture_output=True, text=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if checked.returncode:
        msg = f"{command} found errors in its page:\n{checked.stdout}{checked.stderr}"
        raise RuntimeError(msg)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
