"""The pages of docs/: what they show and say is so."""

import re
import shlex
import sys
from pathlib import Path

import pytest

from tests.environments import run
from tests.project import APART, PYPROJECT, ROOT, targets
from tests.snippets import snippets

DOCS = sorted(ROOT.glob("docs/*.md"))
TUTORIAL = ROOT / "docs" / "tutorial.md"


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
    module = ["-m"] if words[0] == "mypy" else []

    printed = run(sys.executable, *module, *words, cwd=tmp_path, expect=None)

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

    assert {*shown} <= targets() | {f"test-{name}" for name in APART}


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

    found = run(*shlex.split(shown.removeprefix("$ ")), cwd=tmp_path)

    assert found.stdout == f"tests/test_sign_up.py:1:{old[0]}\n"
