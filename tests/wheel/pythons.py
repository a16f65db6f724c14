"""The Pythons on this machine that bgtasks supports."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.environments import UV

OLDEST = (3, 11, "")
# A free-threaded build is another Python: "t" follows its version, as in its name.
THREADS = "t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}{THREADS}"
ASK = """
import sys, sysconfig
threads = "t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
print(*sys.version_info[:2], sys.implementation.name + threads)
"""


@cache
def installed() -> dict[str, Path]:
    """Return an interpreter for each version there is, such as ``{"3.11": ...}``."""
    found: dict[tuple[int, int, str], Path] = {}
    for python in candidates():
        version = version_of(python)
        if version is not None and version >= OLDEST:
            found.setdefault(version, python)
    return {
        f"{major}.{minor}{threads}": found[major, minor, threads]
        for major, minor, threads in sorted(found)
    }


def candidates() -> Iterator[Path]:
    yield Path(sys.executable)
    pyenv = output_of("pyenv", "root").strip()
    # pyenv's own python3.12 on the path may start nothing, and takes long to do so.
    folders = os.environ["PATH"].split(os.pathsep)
    path = os.pathsep.join(each for each in folders if each != f"{pyenv}/shims")
    for minor in range(OLDEST[1], OLDEST[1] + 20):
        for name in (f"python3.{minor}", f"python3.{minor}t"):
            if on_path := shutil.which(name, path=path):
                yield Path(on_path)
    listed = output_of(
        *(UV, "python", "list", "--only-installed", "--output-format=json"), PATH=path
    )
    for each in json.loads(listed or "[]"):
        yield Path(each["path"])
    if pyenv:
        yield from sorted(Path(pyenv).glob("versions/*/bin/python"))


def version_of(python: Path) -> tuple[int, int, str] | None:
    said = re.fullmatch(r"(\d+) (\d+) cpython(t?)\n", output_of(python, "-c", ASK))
    return None if said is None else (int(said[1]), int(said[2]), said[3])


def output_of(*command: object, **environment: str) -> str:
    try:
        return subprocess.run(
            list(map(str, command)),
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
        ).stdout
    except OSError:
        return ""
