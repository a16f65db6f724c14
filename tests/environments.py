"""Environments apart from this one, and commands that know nothing of it."""

import os
import subprocess
import sys
from pathlib import Path

from .project import ROOT

UV = Path(sys.executable).with_name("uv")


def make_environment(
    folder: Path, *install: object, python: object, group: str = "test-core"
) -> Path:
    """Make an environment with these and a dependency group."""
    run(UV, "venv", "--quiet", "--python", python, folder, cwd=ROOT)
    inside = folder / "bin" / "python"
    run(
        *(UV, "pip", "install", "--quiet", "--python", inside),
        *("--group", f"{ROOT / 'pyproject.toml'}:{group}", *install),
        cwd=ROOT,
    )
    return inside


def run(
    *command: object, cwd: Path, expect: int | None = 0, **environment: object
) -> subprocess.CompletedProcess[str]:
    """Run a command in an environment that does not know of this one."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COV_", "MAKE", "PYTEST_", "PYTHON", "VIRTUAL_ENV"))
    }
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=inherited
        | {"BGTASKS_ELSEWHERE": "yes"}
        | {name: str(value) for name, value in environment.items()},
        capture_output=True,
        text=True,
        check=False,
    )
    if expect is not None and done.returncode != expect:
        print(done.stdout, done.stderr, sep="\n")  # noqa: T201 (pytest shows it)
        msg = f"{command[0]} ended with {done.returncode}, not {expect}"
        raise AssertionError(msg)
    return done
