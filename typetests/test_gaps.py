"""What a checker misses, or wrongly rejects, and nobody has reported yet.

Each file of ``gaps`` is a minimal case to report, named after the checker. Its first
line says whether the checker accepts or rejects its last line.
"""

import re
from pathlib import Path

import pytest

from .harness.checkers import Report, Reports, ask_checkers
from .harness.examples import TYPETESTS, all_examples

CASES = sorted((TYPETESTS / "gaps").glob("*.py"))
OTHERS = {"mypy", "pyright", "ty", "pyrefly"}


@pytest.fixture(scope="module")
def found() -> Reports:
    return ask_checkers(CASES, sorted(OTHERS))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_checker_still_has_the_gap_and_is_alone_with_it(
    case: Path, found: Reports
) -> None:
    checker = case.stem.partition("_")[0]
    lines = case.read_text("utf-8").splitlines()
    verdict = re.match(rf"# {checker} (accepts|rejects) the last line: .+\.$", lines[0])
    assert verdict, lines[0]

    def rejected(all_reports: list[Report]) -> bool:
        reports = [report for report in all_reports if report.file == case.name]
        assert {report.line for report in reports} <= {len(lines)}
        return bool(reports)

    is_gap = verdict[1] == "accepts"
    assert rejected(found.of(checker)) is not is_gap
    for other in OTHERS - {checker}:
        assert rejected(found.of(other)) is is_gap, other


def test_every_case_is_in_a_mark() -> None:
    marks = [
        statement.mark
        for file in all_examples()
        for example in file.examples
        for statement in example.statements
        if statement.mark
    ]
    links = {
        link
        for mark in marks
        for each in (mark.gaps, mark.false_errors, mark.optional)
        for link in each.values()
    }

    assert {f"gaps/{case.name}" for case in CASES} == {
        link for link in links if link.startswith("gaps/")
    }
