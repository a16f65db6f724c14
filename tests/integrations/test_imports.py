"""Each integration and engine imports where only its own framework is installed."""

import subprocess
from pathlib import Path

import pytest

from tests.snippets import ROOT

# By integration, the frameworks that come with it.
INTEGRATIONS: dict[str, set[str]] = {
    "asgi": set(),
    "pool": set(),
    "starlette": {"starlette"},
    "fastapi": {"fastapi", "opentelemetry", "starlette"},
    "lilya": {"lilya"},
    "esmerald": {"esmerald", "lilya"},
    "ravyn": {"ravyn", "lilya"},
    "ellar": {"ellar", "starlette"},
    "litestar": {"litestar"},
    "celery": {"celery"},
    "taskiq": {"taskiq"},
    "opentelemetry": {"opentelemetry"},
}
FRAMEWORKS = set[str]().union(*INTEGRATIONS.values()) | {"django", "quart"}


def python(environment: str, code: str) -> subprocess.CompletedProcess[str]:
    """Run ``code`` where only one framework is installed."""
    subprocess.run(
        ["make", "--quiet", f".envs/{environment}/ready"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    executable = ROOT / ".envs" / environment / ".venv" / "bin" / "python"
    return subprocess.run(
        [str(executable), "-c", code],
        capture_output=True,
        text=True,
        check=False,
    )


def test_there_is_an_environment_for_each_integration() -> None:
    modules = {file.stem for file in (ROOT / "bgtasks").glob("[a-z]*.py")}

    assert modules == INTEGRATIONS.keys()


@pytest.mark.parametrize("integration", INTEGRATIONS)
def test_integration_imports_without_any_other_framework(integration: str) -> None:
    ran = python(
        integration,
        f"import importlib.util, sys, bgtasks.{integration}\n"
        f"print(*[name for name in {FRAMEWORKS!r} if importlib.util.find_spec(name)])",
    )

    assert ran.returncode == 0, ran.stderr
    assert set(ran.stdout.split()) == INTEGRATIONS[integration]


@pytest.mark.parametrize("integration", sorted(INTEGRATIONS.keys() - {"asgi", "pool"}))
def test_missing_framework_gives_its_own_import_error(integration: str) -> None:
    ran = python(
        "asgi",
        "try:\n"
        f"    import bgtasks.{integration}\n"
        "except ImportError as exc:\n"
        "    print(exc)",
    )

    assert ran.stdout == f"No module named '{integration}'\n"


def test_import_of_the_core_imports_no_framework() -> None:
    ran = python(
        "fastapi",
        f"import sys, bgtasks\nprint(sorted(sys.modules.keys() & {FRAMEWORKS!r}))",
    )

    assert ran.stdout == "[]\n", ran.stderr


def test_import_of_an_integration_imports_no_other_but_fastapis_starlettes() -> None:
    imports: list[tuple[str, str]] = []
    for file in (ROOT / "bgtasks").glob("*.py"):
        text = Path(file).read_text("utf-8")
        for integration in INTEGRATIONS:
            assert f"from . import {integration}" not in text
            if f"from .{integration} import" in text:
                imports.append((file.stem, integration))

    assert imports == [("fastapi", "starlette")]
