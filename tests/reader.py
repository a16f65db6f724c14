"""A reader, who saves the samples of a page as files, and types its commands."""

import argparse
import atexit
import multiprocessing
import os
import re
import runpy
import shlex
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection
from multiprocessing.connection import Connection
from pathlib import Path

from .snippets import Snippet, snippets_of

PATIENCE = 45  # seconds until the reader gives up
FILE = re.compile(r"\b(?:[Ss]ave|[Ww]rite)\b[^.`]*`(\w+\.py)`")
# What is said after this word, to the end of the sentence.
SAYS = re.compile(r"\bprints\b((?:[^`.:;]|`[^`]*`)*)")
SETS = re.compile(r"[A-Z_]+=")
ADDED = re.compile(r"\b[Aa]dd this to `\w+\.py`:$")
ADDRESS = re.compile(r"running on http://127\.0\.0\.1:(\d+)")
LAUNCHER = "opentelemetry.instrumentation.auto_instrumentation"
# Each sample is run in a process of its own, forked from one that has imported these: a
# tenth of a second for each in place of one or two.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        *("bgtasks.fastapi", "bgtasks.lilya", "bgtasks.litestar", "bgtasks.pool"),
        *("bgtasks.celery", "bgtasks.opentelemetry", "bgtasks.taskiq"),
        *("celery.app.task", "fastapi.applications", "sqlalchemy.ext.asyncio"),
        *("opentelemetry.sdk.trace.export", "opentelemetry.sdk.metrics.export"),
        *("sentry_sdk", "stamina", "taskiq_redis", "uvloop"),
        # What anyio, FastAPI and uvicorn import only when they run.
        *("anyio._backends._asyncio", "pydantic.v1", "uvicorn.lifespan.on"),
        *("uvicorn.protocols.http.auto", "uvicorn.protocols.websockets.auto"),
    ]
)


@dataclass(frozen=True)
class Command:
    """What is typed, and what the page shows of its output."""

    typed: str
    shown: str
    page: Path

    @property
    def words(self) -> list[str]:
        return [word for word in shlex.split(self.typed) if not SETS.match(word)]

    @property
    def sets(self) -> dict[str, str]:
        """The environment variables that it sets."""
        pairs = [
            word.split("=") for word in shlex.split(self.typed) if SETS.match(word)
        ]
        return dict(pairs)


def commands_in(console: Snippet) -> Iterator[Command]:
    for part in re.split(r"^\$ ", console.text, flags=re.MULTILINE)[1:]:
        typed, _, shown = part.replace("\\\n", "").partition("\n")
        yield Command(typed, shown, console.page)


@dataclass
class Program:
    """A sample of Python, and what the page does with it."""

    sample: Snippet
    file: str
    text: str
    environment: dict[str, str]
    said: list[str]  # the paragraph after the sample, and after each block that follows
    commands: list[Command] = field(default_factory=list[Command])
    printed: list[Snippet] = field(default_factory=list[Snippet])

    def __str__(self) -> str:
        return str(self.sample)

    @property
    def is_test(self) -> bool:
        return "def test_" in self.text

    @property
    def is_application(self) -> bool:
        return bool(re.search(r"^\w*app = (?!Celery)", self.text, re.MULTILINE))

    @property
    def runs(self) -> list[list[Command]]:
        """What starts it, each with the requests that follow."""
        runs: list[list[Command]] = []
        for command in self.commands:
            if command.words[0] in {"uvicorn", "python", "opentelemetry-instrument"}:
                runs.append([command])
            elif command.words[0] == "curl":
                if not runs:
                    runs.append([self.default])
                runs[-1].append(command)
        return runs or [[self.default]]

    @property
    def default(self) -> Command:
        if self.is_application:
            return Command(f"uvicorn {Path(self.file).stem}:app", "", self.sample.page)
        return Command(f"python {self.file}", "", self.sample.page)

    @property
    def lines_printed(self) -> list[str]:
        """Each line of which the page says that the program prints it."""
        comments = re.findall(r"^ *print\(.*\)  # (.*)$", self.text, re.MULTILINE)
        said = "\n\n".join(self.said).replace("\n", " ")
        return comments + [
            line
            for sentence in SAYS.findall(said)
            for line in re.findall(r"`([^`]+)`", sentence)
        ]


