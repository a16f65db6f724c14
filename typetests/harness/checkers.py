"""The checkers: how each is started, and what it reports."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from .examples import CHECKERS, INTEGRATIONS, ExampleFile

HERE = Path(__file__).parent
PACKAGE = "bgtasks"
UNDER_TEST = os.environ.get("BGTASKS_UNDER_TEST", PACKAGE)
PYTHON_VERSION = os.environ.get(
    "TYPETESTS_PYTHON_VERSION", f"{sys.version_info.major}.{sys.version_info.minor}"
)
IMPORT = re.compile(rf"^from {PACKAGE}(?=[. ])", re.MULTILINE)


class CheckerError(Exception):
    """A checker did not do its work: its reports, or their absence, mean nothing."""


def can_be_checked(file: ExampleFile) -> bool:
    """Whether what the file imports is installed in this environment.

    Some frameworks have environments of their own: see the Makefile.
    """
    if file.path.parent != INTEGRATIONS:
        return True
    tree = ast.parse(file.path.read_text("utf-8"))
    modules = [node.module for node in tree.body if isinstance(node, ast.ImportFrom)]
    installed = (find_spec(str(module).partition(".")[0]) for module in modules)
    return UNDER_TEST == PACKAGE and all(installed)  # a copy has no integrations


@dataclass(frozen=True)
class Report:
    """What a checker says of a line, with the error's code, as in a terminal."""

    file: str
    line: int
    message: str


@dataclass(frozen=True)
class Reports:
    """What the checkers say, by checker, or why one said nothing."""

    found: Mapping[str, list[Report] | CheckerError]

    def of(self, checker: str) -> list[Report]:
        """Return what ``checker`` says of all files.

        Raises:
            CheckerError: It did not do its work.
        """
        reports = self.found[checker]
        if isinstance(reports, CheckerError):
            raise reports
        return reports


def read_mypy(output: str) -> list[Report]:
    lines = filter(None, output.splitlines())  # an empty one if nothing is wrong
    found: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return [
        Report(
            each["file"], each["line"], f"error: {each['message']}  [{each['code']}]"
        )
        for each in found
        if each["severity"] == "error"
    ]


def read_pyright(output: str) -> list[Report]:
    found: list[dict[str, Any]] = json.loads(output)["generalDiagnostics"]
    return [
        Report(
            Path(each["file"]).name,
            each["range"]["start"]["line"] + 1,
            f"{each['severity']}: {each['message']} ({each.get('rule')})".replace(
                "\N{NO-BREAK SPACE}", " "
            ),
        )
        for each in found
        if each["severity"] != "information"
    ]


def read_ty(output: str) -> list[Report]:
    found: list[dict[str, Any]] = json.loads(output)
    return [
        Report(
            each["location"]["path"],
            each["location"]["positions"]["begin"]["line"],
            f"error[{each['check_name']}] "
            + each["description"].removeprefix(f"{each['check_name']}: "),
        )
        for each in found
    ]


def read_pyrefly(output: str) -> list[Report]:
    found: list[dict[str, Any]] = json.loads(output)["errors"]
    return [
        Report(
            each["path"],
            each["line"],
            "\n".join([f"ERROR {first} [{each['name']}]", *rest]),
        )
        for each in found
        for first, *rest in [each["description"].splitlines()]
    ]


def read_zuban(output: str) -> list[Report]:
    *lines, summary = output.splitlines()
    if not re.match(r"Found \d+ errors? in|Success: ", summary):
        raise ValueError(summary)
    found = (re.fullmatch(r"(.+?):(\d+): error: (.+)", line) for line in lines)
    return [Report(match[1], int(match[2]), match[3]) for match in found if match]


MODULE = (sys.executable, "-m")
ZUBAN = str(Path(sysconfig.get_path("scripts"), "zuban"))
VERSION = f"--python-version={PYTHON_VERSION}"
# Not ".": mypy's cache takes a file for unchanged if its path, its size and the second
# of its change are the same. The path of the folder is a new one each time.
MYPY = (
    *("--config-file=mypy.ini", f"--python-executable={sys.executable}", VERSION),
    "{folder}",
)
# How each is started, in a folder of example files, and understood.
ASK: Mapping[str, tuple[Iterable[str], Callable[[str], list[Report]]]] = {
    "mypy": ((*MODULE, "mypy", "--output=json", *MYPY), read_mypy),
    "pyright": (
        (
            *(*MODULE, "pyright", "--project=pyrightconfig.json", "--outputjson"),
            *(f"--pythonpath={sys.executable}", f"--pythonversion={PYTHON_VERSION}"),
        ),
        read_pyright,
    ),
    "ty": (
        (
            *(*MODULE, "ty", "check", "--config-file=ty.toml"),
            *("--output-format=gitlab", f"--python={sys.executable}", VERSION, "."),
        ),
        read_ty,
    ),
    "pyrefly": (
        (
            *(*MODULE, "pyrefly", "check", "--config=pyrefly.toml"),
            *("--output-format=json", VERSION),
            f"--python-interpreter-path={sys.executable}",
        ),
        read_pyrefly,
    ),
    "zuban": ((ZUBAN, "mypy", *MYPY), read_zuban),
}
CONFIGURATION = ("mypy.ini", "pyrightconfig.json", "ty.toml", "pyrefly.toml")


def ask_checkers(
    paths: Iterable[Path],
    checkers: Iterable[str] = CHECKERS,
    *,
    configuration: Path = HERE,
    python_path: str = os.environ.get("PYTHONPATH", ""),
) -> Reports:
    """Start each of the checkers once, all at the same time, on copies of the files.

    The copies import the package under test where the files import ``bgtasks``;
    checkers find it as the interpreter does, in ``python_path`` or in its environment.
    """
    with TemporaryDirectory() as name, ThreadPoolExecutor() as threads:
        folder = Path(name).resolve()
        for path in paths:
            text = IMPORT.sub(f"from {UNDER_TEST}", path.read_text("utf-8"))
            (folder / path.name).write_text(text, "utf-8")
        for file in CONFIGURATION:
            shutil.copy(configuration / file, folder)
        environment = {
            **os.environ,
            "PYTHONPATH": python_path,
            "MYPYPATH": python_path,  # mypy and zuban do not read PYTHONPATH
            "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1",  # that there is a newer pyright
        }
        asked = {
            checker: threads.submit(ask, checker, folder, environment)
            for checker in checkers
        }
        return Reports({checker: each.result() for checker, each in asked.items()})


def ask(
    checker: str, folder: Path, environment: Mapping[str, str]
) -> list[Report] | CheckerError:
    command, read = ASK[checker]
    try:
        done = subprocess.run(  # noqa: S603 (our own commands)
            [part.format(folder=folder) for part in command],
            check=False,
            capture_output=True,
            cwd=folder,
            encoding="utf-8",
            env=environment,
            timeout=300,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        return CheckerError(f"{checker} could not be run: {exc!r}")
    try:
        reports = read(done.stdout)
    except (LookupError, TypeError, ValueError):
        reports = None
    # mypy and pyright exit with 0 after complaints about their configuration.
    complaints = [
        line
        for line in done.stderr.splitlines()
        if line and not re.match(r" ?INFO |.*\bPYTHONPATH\b", line)
    ]
    files = {path.name for path in folder.glob("*.py")}
    if (
        reports is None
        or complaints
        or done.returncode != bool(reports)
        or not files.issuperset(report.file for report in reports)
    ):
        return CheckerError(
            f"{checker} failed with exit code {done.returncode}:\n"
            f"{done.stderr}{done.stdout}"
        )
    return reports
