"""What mypy and pyright say of each rejected statement: ``messages.json``.

Readers of the reference see it under each rejected call. There is one file beside the
examples of the core, and one beside those of the integrations. They are committed, so
that building the pages needs no checker; rewrite them with ``make messages``.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ._checkers import (
    HERE,
    PACKAGE,
    UNDER_TEST,
    Report,
    ask_checkers,
    can_be_checked,
)
from ._examples import ExampleFile, find_examples
from ._verdicts import reports_in

SHOWN = ("mypy", "pyright")
FOLDERS = (HERE, HERE / "integrations")
FILE = "messages.json"
REWRITE = "write it anew with `make messages`"

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


def read(folder: Path) -> Mapping[str, Messages]:
    """Return the written messages, by example file."""
    found: Mapping[str, Messages] = content(folder)["messages"]
    return found


def read_versions(folder: Path) -> Mapping[str, str]:
    """Return the versions of the checkers whose messages they are."""
    found: Mapping[str, str] = content(folder)["versions"]
    return found


def content(folder: Path) -> Any:  # noqa: ANN401 (JSON)
    return json.loads((folder / FILE).read_text("utf-8"))


def write(folder: Path, *, only_new: bool = False) -> None:
    """Ask the checkers, and write what they say of what is installed here.

    What they said of the rest, in another environment, stays as it is; with
    ``only_new``, also what they said of examples that were there before.

    Raises:
        CheckerError: A checker did not do its work.
    """
    examples = find_examples(folder)
    written = read(folder)
    if only_new and not any(new_examples(file, written) for file in examples):
        return
    here = [file for file in examples if can_be_checked(file)]
    reports: dict[str, list[Report]] = {}
    for checker, found in ask_checkers([file.path for file in here], SHOWN).items():
        if isinstance(found, Exception):
            raise found
        reports[checker] = found
    messages = dict(written)
    for file in here:
        kept: Messages = written.get(file.path.stem, {}) if only_new else {}
        messages[file.path.stem] = {**messages_of(file, reports), **kept}
    stems = [file.path.stem for file in examples]
    text = json.dumps(
        {
            "versions": versions(),
            "messages": {stem: messages[stem] for stem in stems if stem in messages},
        },
        indent=2,
        ensure_ascii=False,
    )
    (folder / FILE).write_text(f"{text}\n", "utf-8")


def new_examples(file: ExampleFile, written: Mapping[str, Messages]) -> set[str]:
    names = {example.name for example in file.examples if example.rejected}
    return names - written.get(file.path.stem, {}).keys()


def different_versions(folder: Path) -> Iterator[str]:
    """Say whether the messages are of other versions than those installed."""
    if (written := read_versions(folder)) != versions():
        yield f"{FILE} is of {written}, not of {versions()}: {REWRITE}"


def differences(written: Messages, current: Messages) -> Iterator[str]:
    """Say which examples have other messages than those written."""
    for name in [*current, *(name for name in written if name not in current)]:
        if written.get(name) != current.get(name):
            was, now = (
                json.dumps(each.get(name), indent=2, ensure_ascii=False)
                for each in (written, current)
            )
            problem = f"{FILE} is stale in {name}: {REWRITE}"
            yield f"{problem}\nwritten: {was}\nnow: {now}"


if __name__ == "__main__":
    for each in FOLDERS:
        write(each, only_new="--only-new" in sys.argv)
