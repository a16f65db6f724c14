"""What sending to an engine costs, beside calling the engine itself: on Redis."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from time import perf_counter
from typing import Any

from celery import Celery  # pyright: ignore[reportMissingTypeStubs]
from taskiq_redis import ListQueueBroker

from bgtasks import BackgroundTasks
from bgtasks.celery import celery_runner
from bgtasks.taskiq import taskiq_runner

from .calls import in_turn
from .measures import OURS, Row

REGISTERED = [10, 1000]
TICK = 0.001  # seconds between two looks at the event loop


def send_email(to: str, *, subject: str) -> None: ...


def another() -> Callable[[], None]:
    def function() -> None: ...

    return function


def sending(rounds: int, tasks: int) -> Iterator[Row]:
    """Return nothing if this machine has no ``redis-server``."""
    if shutil.which("redis-server") is None:
        return
    with redis() as url:
        for registered in REGISTERED:
            for engine, ways in (("Celery", by_celery), ("taskiq", by_taskiq)):
                yield from asyncio.run(
                    measure(engine, ways(url, registered), registered, rounds, tasks)
                )


@contextmanager
def redis() -> Generator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [
                *("redis-server", "--bind", "127.0.0.1", "--port", f"{port}"),
                *("--dir", folder, "--save", ""),
            ],
            stdout=subprocess.PIPE,
        )
        try:
            for line in server.stdout or ():
                if b"Ready to accept connections" in line:
                    break
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.kill()
            server.communicate()


# How often to send, to a task of ours or of the engine's own.
Way = Callable[[int], Awaitable[object]]


@asynccontextmanager
async def by_celery(url: str, registered: int) -> AsyncGenerator[dict[str, Way]]:
    app: Any = Celery("benchmarks", broker=url, set_as_current=False)
    for number in range(registered - 1):
        app.task(another(), name=f"another {number}", shared=False)
    task = app.task(send_email, shared=False)
    runner = celery_runner(app)

    def delay(times: int) -> None:
        for _ in range(times):
            task.delay("ada@example.org", subject="Hi")

    # In a thread: it blocks.
    yield {
        OURS: lambda times: add(runner, times)(),
        ".delay()": lambda times: asyncio.to_thread(delay, times),
    }


@asynccontextmanager
async def by_taskiq(url: str, registered: int) -> AsyncGenerator[dict[str, Way]]:
    broker = ListQueueBroker(url)
    for number in range(registered - 1):
        broker.register_task(another(), f"another {number}")
    task = broker.register_task(send_email)
    runner = taskiq_runner(broker)

    async def kiq(times: int) -> None:
        for _ in range(times):
            await task.kiq("ada@example.org", subject="Hi")

    async with broker_started(broker):
        yield {OURS: lambda times: add(runner, times)(), ".kiq()": kiq}


@asynccontextmanager
async def broker_started(broker: ListQueueBroker) -> AsyncGenerator[None]:
    await broker.startup()
    try:
        yield
    finally:
        await broker.shutdown()


def add(runner: Any, times: int) -> BackgroundTasks:
    tasks = BackgroundTasks(runner=runner)
    for _ in range(times):
        tasks.add_task(send_email, "ada@example.org", subject="Hi")
    return tasks


async def measure(
    engine: str, given: Any, registered: int, rounds: int, tasks: int
) -> list[Row]:
    of = f"{tasks:,} tasks to {engine}, {registered:,} registered"
    time = Row(f"send {of}", "ms", target=1.5)
    lag = Row(f"send {of}: longest stop of the event loop", "ms")
    async with given as ways:
        for way in ways.values():
            await way(1)  # what is done only once
        for name in in_turn(ways, rounds):
            stops: list[float] = []
            watch = asyncio.create_task(watch_loop(stops))
            start = perf_counter()
            await ways[name](tasks)
            time.note(name, (perf_counter() - start) * 1e3)
            watch.cancel()
            lag.note(name, max([TICK, *stops]) * 1e3)  # shorter ones are not seen
    return [time, lag]


async def watch_loop(stops: list[float]) -> None:
    while True:
        before = perf_counter()
        await asyncio.sleep(TICK)
        stops.append(perf_counter() - before - TICK)
