"""The README: what it shows runs, type-checks, and says what is so."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from .snippets import ROOT, snippets

README = ROOT / "README.md"
PYTHON = snippets(README, "python")
WRONG = [snippet for snippet in PYTHON if "subjet" in snippet]
RIGHT = [snippet for snippet in PYTHON if "subjet" not in snippet]


def run(*command: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("snippet", RIGHT, ids=lambda text: text.splitlines()[0])
def test_snippet_runs(snippet: str, tmp_path: Path) -> None:
    (tmp_path / "snippet.py").write_text(snippet)

    ran = run("-W", "error", "snippet.py", cwd=tmp_path)

    assert (ran.returncode, ran.stderr) == (0, "")


def test_first_snippet_sends_its_email(tmp_path: Path) -> None:
    (tmp_path / "snippet.py").write_text(RIGHT[0])

    assert run("snippet.py", cwd=tmp_path).stdout == "To ada@example.org: Welcome\n"


def test_snippets_type_check(tmp_path: Path) -> None:
    for number, snippet in enumerate(RIGHT):
        (tmp_path / f"snippet_{number}.py").write_text(snippet)
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')

    mypy = run("-m", "mypy", "--strict", ".", cwd=tmp_path)
    pyright = run("-m", "pyright", "--pythonpath", sys.executable, cwd=tmp_path)

    assert mypy.returncode == 0, mypy.stdout
    assert pyright.returncode == 0, pyright.stdout


def test_wrong_call_is_refused_in_the_words_shown(tmp_path: Path) -> None:
    shown = next(t for t in snippets(README, "text") if "subjet" in t)
    lines = [line for line in RIGHT[0].splitlines() if "asyncio" not in line]
    (tmp_path / "snippet.py").write_text("\n".join([*lines, *WRONG]))

    pyright = run("-m", "pyright", "--pythonpath", sys.executable, cwd=tmp_path)

    said = re.findall(r"snippet\.py:\d+:\d+ - (error: .*)", pyright.stdout)
    assert said == shown.splitlines()
    for checker in (
        ["mypy", "--strict", "snippet.py"],
        ["ty", "check", "--python", sys.executable, "snippet.py"],
        ["pyrefly", "check", "--python-interpreter-path", sys.executable, "snippet.py"],
    ):
        refused = run("-m", *checker, cwd=tmp_path)
        assert refused.returncode == 1, refused.stdout + refused.stderr
        assert "subjet" in refused.stdout


def test_notes_are_worded_as_shown(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "import asyncio\n"
        "from bgtasks import BackgroundTasks\n"
        "async def send_email() -> None:\n"
        "    await asyncio.open_connection('127.0.0.1', 25)\n"
        "def resize_picture() -> None: ...\n"
        "def write_audit_line() -> None: ...\n"
    )
    shown = next(t for t in snippets(README, "text") if "At background task" in t)

    ran = run(
        "-c",
        "import asyncio, app\n"
        "asyncio.run(app.BackgroundTasks(\n"
        "    [app.send_email, app.resize_picture, app.write_audit_line])())",
        cwd=tmp_path,
    )

    # The system's own words for a refused connection differ from system to system.
    assert ran.stderr.splitlines()[-2:] == shown.splitlines()[-2:]
    assert ran.stderr.splitlines()[-3].startswith("ConnectionRefusedError: ")


def test_commands_shown_are_targets_of_the_makefile() -> None:
    (console,) = snippets(README, "console")
    makefile = (ROOT / "Makefile").read_text()

    targets = re.findall(r"^\$ make (\w+)$", console, re.MULTILINE)

    assert targets == ["demo", "test"]
    for target in targets:
        assert f"\n{target}: " in makefile
