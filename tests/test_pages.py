"""The pages of docs/: what they show runs, type-checks, and says what is so."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from .snippets import ROOT, snippets

PAGES = sorted(
    page
    for page in ROOT.glob("docs/*.md")
    if "\n```python\n" in page.read_text("utf-8")
)
TUTORIAL = ROOT / "docs" / "tutorial.md"
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):.*##", MAKEFILE, re.MULTILINE))


def run(*command: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def shown(page: Path) -> list[str]:
    """Return the snippets, but for that of arq: its environment is another one."""
    return [each for each in snippets(page, "python") if "from arq" not in each]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_snippet_runs(page: Path, tmp_path: Path) -> None:
    for number, snippet in enumerate(shown(page)):
        file = tmp_path / f"test_{number}.py"
        file.write_text(snippet)
        is_test = "def test_" in snippet
        command = ["-m", "pytest", "-q", "-p", "no:cacheprovider"] if is_test else []

        ran = run("-W", "error", *command, file, cwd=tmp_path)

        assert ran.returncode == 0, f"{snippet}\n{ran.stdout}{ran.stderr}"


@pytest.mark.parametrize("name", ["errors", "tutorial", "typing"])
def test_every_snippet_prints_what_its_comments_say(name: str, tmp_path: Path) -> None:
    for snippet in shown(ROOT / "docs" / f"{name}.md"):
        if "app = " in snippet:
            continue  # a server prints when it is asked
        (tmp_path / "snippet.py").write_text(snippet)

        ran = run("snippet.py", cwd=tmp_path)

        assert ran.stdout or ran.stderr, snippet
        for said in re.findall(r"^ *print\(.*\)  # (.*)$", snippet, re.MULTILINE):
            assert f"{said}\n" in ran.stdout


def test_every_snippet_type_checks(tmp_path: Path) -> None:
    for page in PAGES:
        for number, snippet in enumerate(shown(page)):
            # Not all that Celery and dramatiq return has a type.
            untyped = "from celery" in snippet or "import dramatiq" in snippet
            mode = "basic" if untyped else "strict"
            (tmp_path / f"{page.stem}_{number}.py").write_text(
                f"# pyright: {mode}, reportMissingTypeStubs=false\n{snippet}"
            )
    (tmp_path / "mypy.ini").write_text(
        "[mypy]\nstrict = true\ndisallow_untyped_decorators = false\n"
        "untyped_calls_exclude = opentelemetry.instrumentation\n"
        "[mypy-celery.*,kombu.*]\nignore_missing_imports = true\n"
    )

    mypy = run("-m", "mypy", ".", cwd=tmp_path)
    pyright = run("-m", "pyright", "--pythonpath", sys.executable, cwd=tmp_path)

    assert mypy.returncode == 0, mypy.stdout
    assert pyright.returncode == 0, pyright.stdout


def test_tutorial_shows_the_program_of_the_examples() -> None:
    program = (ROOT / "examples" / "tutorial.py").read_text("utf-8")

    assert snippets(TUTORIAL, "python")[0] == program


@pytest.mark.parametrize("number", [1, 2])
def test_tutorial_shows_what_its_commands_print(number: int, tmp_path: Path) -> None:
    command, shown = snippets(TUTORIAL, "console")[number].split("\n", 1)
    program = snippets(TUTORIAL, "python")[0]
    if "mypy" in command:
        program = program.replace('subject="Welcome"', 'subjet="Welcome"')
    (tmp_path / "tutorial.py").write_text(program)
    words = command.removeprefix("$ ").removeprefix("python ").split()

    printed = run(*(["-m"] if words[0] == "mypy" else []), *words, cwd=tmp_path)

    assert printed.stdout == shown


@pytest.mark.parametrize(
    "page",
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/*.md"))],
    ids=lambda page: page.name,
)
def test_every_command_shown_is_a_target_of_the_makefile(page: Path) -> None:
    shown = re.findall(
        r"(?:`|^\$ )make ([a-z-]+)", page.read_text("utf-8"), re.MULTILINE
    )

    assert {*shown} <= TARGETS
