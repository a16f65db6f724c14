"""The pages of docs/: what they show type-checks, and says what is so."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project import PYPROJECT
from tests.reader import programs_of
from tests.snippets import ROOT, snippets

DOCS = sorted(ROOT.glob("docs/*.md"))
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


def test_every_snippet_type_checks(tmp_path: Path) -> None:
    for page in [ROOT / "README.md", *DOCS]:
        for number, program in enumerate(programs_of(page)):
            if "from arq" in program.text or "subjet=" in program.text:
                continue  # its environment is another one; it is wrong on purpose
            # Not all that Celery and dramatiq return has a type.
            untyped = re.search(r"from celery|import dramatiq", program.text)
            mode = "basic" if untyped else "strict"
            (tmp_path / f"{page.stem.replace('-', '_')}_{number}.py").write_text(
                f"# pyright: {mode}, reportMissingTypeStubs=false\n{program.text}"
            )
    (tmp_path / "mypy.ini").write_text(
        "[mypy]\nstrict = true\n"
        "[mypy-engines_*,tracing_*]\ndisallow_untyped_decorators = false\n"
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
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS],
    ids=lambda page: page.name,
)
def test_every_command_shown_is_a_target_of_the_makefile(page: Path) -> None:
    shown = re.findall(
        r"(?:`|^\$ )make ([a-z-]+)", page.read_text("utf-8"), re.MULTILINE
    )

    assert {*shown} <= TARGETS


def test_vendoring_names_the_dependencies_of_the_core() -> None:
    needed = "\n".join(PYPROJECT["project"]["dependencies"])

    assert f"{needed}\n" in snippets(ROOT / "docs" / "vendoring.md", "text")


def test_search_of_the_migration_guide_finds_what_patches_the_frameworks_classes(
    tmp_path: Path,
) -> None:
    page = ROOT / "docs" / "migration.md"
    (shown,) = snippets(page, "console")
    (patch,) = (each for each in snippets(page, "diff") if "patch(" in each)
    old = [line[1:] for line in patch.splitlines() if not line.startswith("+")]
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_sign_up.py").write_text("\n".join(old))

    found = subprocess.run(
        shlex.split(shown.removeprefix("$ ")),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert found.stdout == f"tests/test_sign_up.py:1:{old[0]}\n"
