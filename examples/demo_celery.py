"""What `make demo-celery` shows: the sign-up, with its tasks run by a Celery worker.

It starts a worker and the application, posts to it, and draws a timeline of both
processes. It shows only what it has measured in this run. If anything is not as
promised, it fails and says why.
"""

# Celery has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false

import logging
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import uvicorn
from celery.signals import setup_logging
from starlette.types import Message, Receive, Scope, Send

from . import signup
from .demo import (
    PATIENCE,
    SIGN_UP,
    TASKS,
    WIDTH,
    Record,
    RecordFormatter,
    fail,
    records_in,
    running,
)

LINE = "sign_up = partial(signup.sign_up, runner=celery_runner(celery))"

log = logging.getLogger("demo")


def log_with_process(**_: object) -> None:
    handler = logging.StreamHandler(sys.__stdout__)
    handler.setFormatter(RecordFormatter("%(process)d %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def serve() -> None:
    from . import signup_celery  # noqa: PLC0415 (it makes the queue)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_and_log(message: Message) -> None:
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                log.info("response sent")

        await signup_celery.app(scope, receive, send_and_log)

    log_with_process()
    uvicorn.run(app, port=0, workers=1, log_config=None)


def find(pattern: str, records: Iterator[Record]) -> str:
    found = (re.search(pattern, text) for _, text in records)
    return next(match[1] for match in found if match)


class Posted(NamedTuple):
    """The response, and when it was received."""

    begin: float
    received: float
    answer: str


def post(address: str) -> Posted:
    begin = time.monotonic()
    connection = HTTPConnection(address, timeout=PATIENCE)
    connection.request("POST", "/signup", SIGN_UP)
    response = connection.getresponse()
    answer = f"{response.status} {response.read().decode()}"
    received = time.monotonic()
    connection.close()
    return Posted(begin, received, answer)


def show_timeline(
    posted: Posted, times: Mapping[str, float], processes: Mapping[str, str]
) -> None:
    sent = times["response sent"]
    last = max(times[f"{name} ended"] for name in TASKS)

    def ms(at: float) -> str:
        return f"{(at - posted.begin) * 1000:.1f} ms"

    def show(what: str, process: str, start: float, end: float) -> None:
        whole = last - posted.begin
        left, right = ((at - posted.begin) / whole * WIDTH for at in (start, end))
        bar = " " * int(left) + "#" * max(1, round(right) - int(left))
        where = f"process {process}"
        print(f"  {what:34}{where:15}{ms(start):>8} to {ms(end):>8}  {bar}")

    print(f"Response received after {ms(posted.received)}: {posted.answer}")
    print()
    show("request to response sent", processes["response sent"], posted.begin, sent)
    # Celery promises no order: messages of one millisecond may be taken in any.
    for name in sorted(TASKS, key=lambda name: times[f"{name} started"]):
        fails = ", fails" if f"{name} failed" in times else ""
        start, end = times[f"{name} started"], times[f"{name} ended"]
        process = processes[f"{name} started"]
        show(f"{name} ({TASKS[name]}{fails})", process, start, end)
        if start < sent:
            fail(f"{name} started before the response was sent")
        if process == processes["response sent"]:
            fail(f"{name} ran in the process of the server")
    if posted.received > last:
        fail("the response was received after the tasks only")


def show_what_is_left(folder: Path) -> None:
    print()
    print("What the tasks left:")
    for path in sorted([*folder.glob("outbox/*"), *folder.glob("audit.log")]):
        last_line = path.read_text(encoding="utf-8").splitlines()[-1]
        print(f"  {path.relative_to(folder).parts[0]}: {last_line}")
    print("The worker logged the failure; on_error only gets failures of the sending.")


def show_sign_up(folder: Path) -> None:
    crm = socket.socket()
    crm.bind(("127.0.0.1", 0))  # and nobody listens: the CRM refuses connections
    environment = {
        "SIGNUP_FOLDER": str(folder),
        "SIGNUP_CRM": f"127.0.0.1:{crm.getsockname()[1]}",
        "TMPDIR": str(folder),
    }
    celery = ["celery", "--quiet", "-A", "examples.demo_celery", "worker", "-c", "1"]
    # It warns those who run it as root, as one does in a container.
    quiet = {"PYTHONWARNINGS": "ignore:You're running the worker with superuser"}
    with (
        crm,
        running(*celery, **environment, **quiet) as worker_lines,
        running("examples.demo_celery", "serve", **environment) as server_lines,
    ):
        worker, server = records_in(worker_lines), records_in(server_lines)
        where = "Redis" if "REDIS_URL" in os.environ else "files"
        ready = find(r"^(\d+) \S+ ready\.$", worker)
        print(f"A Celery worker is ready, in process {ready}; messages go by {where}")
        address = find(r"running on http://(\S+)", server)
        print(f"uvicorn serves examples/signup_celery.py on http://{address}")
        print(f"What differs from examples/signup.py: {LINE}")
        print(f"POST /signup {SIGN_UP}")

        posted = post(address)
        times: dict[str, float] = {}
        processes: dict[str, str] = {}
        for records, awaited in (
            (server, {"response sent"}),
            (worker, {f"{name} ended" for name in TASKS} | {"notify_crm failed"}),
        ):
            while not awaited <= times.keys():
                at, text = next(records)
                process, _, said = text.splitlines()[0].partition(" ")
                said = said.removeprefix(f"{signup.__name__}.")
                if re.match(r"Task \S+\.notify_crm\S+ raised unexpected: Conn", said):
                    said = "notify_crm failed"
                times[said], processes[said] = at, process

        os.kill(int(ready), signal.SIGTERM)  # by itself: it then ends its own processes
        for _ in worker_lines:
            pass

    show_timeline(posted, times, processes)
    show_what_is_left(folder)


def main() -> None:
    # So that it, too, unwinds the stack and ends the processes.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with TemporaryDirectory() as folder:
        show_sign_up(Path(folder).resolve())


if __name__ != "__main__":  # in the worker
    from . import signup_celery

    celery = signup_celery.celery
    setup_logging.connect(log_with_process)
elif sys.argv[1:] == ["serve"]:
    serve()
else:
    main()
