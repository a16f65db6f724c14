"""The snippets of a Markdown page."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .project import ROOT

__all__ = ["PAGES", "ROOT", "Snippet", "snippets", "snippets_of"]

# What is written by hand, and read by users.
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted(ROOT.glob("docs/*.md")),
]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Snippet:
    """A fenced block, with the prose between it and the blocks around it."""

    page: Path
    line: int
    language: str
    text: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def snippets_of(page: Path) -> Iterator[Snippet]:
    """Yield every fenced block of the page."""
    text = page.read_text("utf-8")
    fences = list(FENCE.finditer(text))
    ends = [0, *(fence.end() for fence in fences)]
    starts = [*(fence.start() for fence in fences), len(text)]
    for number, fence in enumerate(fences):
        yield Snippet(
            page,
            line=text.count("\n", 0, fence.start()) + 1,
            language=fence[1],
            text=fence[2],
            before=text[ends[number] : starts[number]].strip(),
            after=text[ends[number + 1] : starts[number + 1]].strip(),
        )


def snippets(page: Path, language: str) -> list[str]:
    found = [each.text for each in snippets_of(page) if each.language == language]
    if not found:
        msg = f"no ```{language} snippet in {page}"
        raise LookupError(msg)
    return found
