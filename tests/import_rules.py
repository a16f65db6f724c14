"""The import rule, read from the syntax tree.

The core (``__init__.py`` and ``_*.py``) imports the standard library, anyio and
typing_extensions. An integration or engine, ``<name>.py``, imports these, the core, and
``<name>``: its own framework. A new one needs no line here.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

COMMON = sys.stdlib_module_names | {"anyio", "typing_extensions"}
# Celery's queues and errors are kombu's; Ellar's responses are Starlette's; FastAPI's
# classes are subclasses of Starlette's, so ours are, too.
FURTHER = {
    "celery": {"kombu"},
    "ellar": {"starlette"},
    "fastapi": {".starlette"},
}


def forbidden_imports(file: Path) -> list[str]:
    """Say what ``file``, of the package or of a copy, must not import."""
    name = file.stem
    allowed = set(COMMON)
    if not name.startswith("_"):
        allowed |= {name} | FURTHER.get(name, set())
    return [
        f"{file.name} must not import {imported}"
        for imported in imports(file)
        if imported not in allowed and not is_core(imported, file.parent)
    ]


def is_core(imported: str, package: Path) -> bool:
    """Whether it is ``.`` and a name or file of the core."""
    name = imported.removeprefix(".")
    is_beside = imported == f".{name}" and not name.startswith(".")
    return is_beside and (name.startswith("_") or not (package / f"{name}.py").exists())


def imports(file: Path) -> Iterator[str]:
    """Return the packages, and with dots the neighbours, that a file imports."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        match node:
            case ast.Import():
                yield from (alias.name.partition(".")[0] for alias in node.names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module.partition(".")[0]
            case ast.ImportFrom(module=str(module), level=level):
                yield "." * level + module
            case ast.ImportFrom(level=level):
                yield from ("." * level + alias.name for alias in node.names)
            case _:
                pass
