"""The snippets of a Markdown page."""

import re
from pathlib import Path

from .project import ROOT

__all__ = ["ROOT", "snippets"]


def snippets(page: Path, language: str) -> list[str]:
    fence = re.compile(rf"^```{language}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    found = fence.findall(page.read_text(encoding="utf-8"))
    if not found:
        msg = f"no ```{language} snippet in {page}"
        raise LookupError(msg)
    return found