def programs_of(page: Path) -> Iterator[Program]:
    """Yield each sample of Python, as the page says that it is saved and run."""
    program: Program | None = None
    file, told = "", ""
    environment: dict[str, str] = {}
    for sample in snippets_of(page):
        first_paragraph = sample.after.partition("\n\n")[0]
        if sample.language == "python":
            if program is not None:
                yield program
            names = FILE.findall(f"{told}\n\n{sample.before}")
            names += re.findall(r"\b[Ss]ave it as `(\w+\.py)`", first_paragraph)
            file = names[-1] if names else file
            told = ""
            text = sample.text
            if program is not None and ADDED.search(sample.before):
                text = f"{program.text}\n\n{text}"
            program = Program(sample, file, text, environment, [first_paragraph])
            continue
        told += sample.before
        if program is not None:
            program.said.append(first_paragraph)
            if sample.language == "console":
                for command in commands_in(sample):
                    program.commands.append(command)
                    if command.words[0] == "export":
                        environment |= command.sets
            elif sample.language == "text" and re.search(
                r"\bprints\b[^.]*:$", sample.before
            ):
                program.printed.append(sample)
    if program is not None:
        yield program


def execute(
    command: list[str], environment: dict[str, str], folder: Path, output: Connection
) -> None:
    """Do in this new process what a shell does with the command."""
    for stream in (1, 2):
        os.dup2(output.fileno(), stream)
    output.close()
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    os.environ.update(environment)
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    warnings.simplefilter("error")
    if command[0] == "opentelemetry-instrument":
        # What we have, and the reader has not installed.
        os.environ["OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"] = "fastapi,starlette"
        runpy.run_module(f"{LAUNCHER}.sitecustomize")
        command = command[1:]
    sys.argv = command
    try:
        if command[0] == "python":
            runpy.run_path(command[1], run_name="__main__")
        else:
            runpy.run_module(command[0], run_name="__main__", alter_sys=True)
    finally:
        # multiprocessing skips them.
        atexit._run_exitfuncs()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


def use(program: Program, folder: Path) -> tuple[str, list[tuple[Command, str]]]:
    """Return what the program prints, and what each request is answered."""
    (folder / program.file).write_text(program.text, "utf-8")
    printed: list[str] = []
    answers: list[tuple[Command, str]] = []
    for first, *requests in program.runs:
        is_server = "uvicorn" in first.words
        words = [*first.words, *(["--port", "0"] if is_server else [])]
        environment = program.environment | first.sets
        ours, theirs = FORKS.Pipe(duplex=False)
        process = FORKS.Process(
            target=execute, args=(words, environment, folder, theirs)
        )
        process.start()
        theirs.close()
        patience = threading.Timer(PATIENCE, process.kill)
        patience.start()
        try:
            with ours, open(ours.fileno(), encoding="utf-8", closefd=False) as output:
                for line in output:
                    if address := ADDRESS.search(line):
                        answers += [
                            (each, answer(each.words, int(address[1])))
                            for each in requests
                        ]
                        os.kill(process.pid or 0, signal.SIGINT)  # as Ctrl-C does
                    elif not line.startswith("INFO:  "):
                        printed.append(line)
            process.join()
            assert process.exitcode == 0, "".join(printed)
        finally:
            patience.cancel()
            process.kill()
            process.join()
    return "".join(printed), answers


def answer(curl: list[str], port: int) -> str:
    parser = argparse.ArgumentParser()
    parser.add_argument("-X", dest="method", default="GET")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("url")
    options = parser.parse_args(curl[1:])
    path = re.fullmatch(r"http://127\.0\.0\.1:8000(/.*)", options.url)
    assert path, f"not an address of the page's server: {options.url}"
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        headers = dict(header.split(": ", 1) for header in options.headers)
        connection.request(options.method, path[1], headers=headers)
        return connection.getresponse().read().decode()
    finally:
        connection.close()
