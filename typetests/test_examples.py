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
def by_starlette(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return messages.by_starlette(tmp_path_factory.mktemp("starlette"))


@pytest.fixture(scope="session")
def reports(request: pytest.FixtureRequest) -> Reports:
    """What is said of the files that are tested, by the checkers that are asked."""
    files, checkers = set[Path](), set[str]()
    for item in request.session.items:
        if not isinstance(item, pytest.Function) or item.path != Path(__file__):
            continue
        names = item.fixturenames
        given: dict[str, Any] = {}
        if "file" in names:
            given.update(item.callspec.params)
            files.add(given["file"].path)
        if "by_starlette" in names and messages.can_ask_starlette():
            files.add(request.getfixturevalue("by_starlette"))
        if "checker" in given:
            checkers.add(given["checker"])
        elif "reports" in names:
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
def test_verdicts_by_the_signature_of_starlette(
    by_starlette: Path, reports: Reports
) -> None:
    verdicts = messages.verdicts_by_starlette(by_starlette, reports)

    assert messages.read_starlette() == verdicts


def test_messages_are_of_these_versions_and_files() -> None:
    files = {file.path.stem for file in all_examples()}

    assert messages.read_versions() == messages.versions(), messages.REWRITE
    assert messages.read().keys() <= files, messages.REWRITE
