"""Many tasks, many collections, many requests: every task runs, and memory stays flat.

The numbers are those of `make soak`; with every change the tests run a part of them.
"""

import asyncio
import gc
import json
import logging
import threading
import tracemalloc
from collections.abc import Callable
from functools import partial
from statistics import median

import anyio
import pytest
from hypothesis import settings

from .server import serve
from .subject import BackgroundTasks

pytestmark = pytest.mark.no_cover

PROFILE = settings.get_current_profile_name()
LESS = 1 if PROFILE == "soak" else 20
TASKS = 100_000 // LESS
COLLECTIONS = 10_000 // LESS
REQUESTS = 1_000 // LESS
# asyncio's debug mode makes each task cost twenty times as much.
ROUNDS = 10 if PROFILE == "strict" else 1_000 // LESS


class Counter:
    """Counts in any thread."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.number = 0

    def count(self) -> None:
        with self.lock:
            self.number += 1

    async def count_async(self) -> None:
        self.count()

    def fail(self) -> None:
        self.count()
        raise ValueError


def add(tasks: BackgroundTasks, counter: Counter, number: int) -> None:
    kinds: list[Callable[[], object]] = [
        counter.count,
        counter.count,
        counter.count_async,
        lambda: counter.count_async(),
        partial(counter.count),
    ]
    for place in range(number):
        tasks.add_task(kinds[place % len(kinds)])


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["count", "count_async"])
async def test_every_task_of_a_large_collection_runs(kind: str) -> None:
    counter = Counter()
    tasks = BackgroundTasks()
    for _ in range(TASKS):
        tasks.add_task(getattr(counter, kind))

    await tasks()

    assert counter.number == TASKS


@pytest.mark.anyio
async def test_every_task_of_a_large_collection_of_all_kinds_runs() -> None:
    counter = Counter()
    tasks = BackgroundTasks()
    add(tasks, counter, TASKS // 10)

    await tasks()

    assert counter.number == TASKS // 10


@pytest.mark.anyio
async def test_every_task_of_a_large_group_runs() -> None:
    counter = Counter()
    tasks = BackgroundTasks(as_group=True)
    add(tasks, counter, TASKS // 10)

    await tasks()

    assert counter.number == TASKS // 10


@pytest.mark.anyio
async def test_every_failure_of_a_large_collection_is_reported() -> None:
    counter = Counter()
    reported: list[Exception] = []
    tasks = BackgroundTasks(on_error=lambda _, exc: reported.append(exc))
    for _ in range(TASKS // 100):
        tasks.add_task(counter.fail)

    await tasks()

    assert counter.number == len(reported) == TASKS // 100


@pytest.mark.anyio
async def test_every_task_of_many_concurrent_collections_runs() -> None:
    counter = Counter()

    async with anyio.create_task_group() as group:
        for _ in range(COLLECTIONS):
            tasks = BackgroundTasks()
            add(tasks, counter, 3)
            group.start_soon(tasks)

    assert counter.number == 3 * COLLECTIONS


def test_tasks_added_by_tasks_need_no_deeper_stack() -> None:
    counter = Counter()
    tasks = BackgroundTasks()

    def add_next() -> None:
        counter.count()
        if counter.number < TASKS // 10:
            tasks.add_task(add_next)

    tasks.add_task(add_next)
    anyio.run(tasks)

    assert counter.number == TASKS // 10


# Memory


async def rounds(number: int, *, as_group: bool) -> None:
    for _ in range(number):
        tasks = BackgroundTasks(as_group=as_group, on_error=lambda _, __: None)
        counter = Counter()
        add(tasks, counter, 10)
        tasks.add_task(counter.fail)
        await tasks()
        assert counter.number == 11


def allocated() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


@pytest.mark.anyio
@pytest.mark.parametrize("as_group", [False, True])
async def test_runs_leave_no_memory_behind(
    *, as_group: bool, caplog: pytest.LogCaptureFixture
) -> None:
    # In debug mode asyncio logs each slow step, and pytest keeps what is logged.
    caplog.set_level(logging.CRITICAL, "asyncio")
    growth: list[int] = []
    gc.freeze()  # what was there before need not be looked at again and again
    tracemalloc.start()
    try:
        await rounds(30, as_group=as_group)
        for _ in range(3):
            before = allocated()
            await rounds(ROUNDS, as_group=as_group)
            growth.append(allocated() - before)
    finally:
        tracemalloc.stop()
        gc.unfreeze()

    # Each task left behind is some 300 bytes. Without a GIL, tables of the event loop
    # and of threads grow or shrink by some kB.
    assert median(growth) < 200 * ROUNDS


@pytest.mark.anyio
async def test_run_needs_no_more_memory_for_more_tasks() -> None:
    counter = Counter()
    peaks: list[int] = []
    for number in (TASKS // 100, TASKS // 10):
        tasks = BackgroundTasks()
        for _ in range(number):
            tasks.add_task(counter.count)
        tracemalloc.start()
        try:
            await tasks()
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()

    assert peaks[1] < peaks[0] + 20_000


# Requests


def test_every_task_of_many_concurrent_requests_runs() -> None:
    async def request(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer

    async def requests(port: int) -> None:
        answers = await asyncio.gather(*(request(port) for _ in range(REQUESTS)))
        assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers)

    seen: list[dict[str, int]] = []
    with serve("tests.counting_application:app", "--backlog", "2048") as server:
        for number in range(1, 4):
            asyncio.run(requests(server.port))
            while True:
                seen.append(json.loads(server.get("/count")))
                if seen[-1]["counted"] == 3 * REQUESTS * number:
                    break

    assert seen[-1]["memory"] < seen[0]["memory"] * 1.5
