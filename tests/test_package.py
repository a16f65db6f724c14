"""The package: what it exports, what it imports, what it tells readers of types."""

import ast
import importlib.metadata
import inspect
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, get_args, get_origin, get_type_hints

import pytest
import typing_extensions

from .subject import NAME, BackgroundTask, BackgroundTasks, subject

PACKAGE = Path(subject.__path__[0])
CORE = [PACKAGE / "__init__.py", *sorted(PACKAGE.glob("_[a-z]*.py"))]


def test_all_is_what_is_exported() -> None:
    exported = {
        name
        for name, value in vars(subject).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }

    assert sorted(exported) == sorted(subject.__all__)


@pytest.mark.parametrize("file", CORE, ids=lambda file: file.name)
def test_core_asserts_nothing(file: Path) -> None:
    """Under ``python -O`` an assert is gone."""
    nodes = ast.walk(ast.parse(file.read_text("utf-8")))

    assert not [node.lineno for node in nodes if isinstance(node, ast.Assert)]


def test_import_brings_in_no_framework() -> None:
    code = (
        "import sys, anyio.from_thread, anyio.to_thread, typing_extensions\n"
        "before = set(sys.modules)\n"
        f"import {NAME}\n"
        "print(*{name.split('.')[0] for name in set(sys.modules) - before})"
    )

    new = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    assert set(new) <= {*sys.stdlib_module_names, NAME.split(".")[0]}


@pytest.mark.skipif(NAME != "bgtasks", reason="a copy has no distribution")
def test_version_is_that_of_the_distribution() -> None:
    assert subject.__version__ == importlib.metadata.version("typed-bgtasks")


def test_marker_of_typed_packages_is_in_the_package() -> None:
    assert (PACKAGE / "py.typed").is_file()


# What a reader of the signatures sees at run time


VARIADIC = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}


@pytest.mark.parametrize(
    "function",
    [BackgroundTask.__init__, BackgroundTasks.__init__, BackgroundTasks.add_task],
    ids=lambda value: getattr(value, "__qualname__", None),
)
def test_every_parameter_has_its_documentation_at_run_time(
    function: Callable[..., object],
) -> None:
    hints = get_type_hints(function, include_extras=True)
    _, *parameters = inspect.signature(function, eval_str=True).parameters.values()

    described = [each for each in parameters if each.kind not in VARIADIC]
    assert described
    for each in described:
        assert hints[each.name] == each.annotation
        assert get_origin(each.annotation) is Annotated, each
        _, doc = get_args(each.annotation)
        assert isinstance(doc, typing_extensions.Doc)
        assert doc.documentation.strip()


@pytest.mark.parametrize(
    "function", [BackgroundTask.__init__, BackgroundTasks.add_task]
)
def test_parameter_names_are_left_to_the_function(function: object) -> None:
    assert callable(function)

    kinds = [p.kind for p in inspect.signature(function).parameters.values()]

    assert kinds == [
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.VAR_POSITIONAL,
        inspect.Parameter.VAR_KEYWORD,
    ]


def test_every_public_object_has_a_docstring() -> None:
    for public in (BackgroundTask, BackgroundTasks):
        assert inspect.getdoc(public)
        for name, member in vars(public).items():
            if not name.startswith("_") or name == "__call__":
                assert inspect.getdoc(member), f"{public.__name__}.{name}"
    assert inspect.getdoc(subject.current_thread_limiter)
