"""Check types under every checker, in an environment: ``python -m tools.types .venv``.

With ``.envs/ellar`` it checks only the files of that framework, which cannot be
installed beside the others; with ``.venv``, all other files and the pages' samples.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.project import APART, ROOT
from tests.reader import programs_of

# The examples of typetests are wrong on purpose, and have a runner of their own.
CHECKED = ("benchmarks", "bgtasks", "examples", "tests", "tools", "typetests")
WRONG = {ROOT / "typetests" / name for name in ("examples", "gaps", "integrations")}
SAMPLES = ROOT / "build" / "samples"
OF_ONE = (
    "bgtasks/{}.py",
    "examples/{}_tasks.py",
    "tests/integrations/test_{}.py",
    "tests/integrations/engines/test_{}.py",
)


def files_of(name: str) -> list[Path]:
    """Return what only the environment of that framework or engine can check."""
    if name == "celery-types":
        return [ROOT / "bgtasks" / "celery.py"]
    found = [ROOT / each.format(name) for each in OF_ONE]
    return [file for file in found if file.exists()]


def files() -> list[Path]:
    """Return all that is checked in ``.venv``."""
    elsewhere = {each.format(name) for name in APART for each in OF_ONE}
    return [
        file
        for folder in CHECKED
        for file in sorted((ROOT / folder).rglob("*.py"))
        if WRONG.isdisjoint(file.parents)
        and str(file.relative_to(ROOT)) not in elsewhere
    ]


def samples() -> list[Path]:
    """Write the programs of the pages as files, and return those."""
    shutil.rmtree(SAMPLES, ignore_errors=True)
    SAMPLES.mkdir(parents=True)
    written: list[Path] = []
    for page in [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]:
        for number, program in enumerate(programs_of(page)):
            # arq is not in this environment; `subjet` is a mistake on purpose.
            if "from arq" in program.text or "subjet=" in program.text:
                continue
            # Not all that Celery and dramatiq return has a type.
            untyped = re.search(r"from celery|import dramatiq", program.text)
            mode = "basic" if untyped else "strict"
            head = f"# pyright: {mode}, reportMissingTypeStubs=false\n"
            file = SAMPLES / f"{page.stem.replace('-', '_')}_{number}.py"
            file.write_text(head + program.text, "utf-8")
            written.append(file)
    return written


def main(environment: Path) -> None:
    name = environment.name
    chosen = [*files(), *samples()] if name == ".venv" else files_of(name)
    given = [str(file.relative_to(ROOT)) for file in chosen]
    print(f"Check the types of {len(given)} files, in {environment}", flush=True)  # noqa: T201
    python = environment / "bin" / "python"
    arguments: dict[str, list[object]] = {
        "mypy": ["--cache-dir", environment / ".mypy_cache"],
        "pyright": ["--pythonpath", python],
        "ty": ["check", "--python", environment],
        "pyrefly": [
            *("check", "--config", "pyproject.toml"),
            *("--python-interpreter-path", python),
        ],
    }
    accepting = [
        run(environment, checker, *own, *given)
        for checker, own in arguments.items()
        if name != "arq" or checker == "mypy"  # its client is typed for mypy alone
    ]
    for file in chosen if name != ".venv" else []:
        if file.parent.name == "bgtasks":  # every public symbol must have a type
            options = "--verifytypes", f"bgtasks.{file.stem}", "--ignoreexternal"
            accepting.append(run(environment, "pyright", *options))
    if not all(accepting):
        sys.exit("not all checkers accept that")


def run(environment: Path, checker: str, *arguments: object) -> bool:
    """Let a checker report, and return whether it accepts all."""
    folder = ROOT / environment / "bin"
    done = subprocess.run(  # noqa: S603 (our own commands)
        [folder / checker, *map(str, arguments)],
        cwd=ROOT,
        # To verify types, pyright asks the first `python` on the path.
        env=os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"},
        check=False,
    )
    return done.returncode == 0


if __name__ == "__main__":
    main(Path(sys.argv[1]))
