"""What `make demo` shows: a sign-up whose tasks run after its response, and a typo.

It starts the sign-up application with uvicorn, posts to it, and draws a timeline. Then
it misspells an argument in a copy of the application, and runs mypy and pyright. It
shows only what it has measured in this run. If anything is not as promised, it fails
and says why.
"""

import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from inspect import iscoroutinefunction
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Timer
from typing import NamedTuple, NoReturn

import uvicorn
from starlette.types import Message, Receive, Scope, Send
from typing_extensions import override

from . import signup

SIGN_UP = json.dumps({"name": "Ada", "email": "ada@example.org"})
TASKS = {
    task.__name__: "async def" if iscoroutinefunction(task) else "def"
    for task in (
        signup.send_welcome_email,
        signup.notify_crm,
        signup.append_to_audit_log,
    )
}
RIGHT_CALL = "tasks.add_task(send_welcome_email, email, name=name)"
WRONG_CALL = "tasks.add_task(send_welcome_email, email, nmae=name)"
PATIENCE = 120  # seconds that a process may take
WIDTH = 30  # of the bars

log = logging.getLogger("demo")


class Record(NamedTuple):
    """A log record of the server, and when it was made."""

    time: float
    text: str


class RecordFormatter(logging.Formatter):
    @override
    def format(self, record: logging.LogRecord) -> str:
        # The monotonic clock is the machine's: demo and server read the same one.
        return json.dumps(Record(time.monotonic(), super().format(record)))


async def app_with_logged_response(scope: Scope, receive: Receive, send: Send) -> None:
    async def send_and_log(message: Message) -> None:
        await send(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            log.info("response sent")

    await signup.app(scope, receive, send_and_log)


def serve() -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(RecordFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    uvicorn.run(app_with_logged_response, port=0, workers=1, log_config=None)


@contextmanager
def running(*command: str, **environment: str) -> Generator[Iterator[str]]:
    """Run a module, yield the lines that it prints, and stop all that it started."""
    with subprocess.Popen(
        [sys.executable, "-m", *command],
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=os.environ | {"FORCE_COLOR": "0"} | environment,
        start_new_session=True,  # a group of its own: what it starts ends with it
    ) as process:

        def kill_all() -> None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

        watchdog = Timer(PATIENCE, kill_all)
        watchdog.start()
        try:
            yield (line.rstrip() for line in process.stdout or ())
        finally:
            # Not the group: a Celery worker hangs if its own processes get it too.
            process.terminate()
            process.wait()
            watchdog.cancel()
            kill_all()  # those that it has left


def fail(reason: str) -> NoReturn:
    sys.exit(f"The demo failed: {reason}.")


def records_in(lines: Iterable[str]) -> Iterator[Record]:
    for line in lines:
        yield Record(*json.loads(line))
    fail(f"the server ended too early, or had to be ended after {PATIENCE} s")


def show_sign_up(folder: Path) -> None:
    crm = socket.socket()
    crm.bind(("127.0.0.1", 0))  # and nobody listens: the CRM refuses connections
    environment = {
        "SIGNUP_FOLDER": str(folder),
        "SIGNUP_CRM": f"127.0.0.1:{crm.getsockname()[1]}",
    }
    with crm, running("examples.demo", "serve", **environment) as lines:
        records = records_in(lines)
        found = (re.search(r"running on http://(\S+)", text) for _, text in records)
        address = next(match[1] for match in found if match)
        print(f"uvicorn serves examples/signup.py on http://{address}")
        print(f"POST /signup {SIGN_UP}")

        begin = time.monotonic()
        connection = HTTPConnection(address, timeout=PATIENCE)
        connection.request("POST", "/signup", SIGN_UP)
        response = connection.getresponse()
        answer = response.read().decode()
        received = time.monotonic()
        connection.close()

        times: dict[str, float] = {}
        failures: dict[str, list[str]] = {}
        awaited = {"response sent", *(f"{name} ended" for name in TASKS)}
        while not awaited <= times.keys():
            at, text = next(records)
            summary, *traceback = text.removeprefix(f"{signup.__name__}.").splitlines()
            times[summary] = at
            if traceback:
                failures[summary] = [
                    line for line in traceback[1:] if not line.startswith(" ")
                ]

    # The server goes on as soon as the last byte is out, and the client wakes up some
    # tenths of a millisecond later: either may be the first to read the clock.
    sent, last = times["response sent"], max(times.values())

    def ms(at: float) -> str:
        return f"{(at - begin) * 1000:.1f} ms"

    def show(what: str, start: float, end: float) -> None:
        left, right = ((at - begin) / (last - begin) * WIDTH for at in (start, end))
        bar = " " * int(left) + "#" * max(1, round(right) - int(left))
        print(f"  {what:34}{ms(start):>8} to {ms(end):>8}  {bar}")

    print(f"Response received after {ms(received)}: {response.status} {answer}")
    print()
    show("request to response sent", begin, sent)
    for name, kind in TASKS.items():
        fails = ", fails" if f"{name} failed" in failures else ""
        start, end = times[f"{name} started"], times[f"{name} ended"]
        show(f"{name} ({kind}{fails})", start, end)
        if start < sent:
            fail(f"{name} started before the response was sent")
    if received > last:
        fail("the response was received after the tasks only")

    print()
    print("What the tasks left:")
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        last_line = path.read_text(encoding="utf-8").splitlines()[-1]
        print(f"  {path.relative_to(folder).parts[0]}: {last_line}")
    print("How the failure was reported: on_error logged it, and the run went on:")
    for summary, said in failures.items():
        print(f"  {summary}")
        print(*(f"    {line}" for line in said), sep="\n")
    if failures.keys() != {"notify_crm failed"}:
        fail("notify_crm should have failed, and nothing else")


def show_wrong_call(folder: Path) -> None:
    lines = Path(signup.__file__).read_text(encoding="utf-8").splitlines()
    number = lines.index(f"    {RIGHT_CALL}") + 1
    lines[number - 1] = f"    {WRONG_CALL}"
    copy = folder / "signup.py"
    copy.write_text("\n".join([*lines, ""]), encoding="utf-8")
    print()
    print(f"The same application with a typo in line {number}:")
    print(f"  {WRONG_CALL}")
    mypy = ["mypy", "--strict", f"--cache-dir={folder}", "--no-error-summary"]
    pyright = ["pyright", "--pythonpath", sys.executable]
    # Or it asks the network for a newer version of itself.
    quiet = {"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    with (
        running(*mypy, str(copy)) as mypy_says,
        running(*pyright, str(copy), **quiet) as pyright_says,
    ):
        for checker, says in {"mypy": mypy_says, "pyright": pyright_says}.items():
            print(f"What {checker} says:")
            numbers: set[str] = set()
            for line in says:
                said = line.strip().removeprefix(f"{folder}/")
                print(f"  {said}")
                if "error: " in said:
                    numbers.add(said.split(":")[1])
            if numbers != {f"{number}"}:
                fail(f"{checker} should have found the typo, and nothing else")


def main() -> None:
    # So that it, too, unwinds the stack and ends the processes.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with TemporaryDirectory() as folder:
        show_sign_up(Path(folder).resolve())
        show_wrong_call(Path(folder).resolve())


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve()
    else:
        main()
