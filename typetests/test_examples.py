"""Each checker accepts and rejects what the examples say, and says what is written.

``pytest typetests -k "add_task and wrong_type and mypy"`` runs some of it.
"""

from pathlib import Path
from typing import Any

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
def reports(request: pytest.FixtureRequest) -> Reports:
    """What is said of the files that are tested, by the checkers that are asked."""
    chosen: list[dict[str, Any]] = [
        item.callspec.params
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and item.path == Path(__file__)
        and "reports" in item.fixturenames
    ]
    files: set[Path] = {each["file"].path for each in chosen}
    checkers: set[str] = {each["checker"] for each in chosen if "checker" in each}
    if any("checker" not in each for each in chosen):
        checkers.update(messages.SHOWN)
    return ask_checkers(sorted(files), sorted(checkers))


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

    assert written == messages.messages_of(file, reports), messages.REWRITE


@pytest.mark.skipif(not messages.can_ask_starlette(), reason="another Starlette")
def test_verdicts_by_the_signature_of_starlette() -> None:
    assert messages.read_starlette() == messages.verdicts_by_starlette()


def test_messages_are_of_these_versions_and_files() -> None:
    files = {file.path.stem for file in all_examples()}

    assert messages.read_versions() == messages.versions(), messages.REWRITE
    assert messages.read().keys() <= files, messages.REWRITE
