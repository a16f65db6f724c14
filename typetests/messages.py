"""What mypy and pyright say of each rejected statement: ``messages.json``.

Readers of the reference see it under each rejected call. The file is committed, so that
building the pages needs no checker; rewrite it with ``python -m typetests.messages``.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

from ._checkers import HERE, PACKAGE, UNDER_TEST, Report, ask_checkers
from ._examples import ExampleFile, find_examples
from ._verdicts import reports_in

SHOWN = ("mypy", "pyright")
FILE = HERE / "messages.json"
REWRITE = "write it anew with `python -m typetests.messages`"

# By example, code of the statement, and checker.
Messages = Mapping[str, Mapping[str, Mapping[str, list[str]]]]


def messages_of(file: ExampleFile, reports: Mapping[str, list[Report]]) -> Messages:
    return {
        example.name: {
            statement.code: {
                checker: [
                    report.message.replace(UNDER_TEST, PACKAGE)
                    for report in reports_in(file, statement, reports[checker])
                ]
                for checker in SHOWN
            }
            for statement in example.rejected
        }
        for example in file.examples
        if example.rejected
    }


def versions() -> Mapping[str, str]:
    return {checker: version(checker) for checker in SHOWN}


def read(path: Path = FILE) -> Mapping[str, Messages]:
    """Return the written messages, by example file."""
    found: Mapping[str, Messages] = json.loads(path.read_text("utf-8"))["messages"]
    return found


def write(files: Iterable[ExampleFile], path: Path = FILE) -> None:
    """Ask the checkers, and write what they say.

    Raises:
        CheckerError: A checker did not do its work.
    """
    files = list(files)
    reports: dict[str, list[Report]] = {}
    for checker, found in ask_checkers([file.path for file in files], SHOWN).items():
        if isinstance(found, Exception):
            raise found
        reports[checker] = found
    content = {
        "versions": versions(),
        "messages": {file.path.stem: messages_of(file, reports) for file in files},
    }
    text = json.dumps(content, indent=2, ensure_ascii=False)
    path.write_text(f"{text}\n", "utf-8")


def different_versions(path: Path = FILE) -> Iterator[str]:
    """Say whether the messages are of other versions than those installed."""
    written = json.loads(path.read_text("utf-8"))["versions"]
    if written != versions():
        yield f"{FILE.name} is of {written}, not of {versions()}: {REWRITE}"


def differences(written: Messages, current: Messages) -> Iterator[str]:
    """Say which examples have other messages than those written."""
    for name in [*current, *(name for name in written if name not in current)]:
        if written.get(name) != current.get(name):
            was, now = (
                json.dumps(each.get(name), indent=2, ensure_ascii=False)
                for each in (written, current)
            )
            problem = f"{FILE.name} is stale in {name}: {REWRITE}"
            yield f"{problem}\nwritten: {was}\nnow: {now}"


if __name__ == "__main__":
    write(find_examples(HERE))
