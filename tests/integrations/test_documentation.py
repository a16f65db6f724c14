"""What a reader of the integrations' signatures sees at run time."""

import importlib
import inspect
import re
from typing import get_args, get_type_hints

import pytest
from typing_extensions import Doc

from tests.project import APART, ROOT
from tests.public_api import exported
from tests.snippets import snippets


def documented_objects() -> list[str]:
    return [
        path
        for path in exported()
        if path.count(".") == 2 and path.split(".")[1] not in APART  # as Lilya's
    ]


@pytest.mark.parametrize("path", documented_objects())
def test_every_parameter_has_its_documentation_at_run_time(path: str) -> None:
    module, _, name = path.rpartition(".")
    found = getattr(importlib.import_module(module), name)
    function = found.__init__ if inspect.isclass(found) else found
    assert callable(function)
    hints = get_type_hints(function, include_extras=True)

    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        if parameter.name != "self" and parameter.kind not in {
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        }:
            (doc,) = (
                each for each in get_args(parameter.annotation) if isinstance(each, Doc)
            )
            assert doc.documentation.strip()
            assert hints[parameter.name] == parameter.annotation


def imports_of_the_migration_guide() -> list[str]:
    return [
        line[1:]
        for diff in snippets(ROOT / "docs" / "migration.md", "diff")
        for line in diff.splitlines()
        if line[1:].startswith("from ") and not {*APART} & {*re.split(r"[ .]", line)}
    ]


@pytest.mark.parametrize("line", imports_of_the_migration_guide())
def test_imports_of_the_migration_guide_are_right(line: str) -> None:
    exec(line)  # noqa: S102 (it is ours)
