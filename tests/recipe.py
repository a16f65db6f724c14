"""The recipe in CONTRIBUTING.md for an integration, followed by its text alone."""

import os
import re
import shutil
from pathlib import Path

from .project import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
FILES = dict(
    re.findall(
        r"^`([\w/]+\.py)`:\n\n```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL
    )
)
CHANGES = re.findall(
    r"^In `([\w./-]+)`, after `([^\n]+)`:\n\n```\w+\n(.*?)^```$",
    PAGE,
    re.MULTILINE | re.DOTALL,
)
COPIES = re.findall(
    r"^In `([\w./-]+)`, copy the section of `(\S+)` for `(\S+)`\.$", PAGE, re.MULTILINE
)
CACHES = shutil.ignore_patterns("__pycache__", ".*", "site", "dist")


def clone(folder: Path) -> None:
    """Copy the project, with links to what builds and tests it."""
    shutil.copytree(ROOT, folder, ignore=CACHES, dirs_exist_ok=True, symlinks=True)
    (folder / ".envs").mkdir()
    for environment in (".venv", ".envs/docs"):
        (folder / environment).symlink_to(ROOT / environment)
    keep_environments(folder)


def follow(tree: Path) -> None:
    """Write the files, and change the others, as the page says."""
    for name, text in FILES.items():
        (tree / name).write_text(text, "utf-8")
    for name, anchor, text in CHANGES:
        file = tree / name
        before, found, after = file.read_text("utf-8").partition(f"\n{anchor}")
        assert found, f"{name} has no line that begins with {anchor}"
        rest_of_line, _, after = after.partition("\n")
        file.write_text(f"{before}{found}{rest_of_line}\n{text}{after}", "utf-8")
    for name, old, new in COPIES:
        file = tree / name
        text = file.read_text("utf-8")
        section = text.partition(f"\n## `{old}`\n")[2].partition("\n## ")[0]
        assert section, f"{name} has no section of {old}"
        added = f"\n## `{new}`\n{section}".replace(old, new)
        file.write_text(text + added, "utf-8")
    keep_environments(tree)


def keep_environments(tree: Path) -> None:
    """Let make take what they are made from as older than they are."""
    os.utime(tree / "pyproject.toml", (1, 1))
