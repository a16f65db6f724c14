"""What the checkers say of each rejected statement: ``messages.json``.

Readers of the reference see it under each rejected call. It is committed, so that
building the pages needs no checker; rewrite it with ``make messages``.
"""

import json
import sys
import tomllib
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from .checkers import PACKAGE, UNDER_TEST, Reports, ask_checkers, can_be_checked
from .examples import EXAMPLES, TYPETESTS, ExampleFile, all_examples, read_examples
from .verdicts import reports_in

SHOWN = ("mypy", "pyright", "ty", "pyrefly")
FILE = TYPETESTS / "messages.json"
REWRITE = "write it anew with `make messages`"

# What Starlette's own signature is asked, for the table on the page Mistakes.
COMPARED = EXAMPLES / "add_task.py"
STARLETTE = "starlette.background"

# By example, code of the statement, and checker.
Messages = Mapping[str, Mapping[str, Mapping[str, list[str]]]]


def messages_of(file: ExampleFile, reports: Reports) -> Messages:
    return {
        example.name: {
            statement.code: {
                checker: [
                    report.message.replace(UNDER_TEST, PACKAGE)
                    for report in reports_in(file, statement, reports.of(checker))
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


def content() -> Any:  # noqa: ANN401 (JSON)
    return json.loads(FILE.read_text("utf-8"))


def read() -> Mapping[str, Messages]:
    """Return the written messages, by the name of the example file."""
    found: Mapping[str, Messages] = content()["messages"]
    return found


def by_starlette(folder: Path) -> Path:
    """Write the examples that import Starlette's class in place of ours."""
    copy = folder / f"{COMPARED.stem}_by_starlette.py"
    text = COMPARED.read_text("utf-8")
    copy.write_text(text.replace(f"from {PACKAGE} ", f"from {STARLETTE} "), "utf-8")
    return copy


def verdicts_by_starlette(
    copy: Path, reports: Reports
) -> Mapping[str, Mapping[str, list[str]]]:
    """Return the wrong calls that are missed, and the right ones that are rejected."""
    file = read_examples(copy)
    found: dict[str, dict[str, list[str]]] = {"missed": {}, "rejected": {}}
    for example in file.examples:
        for statement in example.statements:
            rejecting = {
                checker
                for checker in SHOWN
                if reports_in(file, statement, reports.of(checker))
            }
            key = f"{example.name}: {statement.code}"
            wrong = rejecting ^ {*SHOWN} if statement.is_wrong else rejecting
            # What no checker reports is not a mistake by that signature.
            if wrong and not (statement.is_wrong and wrong == {*SHOWN}):
                kind = "missed" if statement.is_wrong else "rejected"
                found[kind][key] = sorted(wrong)
    return found


def can_ask_starlette() -> bool:
    """Whether the Starlette that is installed is the one of the other tests."""
    pyproject = TYPETESTS.parent / "pyproject.toml"
    if not COMPARED.exists():
        return False
    try:
        installed = version("starlette")
        group = tomllib.loads(pyproject.read_text("utf-8"))
    except (PackageNotFoundError, FileNotFoundError):
        return False
    return f"starlette=={installed}" in group["dependency-groups"]["starlette"]


def read_starlette() -> Mapping[str, Mapping[str, list[str]]]:
    """Return which checkers misjudge a call of `add_task` by Starlette's signature."""
    nothing: Mapping[str, Mapping[str, list[str]]] = {"missed": {}, "rejected": {}}
    found: Mapping[str, Mapping[str, list[str]]] = content().get("starlette", nothing)
    return found


def read_versions() -> Mapping[str, str]:
    """Return the versions of the checkers that the messages are from."""
    found: Mapping[str, str] = content()["versions"]
    return found


def write(*, only_new: bool = False) -> None:
    """Ask the checkers, and write what they say of what is installed here.

    What they said of the rest, in another environment, stays as it is; with
    ``only_new``, also what they said of examples that were there before.

    Raises:
        CheckerError: A checker did not do its work.
    """
    files, written = all_examples(), read()
    if only_new and not any(new_examples(file, written) for file in files):
        return  # though the checkers may have other versions now
    messages = {
        file.path.stem: written[file.path.stem]
        for file in files
        if file.path.stem in written
    }
    here = [
        file
        for file in files
        if can_be_checked(file) and (not only_new or new_examples(file, written))
    ]
    with TemporaryDirectory() as folder:
        copies = [by_starlette(Path(folder))] if can_ask_starlette() else []
        reports = ask_checkers([*(file.path for file in here), *copies], SHOWN)
        asked = [verdicts_by_starlette(copy, reports) for copy in copies]
    for file in here:
        kept: Messages = messages.get(file.path.stem, {}) if only_new else {}
        messages[file.path.stem] = {**messages_of(file, reports), **kept}
    new = {
        "versions": versions(),
        "starlette": asked[0] if asked else read_starlette(),
        "messages": dict(sorted(messages.items())),
    }
    FILE.write_text(f"{json.dumps(new, indent=2, ensure_ascii=False)}\n", "utf-8")


def new_examples(file: ExampleFile, written: Mapping[str, Messages]) -> set[str]:
    names = {example.name for example in file.examples if example.rejected}
    return names - written.get(file.path.stem, {}).keys()


if __name__ == "__main__":
    write(only_new="--only-new" in sys.argv)
