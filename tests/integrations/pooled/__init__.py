"""Applications with a pool in their lifespans, for the tests of real servers.

Each stands in a file of its own: a server imports only that framework. A task waits
until the test has made the file ``go``, and writes a line to ``record`` when it ends;
so do the reports of the pool, and the lifespan.
"""

import os
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from bgtasks import BackgroundTask, BackgroundTasks
from bgtasks.pool import TaskPool

FOLDER = Path(os.environ.get("POOLED_FOLDER", "."))
DRAIN = float(os.environ.get("POOLED_DRAIN", "60"))


def record(*words: object) -> None:
    line = " ".join(map(str, (time.monotonic(), *words))) + "\n"
    descriptor = os.open(FOLDER / "record", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, line.encode())  # one call: whole lines, of all threads
    finally:
        os.close(descriptor)


go = threading.Event()


def wait_for_go() -> None:
    while not (FOLDER / "go").exists():
        time.sleep(0.02)
    go.set()


async def asynchronous(number: int) -> None:
    while not go.is_set():
        await anyio.sleep(0.05)
    record("ended", number)


def plain(number: int) -> None:
    go.wait()
    record("ended", number)


def report(task: BackgroundTask, exc: Exception) -> None:
    record("reported", task.args[0], type(exc).__name__)


pool = TaskPool(limit=60, drain=DRAIN, on_error=report)


@asynccontextmanager
async def lifespan(_: object) -> AsyncGenerator[None]:
    threading.Thread(target=wait_for_go, daemon=True).start()
    async with pool:
        record("entered")
        yield
        record("leaving")
    record("left")


def add_task(tasks: BackgroundTasks, number: int) -> None:
    tasks.add_task(plain if number % 2 else asynchronous, number)
