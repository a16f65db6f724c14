"""Make each example, under each checker, a test of its own."""

# from_parent() is not typed in pytest.
# pyright: reportUnknownMemberType=false

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest
from typing_extensions import override

from . import messages
from ._checkers import CheckerError, Report, ask_checkers, can_be_checked
from ._examples import (
    CHECKERS,
    Example,
    ExampleError,
    ExampleFile,
    find_examples,
    is_example_file,
    read_examples,
)
from ._verdicts import disagreements, outside_examples

Reports = Mapping[str, list[Report] | CheckerError]
REPORTS = pytest.StashKey[dict[Path, Reports]]()


def pytest_collect_file(
    file_path: Path, parent: pytest.Collector
) -> pytest.Collector | None:
    if file_path.parent in messages.FOLDERS and file_path.name == messages.FILE:
        return MessagesCollector.from_parent(parent, path=file_path)
    if (
        file_path.parent in messages.FOLDERS
        and file_path.suffix == ".py"
        and is_example_file(file_path)
        and can_be_checked(read_examples(file_path))
    ):
        return ExampleCollector.from_parent(parent, path=file_path)
    return None


class DisagreementError(Exception):
    """An example file and a checker disagree."""


class Item(pytest.Item):
    """A test that fails if there are problems to tell of."""

    def __init__(
        self,
        name: str,
        parent: pytest.Collector,
        problems: Callable[[], Iterable[str]],
        line: int = 1,
    ) -> None:
        super().__init__(name, parent)
        self._problems = problems
        self._line = line

    @override
    def runtest(self) -> None:
        if problems := "\n\n".join(self._problems()):
            raise DisagreementError(problems)

    @override
    def repr_failure(
        self,
        excinfo: pytest.ExceptionInfo[BaseException],
        style: object = None,
    ) -> str:
        if isinstance(excinfo.value, DisagreementError | CheckerError):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    @override
    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self._line - 1, self.name


class ExampleCollector(pytest.File):
    @override
    def collect(self) -> Iterator[Item]:
        try:
            file = read_examples(self.path)
        except ExampleError as exc:
            raise self.CollectError(str(exc)) from exc
        for checker in CHECKERS:
            for example in file.examples:
                yield Item.from_parent(
                    self,
                    name=f"{example.name}[{checker}]",
                    problems=partial(self.in_example, file, example, checker),
                    line=example.first_line,
                )
            yield Item.from_parent(
                self,
                name=f"outside_examples[{checker}]",
                problems=partial(self.outside_examples, file, checker),
            )

    def in_example(
        self, file: ExampleFile, example: Example, checker: str
    ) -> Iterable[str]:
        return disagreements(file, example, checker, self.reports(checker))

    def outside_examples(self, file: ExampleFile, checker: str) -> Iterable[str]:
        return outside_examples(file, checker, self.reports(checker))

    def reports(self, checker: str) -> list[Report]:
        return reports(self.config, checker, self.path.parent)


class MessagesCollector(pytest.File):
    @override
    def collect(self) -> Iterator[Item]:
        folder = self.path.parent
        yield Item.from_parent(
            self, name="versions", problems=partial(messages.different_versions, folder)
        )
        files = {file.path.stem: file for file in find_examples(folder)}
        for name in sorted(files.keys() | messages.read(folder)):
            file = files.get(name)
            if file is None or can_be_checked(file):
                problems = partial(self.different_messages, name, file)
                yield Item.from_parent(self, name=name, problems=problems)

    def different_messages(self, name: str, file: ExampleFile | None) -> Iterable[str]:
        folder = self.path.parent
        current: messages.Messages = {}
        if file is not None:
            shown = {
                checker: reports(self.config, checker, folder)
                for checker in messages.SHOWN
            }
            current = messages.messages_of(file, shown)
        return messages.differences(messages.read(folder).get(name, {}), current)


def reports(config: pytest.Config, checker: str, folder: Path) -> list[Report]:
    """Return what ``checker`` says of all files of the folder, once in a session."""
    stash = config.stash.setdefault(REPORTS, {})
    if folder not in stash:
        files = filter(can_be_checked, find_examples(folder))
        stash[folder] = ask_checkers([file.path for file in files])
    found = stash[folder][checker]
    if isinstance(found, CheckerError):
        raise found
    return found
