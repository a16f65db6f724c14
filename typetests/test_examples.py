"""Each checker accepts and rejects what the examples say, and says what is written.

``pytest typetests -k "add_task and wrong_type and mypy"`` runs some of it.
"""

import pytest

from .harness import messages
from .harness.checkers import Reports, ask_checkers, can_be_checked
from .harness.examples import CHECKERS, Example, ExampleFile, all_examples
from .harness.verdicts import disagreements, outside_examples

FILES = [file for file in all_examples() if can_be_checked(file)]
EACH_FILE = pytest.mark.parametrize("file", FILES, ids=lambda file: file.path.stem)
EACH_EXAMPLE = pytest.mark.parametrize(
    ("file", "example"),
    [
        pytest.param(file, example, id=f"{file.path.stem}-{example.name}")
        for file in FILES
        for example in file.examples
    ],
)
EACH_CHECKER = pytest.mark.parametrize("checker", CHECKERS)


@pytest.fixture(scope="session")
def reports() -> Reports:
    return ask_checkers([file.path for file in FILES])


@EACH_CHECKER
@EACH_EXAMPLE
def test_example(
    file: ExampleFile, example: Example, checker: str, reports: Reports
) -> None:
    if problems := list(disagreements(file, example, checker, reports.of(checker))):
        pytest.fail("\n\n".join(problems), pytrace=False)


@EACH_CHECKER
@EACH_FILE
def test_nothing_else(file: ExampleFile, checker: str, reports: Reports) -> None:
    if problems := list(outside_examples(file, checker, reports.of(checker))):
        pytest.fail("\n\n".join(problems), pytrace=False)


@EACH_FILE
def test_messages(file: ExampleFile, reports: Reports) -> None:
    written = messages.read().get(file.path.stem, {})
    current = messages.messages_of(file, reports)
    if problems := list(messages.differences(written, current)):
        pytest.fail("\n\n".join(problems), pytrace=False)


def test_messages_are_of_these_versions_and_files() -> None:
    if problems := list(messages.out_of_date()):
        pytest.fail("\n\n".join(problems), pytrace=False)
