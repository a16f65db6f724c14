"""Writes the page Mistakes from the typetests: each kind of mistake, and each gap.

``python -m tools.mistakes`` writes parts of pages to ``build/pages``; the site includes
them. The kinds stand in ``docs/mistakes.json``: the search of the site reads the same
file, to lead from a pasted message to its entry. No checker is needed.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from typetests.harness import messages
from typetests.harness.examples import (
    EXAMPLES,
    TYPETESTS,
    Example,
    ExampleFile,
    Statement,
    all_examples,
)

ROOT = TYPETESTS.parent
KINDS = ROOT / "docs" / "mistakes.json"
PARTS = ROOT / "build" / "pages"


class IncompletePageError(Exception):
    """A mistake would have no entry, or an entry would miss something."""


@dataclass(frozen=True)
class Kind:
    """A kind of mistake, as a reader would name it."""

    anchor: str
    title: str
    why: str
    example: str  # "add_task.missing": the one that is shown
    patterns: tuple[str, ...]  # a message belongs to the first kind that fits
    statement: int = 0  # which of its rejected statements

    @cached_property
    def regex(self) -> re.Pattern[str]:
        return re.compile("|".join(f"(?:{each})" for each in self.patterns))


@dataclass(frozen=True)
class Gap:
    """A mistake that a checker misses, or a correct call that it rejects."""

    what: str
    since: str
    instead: str


@dataclass(frozen=True)
class Case:
    """A statement that is an error, or that a checker takes for one."""

    file: ExampleFile
    example: Example
    statement: Statement
    said: Mapping[str, list[str]]

    @property
    def anchor(self) -> str:
        return f"{self.file.documents}--{self.example.name}"


def read_kinds() -> list[Kind]:
    content: Any = json.loads(KINDS.read_text("utf-8"))
    for each in content["kinds"]:
        check_keys(each, Kind, f"the kind {each.get('anchor', each)}")
    return [
        Kind(**each | {"patterns": tuple(each["patterns"])})
        for each in content["kinds"]
    ]


def read_gaps() -> dict[str, Gap]:
    content: Any = json.loads(KINDS.read_text("utf-8"))
    for link, each in content["gaps"].items():
        check_keys(each, Gap, f"the gap {link}")
    return {link: Gap(**each) for link, each in content["gaps"].items()}


def check_keys(given: Mapping[str, object], entry: type[Kind | Gap], name: str) -> None:
    """Refuse an entry that lacks a key, or has one that means nothing.

    Raises:
        IncompletePageError: It does.
    """
    known = {each.name for each in fields(entry)}
    needed = {each.name for each in fields(entry) if each.default is MISSING}
    for key in sorted(needed - given.keys()):
        msg = f'{name} in {KINDS.name} has no "{key}": write one'
        raise IncompletePageError(msg)
    for key in sorted(given.keys() - known):
        msg = f'{name} in {KINDS.name} has a "{key}", which means nothing: remove it'
        raise IncompletePageError(msg)


def kind_of_message(message: str, kinds: list[Kind]) -> Kind | None:
    return next((kind for kind in kinds if kind.regex.search(message)), None)


def kind_of(case: Case, kinds: list[Kind]) -> Kind:
    """Return the kind that most checkers speak of; of several, the first.

    Raises:
        IncompletePageError: A message belongs to no kind.
    """
    votes: Counter[str] = Counter()
    for texts in case.said.values():
        found = set[str]()
        for text in texts:
            kind = kind_of_message(text, kinds)
            if kind is None:
                msg = f"no kind in {KINDS.name} has a pattern for: {text}"
                raise IncompletePageError(msg)
            found.add(kind.anchor)
        votes.update(found)
    return max(kinds, key=lambda kind: (votes[kind.anchor], -kinds.index(kind)))


def all_cases() -> list[Case]:
    written = messages.read()
    return [
        Case(file, example, statement, said(written, file, example, statement))
        for file in all_examples()
        for example in file.examples
        for statement in example.statements
        if statement.mark
    ]


def said(
    written: Mapping[str, messages.Messages],
    file: ExampleFile,
    example: Example,
    statement: Statement,
) -> Mapping[str, list[str]]:
    by_code = written.get(file.path.stem, {}).get(example.name, {})
    return by_code.get(statement.code, {})


# The text, in Markdown


def mistakes(cases: list[Case], kinds: list[Kind], gaps: Mapping[str, Gap]) -> str:
    wrong = [case for case in cases if case.statement.is_wrong]
    by_kind: dict[str, list[Case]] = {kind.anchor: [] for kind in kinds}
    for case in wrong:
        by_kind[kind_of(case, kinds).anchor].append(case)
    parts: list[str] = []
    for kind in sorted(kinds, key=lambda kind: -len(by_kind[kind.anchor])):
        parts += entry(kind, shown(kind, wrong, kinds), by_kind[kind.anchor], gaps)
    return "\n\n".join([*parts, ""])


def shown(kind: Kind, cases: list[Case], kinds: list[Kind]) -> Case:
    found = [
        case
        for case in cases
        if f"{case.file.path.stem}.{case.example.name}" == kind.example
    ]
    if len(found) <= kind.statement:
        msg = f"{KINDS.name} shows {kind.example}, which has no such rejected statement"
        raise IncompletePageError(msg)
    case = found[kind.statement]
    for checker in messages.SHOWN:
        told = [kind_of_message(text, kinds) for text in case.said.get(checker, [])]
        if kind not in told:
            msg = f"{checker} does not speak of {kind.anchor} in {kind.example}: {told}"
            raise IncompletePageError(msg)
    return case


def entry(
    kind: Kind, case: Case, cases: list[Case], gaps: Mapping[str, Gap]
) -> Iterator[str]:
    definitions = [each.code for each in case.example.statements if is_definition(each)]
    right = [
        each.code
        for each in case.example.statements
        if each.mark is None and not is_definition(each)
    ]
    if not right:
        msg = f"{kind.example} has no right call beside the wrong one: write one"
        raise IncompletePageError(msg)
    yield f"## {kind.title} {{ #{kind.anchor} }}"
    yield kind.why
    yield fence("python", "\n\n\n".join([case.example.given, *definitions]))
    yield f"**Wrong**{{ .verdict .rejected }}. Reason: {reason(case.statement)}."
    yield fence("python rejected", case.statement.code)
    for checker, version in messages.read_versions().items():
        yield fence("text says", "\n".join(case.said[checker]), f"{checker} {version}")
    yield "**Right**{ .verdict .accepted }"
    yield fence("python accepted", "\n".join(right))
    links = {link for each in cases for link in links_of(each.statement)}
    not_for = [f"[{gaps[link].what}](#{slug(link)})" for link in gaps if link in links]
    if not_for:
        yield f"Not all checkers report this mistake for {'; '.join(not_for)}."
    others: dict[str, str] = {}
    for each in cases:
        page = page_of_examples(each.file.documents)
        is_other = each.example is not case.example
        if page and is_other and each.file.path.parent == EXAMPLES:
            heading = each.example.heading
            others.setdefault(heading, f"[{heading}]({page}#{each.anchor})")
    if others:
        yield f"More examples: {', '.join(others.values())}."


@cache
def page_of_examples(documented: str) -> str | None:
    """Return which page shows all examples of an object: not every project has one."""
    for page in KINDS.parent.glob("typed-examples*.md"):
        if f"\n::: {documented}\n" in page.read_text("utf-8"):
            return page.name
    return None


def is_definition(statement: Statement) -> bool:
    return statement.code.startswith(("def ", "async def ", "class ", "@"))


def reason(statement: Statement) -> str:
    return statement.mark.reason if statement.mark else ""


def links_of(statement: Statement) -> Iterator[str]:
    if mark := statement.mark:
        for each in (mark.gaps, mark.false_errors, mark.optional):
            yield from each.values()


def slug(link: str) -> str:
    return "gap-" + re.sub(r"\W+", "-", link.removesuffix(".py").split("//")[-1])


HOW = ("gaps", "optional", "false_errors")  # the attributes of a mark


def gap_entries(cases: list[Case], gaps: Mapping[str, Gap]) -> str:
    found: dict[str, tuple[str, str]] = {}
    examples: dict[str, list[Case]] = {}
    for case in cases:
        for sort in HOW:
            by_checker: Mapping[str, str] = getattr(case.statement.mark, sort)
            for checker, link in by_checker.items():
                found[link] = (checker, sort)
                examples.setdefault(link, []).append(case)
                if link not in gaps:
                    msg = f"{KINDS.name} says nothing of the gap {link}"
                    raise IncompletePageError(msg)
    if unknown := gaps.keys() - found.keys():
        msg = f"no mark has these gaps of {KINDS.name}: {unknown}"
        raise IncompletePageError(msg)
    return "\n\n".join(
        [
            part
            for link, (checker, sort) in found.items()
            for part in gap_entry(link, checker, sort, gaps[link], examples[link])
        ]
        + [""]
    )


def gap_entry(
    link: str, checker: str, sort: str, gap: Gap, cases: list[Case]
) -> Iterator[str]:
    yield f"### {checker}: {gap.what} {{ #{slug(link)} }}"
    version = messages.read_versions()[checker]
    if sort == "optional":
        status = "accepts the wrong calls below, and the typing specification allows it"
    elif sort == "gaps":
        status = "accepts the wrong calls below"
    else:
        status = "rejects the correct call below"
    thread = (
        f"[Reported]({link}) in {gap.since}"
        if link.startswith("https:")
        else f"Not reported yet ({gap.since}). The last block is a minimal case"
    )
    yield f"{checker} {version} {status}. {thread}. **Write instead**: {gap.instead}"
    calls = dict.fromkeys(case.statement.code for case in cases)
    yield fence("python", "\n".join(calls))
    if not link.startswith("https:"):
        case = (TYPETESTS / link).read_text("utf-8").rstrip()
        yield fence("python", case, f"typetests/{link}")


def table(cases: list[Case], kinds: list[Kind]) -> str:
    """Make the table: how many of the wrong calls each checker reports."""
    theirs = messages.read_starlette()
    asked = [case for case in cases if case.file.path == messages.COMPARED]
    rows = [["kind of mistake", "calls", *messages.SHOWN], ["---", *["--:"] * 5]]
    for kind in kinds:
        wrong = [
            case
            for case in asked
            if case.statement.is_wrong and kind_of(case, kinds) == kind
        ]
        ours = [sum(bool(case.said[each]) for case in wrong) for each in messages.SHOWN]
        others = [
            sum(each not in theirs["missed"].get(key(case), []) for case in wrong)
            for each in messages.SHOWN
        ]
        if wrong:
            link = f"[{kind.title}](#{kind.anchor})"
            rows.append([link, str(len(wrong)), *beside(ours, others)])
    ours = [
        sum(each in false_errors(case) for case in asked) for each in messages.SHOWN
    ]
    others = [
        sum(each in rejecting for rejecting in theirs["rejected"].values())
        for each in messages.SHOWN
    ]
    rows.append(["a correct call is rejected", "", *beside(ours, others)])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def beside(ours: list[int], theirs: list[int]) -> Iterator[str]:
    for mine, other in zip(ours, theirs, strict=True):
        yield f"{mine} / {other}"


def false_errors(case: Case) -> Mapping[str, str]:
    return case.statement.mark.false_errors if case.statement.mark else {}


def key(case: Case) -> str:
    return f"{case.example.name}: {case.statement.code}"


def fence(classes: str, text: str, title: str = "") -> str:
    language, *others = classes.split()
    attributes = [f".{language}", *(f".{each}" for each in others)]
    if title:
        attributes.append(f'title="{title}"')
    return f"``` {{ {' '.join(attributes)} }}\n{text}\n```"


def parts() -> dict[str, str]:
    cases, kinds, gaps = all_cases(), read_kinds(), read_gaps()
    return {
        "mistakes.md": mistakes(cases, kinds, gaps),
        "gaps.md": gap_entries(cases, gaps),
        "verdicts.md": table(cases, kinds),
    }


def write(folder: Path = PARTS) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in parts().items():
        (folder / name).write_text(text, "utf-8")


if __name__ == "__main__":
    write()
