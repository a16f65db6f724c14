"""Each integration and engine imports where only its own framework is installed."""

import subprocess
from functools import cache

import pytest

from tests.project import GROUPS, INTEGRATIONS, ROOT

WITH_FRAMEWORK = [name for name in INTEGRATIONS if GROUPS.get(name)]
NO_FRAMEWORK = "asgi"
# What a framework itself requires.
STANDS_ON = {
    "ellar": {"starlette"},
    "esmerald": {"lilya"},
    "fastapi": {"opentelemetry", "starlette"},
    "ravyn": {"lilya"},
}


@cache
def make_environment(name: str) -> None:
    subprocess.run(
        ["make", "--quiet", f".envs/{name}/ready"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )


def python(environment: str, code: str) -> subprocess.CompletedProcess[str]:
    """Run ``code`` where only one framework is installed."""
    make_environment(environment)
    return subprocess.run(
        [ROOT / ".envs" / environment / "bin" / "python", "-c", code],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("integration", INTEGRATIONS)
def test_integration_imports_without_any_other_framework(integration: str) -> None:
    environment = integration if integration in WITH_FRAMEWORK else NO_FRAMEWORK

    ran = python(
        environment,
        "from importlib.util import find_spec\n"
        f"print(*filter(find_spec, {WITH_FRAMEWORK!r}))\n"
        f"import bgtasks.{integration}",
    )

    own = {environment} - {NO_FRAMEWORK}
    assert {*ran.stdout.split()} == own | STANDS_ON.get(environment, set())
    assert ran.returncode == 0, ran.stderr


def test_missing_framework_gives_its_own_import_error() -> None:
    ran = python(
        NO_FRAMEWORK,
        "from importlib import import_module\n"
        f"for name in {WITH_FRAMEWORK!r}:\n"
        "    try:\n"
        "        import_module(f'bgtasks.{name}')\n"
        "    except ImportError as exc:\n"
        "        print(exc)",
    )

    assert ran.stdout.splitlines() == [
        f"No module named '{name}'" for name in WITH_FRAMEWORK
    ]


def test_import_of_the_core_imports_no_framework() -> None:
    ran = python(
        "fastapi",
        f"import sys, bgtasks\nprint(*sys.modules.keys() & {set(WITH_FRAMEWORK)!r})",
    )

    assert ran.stdout == "\n", ran.stderr
