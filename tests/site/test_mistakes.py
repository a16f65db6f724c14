"""A line pasted from a checker into the site's search finds its entry first."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tools import mistakes
from typetests.harness import messages

KINDS = mistakes.read_kinds()
WRONG = [case for case in mistakes.all_cases() if case.statement.is_wrong]
IN_TERMINAL: dict[str, Callable[[str], str]] = {
    "mypy": lambda text: f"app/main.py:42: {text}",
    "pyright": lambda text: f"  /home/ada/app/main.py:42:29 - {text}",
    "ty": lambda text: f"app/main.py:42:29: {text}",
    "pyrefly": lambda text: text.replace("ERROR", "ERROR app/main.py:42:29-34:", 1),
}
# Mistakes with other names, types and numbers than those of the typed examples.
ANOTHER_PROGRAM = """
from bgtasks import BackgroundTasks


async def charge(customer: int, cents: float, *, currency: str) -> bool: ...


def archive(folder: bytes, /, depth: int | None) -> None: ...


async def main(queue: BackgroundTasks) -> None:
    queue.add_task(charge, "Grace", 9.5, currency="EUR")  # wrong-type
    queue.add_task(archive, b"logs", "deep")  # wrong-type
    queue.add_task(charge, 7, 9.5)  # missing
    queue.add_task(archive, b"logs")  # missing
    queue.add_task(archive, b"logs", 1, 2, 3)  # too-many
    queue.add_task(archive, b"logs", 1, zip=True)  # unknown
    queue.add_task(charge(7, 9.5, currency="EUR"))  # not-a-function
    queue.add_task(archive, b"logs", 1, depth=2)  # twice
    queue()  # forgotten-await
    await queue.add_task(archive, b"logs", 1)  # not-awaitable
    BackgroundTasks(archive)  # list-of-tasks
    BackgroundTasks(runner=archive)  # runner
    BackgroundTasks(on_error=charge)  # on-error
    queue.length  # attribute
"""


def lines(checker: str) -> Iterator[tuple[str, str]]:
    """Yield a line as the terminal shows it, and bare, with the anchor of its entry."""
    for kind in KINDS:
        said = mistakes.shown(kind, WRONG, KINDS).said[checker]
        for text in said:
            if mistakes.kind_of_message(text, KINDS) == kind:
                first = text.splitlines()[0]
                yield IN_TERMINAL[checker](first), kind.anchor
                bare = re.sub(r"^(error|ERROR)(\[[\w-]+\])?:? ", "", first)
                bare = re.sub(r"\s+(\[[\w-]+\]|\(report\w+\))$", "", bare)
                yield bare, kind.anchor
                break


@pytest.fixture(scope="module")
def page(browser: Browser, address: str) -> Iterator[Page]:
    # The search blurs what is behind it, which takes least time in a small window.
    context = browser.new_context(
        base_url=address, viewport={"width": 390, "height": 300}
    )
    page = context.new_page()
    page.goto("", wait_until="networkidle")
    page.keyboard.press("Control+k")
    yield page
    context.close()


def find(page: Page, line: str, anchor: str) -> None:
    page.get_by_placeholder("Search").fill(line)
    first = page.get_by_role("option").first
    entry = re.compile(rf"/mistakes/.*#{anchor}$")
    expect(first, line).to_have_attribute("href", entry)


@pytest.mark.parametrize("checker", messages.SHOWN)
def test_line_of_every_kind_finds_its_entry_first(checker: str, page: Page) -> None:
    found = list(lines(checker))

    assert {anchor for _, anchor in found} == {kind.anchor for kind in KINDS}
    for every_second in (found[::2], found[1::2]):  # no entry twice in succession
        for line, anchor in every_second:
            find(page, line, anchor)


def test_whole_message_of_several_lines_finds_its_entry_first(page: Page) -> None:
    for kind in KINDS:
        case = mistakes.shown(kind, WRONG, KINDS)
        (text, *_) = case.said["pyright"]
        if mistakes.kind_of_message(text, KINDS) == kind:
            find(page, text, kind.anchor)


def reported(checker: str, program: Path) -> list[tuple[int, str]]:
    options = {
        "mypy": ["mypy", "--strict", "--no-error-summary"],
        "pyright": ["pyright", "--pythonpath", sys.executable],
        "ty": ["ty", "check", "--output-format=concise", "--python", sys.executable],
        "pyrefly": [
            *("pyrefly", "check", "--output-format=min-text"),
            *("--python-interpreter-path", sys.executable),
        ],
    }
    done = subprocess.run(
        [sys.executable, "-m", *options[checker], program.name],
        cwd=program.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return [
        (int(found[1]), line)
        for line in done.stdout.splitlines()
        if (found := re.search(r"program\.py:(\d+):", line)) and "note:" not in line
    ]


@pytest.mark.parametrize("checker", messages.SHOWN)
def test_line_about_another_program_finds_its_entry_first(
    checker: str, page: Page, tmp_path: Path
) -> None:
    program = tmp_path / "program.py"
    program.write_text(ANOTHER_PROGRAM)
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    (tmp_path / "pyrefly.toml").write_text('preset = "strict"\n')
    wanted = {
        number: line.rpartition("# ")[2]
        for number, line in enumerate(ANOTHER_PROGRAM.splitlines(), 1)
        if "  # " in line
    }
    missed = dict(wanted)

    for number, line in reported(checker, program):
        kind = mistakes.kind_of_message(line, KINDS)
        if kind is not None and kind.anchor == missed.get(number):
            find(page, line, missed.pop(number))

    assert not missed
