"""The README: what it shows and says is so."""

import re
import sys
from pathlib import Path

from tests.environments import run
from tests.project import ROOT
from tests.snippets import snippets

README = ROOT / "README.md"
APPLICATION, WRONG_CALL = snippets(README, "python")
RIGHT_CALL = next(line for line in APPLICATION.splitlines() if "subject=" in line)
COMMANDS = "".join(snippets(README, "console"))
LINK = re.compile(r"^\[.+\]: (?!http)\S+$", re.MULTILINE)


def test_wrong_call_is_rejected_in_the_words_shown(tmp_path: Path) -> None:
    application = APPLICATION.replace(RIGHT_CALL.strip(), WRONG_CALL.strip())
    (tmp_path / "main.py").write_text(application)

    pyright = run(
        *(sys.executable, "-m", "pyright", "--pythonpath", sys.executable),
        cwd=tmp_path,
        expect=1,
    )

    said = re.findall(r"main\.py:\d+:\d+ - (error: .*)", pyright.stdout)
    assert said == snippets(README, "text")[1].splitlines()
    for checker in (
        ["mypy", "--strict", "main.py"],
        ["ty", "check", "--python", sys.executable, "main.py"],
        ["pyrefly", "check", "--python-interpreter-path", sys.executable, "main.py"],
    ):
        rejected = run(sys.executable, "-m", *checker, cwd=tmp_path, expect=1)
        assert "subjet" in rejected.stdout


def test_it_can_be_read_in_a_few_minutes() -> None:
    assert len(README.read_text("utf-8").splitlines()) <= 120


def test_site_begins_with_it_and_follows_the_same_links() -> None:
    here = LINK.findall(README.read_text("utf-8"))
    there = LINK.findall((ROOT / "docs" / "index.md").read_text("utf-8"))

    assert here
    assert there == [link.replace("docs/", "") for link in here]


def test_a_newcomer_types_two_commands() -> None:
    targets = re.findall(r"^\$ make (\w+)$", COMMANDS, re.MULTILINE)

    assert targets == ["demo", "test"]
