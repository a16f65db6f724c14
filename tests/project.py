"""What this project has: integrations, environments, and targets of its Makefile."""

import re
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
# What is not the core: integrations and engines.
INTEGRATIONS = sorted(file.stem for file in ROOT.glob("bgtasks/[a-z]*.py"))
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
GROUPS: dict[str, list[str | dict[str, str]]] = PYPROJECT["dependency-groups"]
# What cannot be installed beside the rest.
APART = [name for name in GROUPS if {"include-group": "apart"} in GROUPS[name]]


def targets() -> set[str]:
    """Return the targets that `make help` lists."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    return set(re.findall(r"^([a-z-]+):.*##", makefile, re.MULTILINE))
