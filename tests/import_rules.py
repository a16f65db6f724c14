"""The import rules, as a contract of import-linter: ``make lint`` holds to it.

The core (``__init__.py`` and ``_*.py``) imports the standard library, anyio and
typing_extensions. An integration or engine, ``bgtasks/<name>.py``, imports these, the
core, and ``<name>``: its own framework. A new one needs no line here. FastAPI stands on
Starlette, and its integration on Starlette's.
"""

import sys
from collections.abc import Iterable
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output
from typing_extensions import override

COMMON = sys.stdlib_module_names | {"anyio", "typing_extensions"}


class ImportRules(Contract):
    package = fields.StringField()
    # "esmerald: lilya" lets bgtasks.esmerald import lilya as well, and
    # "fastapi: .starlette" lets bgtasks.fastapi import bgtasks.starlette.
    further = fields.ListField(
        subfield=fields.StringField(), required=False, default=[]
    )

    @override
    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        package = str(self.package)
        further = pairs(self.further)
        files = {package} | graph.find_descendants(package)
        broken = {
            (file, imported)
            for file in files
            for imported in graph.find_modules_directly_imported_by(file)
            if not may_import(package, file, imported, further)
        }
        return ContractCheck(kept=not broken, metadata={"broken": sorted(broken)})

    @override
    def render_broken_contract(self, check: ContractCheck) -> None:
        for file, imported in check.metadata["broken"]:
            output.print_error(f"{file} must not import {imported}")


def pairs(further: Any) -> set[tuple[str, str]]:
    lines: Iterable[str] = further
    return {
        (name, other) for name, _, other in (line.partition(": ") for line in lines)
    }


def may_import(
    package: str, file: str, imported: str, further: set[tuple[str, str]]
) -> bool:
    name = file.removeprefix(package).lstrip(".")
    if imported == package or imported.startswith(f"{package}._"):
        return True
    if imported.startswith(f"{package}."):
        return (name, imported.removeprefix(package)) in further
    top = imported.partition(".")[0]
    is_core = not name or name.startswith("_")
    return top in COMMON or (not is_core and (top == name or (name, top) in further))
