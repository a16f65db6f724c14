"""The recipes in CONTRIBUTING.md, followed by their text alone."""

import os
import re
import shutil
from pathlib import Path

from .project import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
# Other checks may be writing there.
CACHES = shutil.ignore_patterns("__pycache__", ".*", "build", "dist", "site")
STEP = re.compile(
    r"""
    ^(?:
      (?P<place>
        `(?P<new>[\w/]+\.py)`
        | In[ ]`(?P<file>[\w./-]+)`,[ ]after[ ]`(?P<anchor>[^`]+)`
        | At[ ]the[ ]end[ ]of[ ]`(?P<ended>[\w./-]+)`
      ):\n\n```\w+\n(?P<text>.*?)^```
      | In[ ]`(?P<copied>[\w./-]+)`,[ ]copy[ ]the[ ]section
        [ ]of[ ]`(?P<old>\S+)`[ ]for\s`(?P<other>\S+)`\.
    )$
    """,
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)


class Recipe:
    """The steps of a section, in their order."""

    def __init__(self, heading: str) -> None:
        self.text = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
        self._steps = [match.groupdict() for match in STEP.finditer(self.text)]
        self.files = {
            step["new"] or step["file"] or step["ended"] or step["copied"]
            for step in self._steps
        }

    @property
    def python_files(self) -> list[str]:
        return sorted(file for file in self.files if file.endswith(".py"))

    @property
    def is_followed(self) -> bool:
        """Whether the project itself has the first of what it adds."""
        first = self._steps[0]
        file = ROOT / str(first["new"] or first["file"])
        return file.exists() and str(first["text"]) in file.read_text("utf-8")

    def follow(self, tree: Path) -> None:
        """Write the files, and change the others, as the section says."""
        for step in self._steps:
            match step:
                case {"new": str(name), "text": text}:
                    (tree / name).write_text(text, "utf-8")
                case {"file": str(name), "anchor": anchor, "text": text}:
                    insert(text, tree / name, anchor)
                case {"ended": str(name), "text": text}:
                    append(text, tree / name)
                case {"copied": str(name), "old": old, "other": other}:
                    copied = section(tree / name, old).replace(old, other)
                    append(copied, tree / name)
                case _:
                    raise ValueError(step)
        keep_environments(tree)


OPTION = Recipe("Add an option to the constructor")
INTEGRATION = Recipe("Add an integration")


def insert(text: str, file: Path, anchor: str) -> None:
    """Insert lines after the first line that begins with the anchor."""
    before, found, after = file.read_text("utf-8").partition(f"\n{anchor}")
    assert found, f"{file.name} has no line that begins with {anchor}"
    rest_of_line, _, after = after.partition("\n")
    file.write_text(f"{before}{found}{rest_of_line}\n{text}{after}", "utf-8")


def append(text: str, file: Path) -> None:
    file.write_text(file.read_text("utf-8") + text, "utf-8")


def section(file: Path, name: str) -> str:
    text = file.read_text("utf-8")
    found = text.partition(f"\n## `{name}`\n")[2].partition("\n## ")[0]
    assert found, f"{file.name} has no section of {name}"
    return f"\n## `{name}`\n{found}"


def clone(folder: Path) -> None:
    """Copy the project, with links to what builds and tests it."""
    shutil.copytree(ROOT, folder, ignore=CACHES, dirs_exist_ok=True, symlinks=True)
    (folder / ".envs").mkdir()
    for environment in (".venv", ".envs/docs"):
        (folder / environment).symlink_to(ROOT / environment)
    keep_environments(folder)


def keep_environments(tree: Path) -> None:
    """Let make take what they are made from as older than they are."""
    os.utime(tree / "pyproject.toml", (1, 1))
