"""What adding and running tasks costs, in one process, rounds interleaved."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from random import Random
from time import perf_counter
from typing import Any

import uvloop

from bgtasks import BackgroundTask, BackgroundTasks
from bgtasks.pool import TaskPool

from .libraries import Collection, Functions, Library
from .measures import Row, share

NUMBERS = [1, 3, 10, 100]  # of tasks; --most is the largest
ENOUGH = 0.006  # seconds for one figure
# How long a hop takes is up to the system's scheduler: it varies by half.
ENOUGH_HOPS = 0.02
MORE_ROUNDS = 4  # for hops that have a target


def plain(to: str, *, subject: str) -> None: ...


async def asynchronous(to: str, *, subject: str) -> None: ...


KINDS: dict[str, list[Callable[..., object]]] = {
    "async": [asynchronous],
    "sync": [plain],
    "mixed": [plain, asynchronous],
}
TARGETS = {
    "add 3": 0.6,
    "add and run 3 async, asyncio": 0.7,
    "add and run 1 sync, asyncio, beside Starlette": 1.05,
    "add and run 3 sync, asyncio": 0.45,
    "add and run 100 sync, asyncio": 0.033,
}


def functions(kind: str, number: int) -> Functions:
    return [*islice(cycle(KINDS[kind]), number)]


def in_turn(names: Iterable[str], rounds: int) -> Iterator[str]:
    """Yield each name in each round, in another order each time.

    What comes before leaves its traces: threads that go to sleep, a warm processor.
    """
    order = [*names]
    random = Random(0)  # noqa: S311 (nothing secret)
    for _ in range(rounds):
        random.shuffle(order)
        yield from order


def adding(libraries: dict[str, Library], rounds: int, most: int) -> Iterator[Row]:
    peers = [name for name in libraries if name != "direct"]
    for number in (*NUMBERS, most):
        row = Row(f"add {number}", "µs", TARGETS.get(f"add {number}"))
        work = functions("async", number)
        times = max(1, round(ENOUGH * share(rounds) / (number * 0.5e-6)))
        for name in in_turn(peers, rounds):
            add = libraries[name].add
            start = perf_counter()
            for _ in range(times):
                made: Any = add(work)
                made.tasks.clear()  # ours would warn that they were never run
            row.note(name, (perf_counter() - start) / times * 1e6)
        yield row


async def running(
    libraries: dict[str, Library], rounds: int, most: int, loop: str
) -> list[Row]:
    rows: list[Row] = []
    for kind in KINDS:
        for number in (*NUMBERS, most):
            name = f"add and run {number} {kind}, {loop}"
            adds = {library.name: library.add for library in libraries.values()}
            rows.append(await measure(name, adds, functions(kind, number), rounds))
    if "Starlette" in libraries and loop == "asyncio":
        # Of the peers, Litestar alone makes the trip without anyio. The others' trip is
        # ours, and the difference is small.
        name = f"add and run 1 sync, {loop}, beside Starlette"
        pair = {each: libraries[each].add for each in ("bgtasks", "Starlette")}
        rows.append(await measure(name, pair, functions("sync", 1), rounds))
    groups = {
        library.name: library.add_group
        for library in libraries.values()
        if library.add_group is not None
    }
    name = f"a group of 100 sync, {loop}"
    rows.append(await measure(name, groups, functions("sync", 100), rounds))
    return rows


async def options(rounds: int) -> list[Row]:
    """Return what the options cost, beside the same collection without them."""

    async def run(task: BackgroundTask) -> None:
        await task()

    def report(task: BackgroundTask, exc: Exception) -> None: ...

    def adds(**given: Any) -> Callable[[Functions], Collection]:
        def add(functions: Functions) -> Collection:
            tasks = BackgroundTasks(**given)
            for function in functions:
                tasks.add_task(function, "ada@example.org", subject="Hi")
            return tasks

        return add

    rows: list[Row] = []
    for option, given in (
        ("on_error", {"on_error": report}),
        ("runner", {"runner": run}),
    ):
        for kind in ("async", "sync"):
            name = f"add and run 3 {kind} with {option}, beside without"
            beside = {"bgtasks": adds(**given), "without": adds()}
            rows.append(await measure(name, beside, functions(kind, 3), rounds))
    return rows


async def pooling(rounds: int) -> list[Row]:
    """Return what a pool costs, beside running the same collection directly."""
    rows: list[Row] = []
    async with TaskPool() as pool:

        def add_to_pool(functions: Functions) -> Collection:
            tasks = BackgroundTasks(runner=pool)
            for function in functions:
                tasks.add_task(function, "ada@example.org", subject="Hi")

            async def run() -> None:
                await tasks()
                while pool.running:  # noqa: ASYNC110 (it tells nobody that it is idle)
                    await asyncio.sleep(0)

            return run

        def add(functions: Functions) -> Collection:
            tasks = BackgroundTasks()
            for function in functions:
                tasks.add_task(function, "ada@example.org", subject="Hi")
            return tasks

        beside: dict[str, Callable[[Functions], Collection]] = {
            "bgtasks": add_to_pool,
            "without": add,
        }
        for kind, number in (("async", 1), ("async", 100), ("sync", 1)):
            name = f"run {number} {kind} in a pool, beside without"
            rows.append(await measure(name, beside, functions(kind, number), rounds))
    rows.append(await memory_of_a_pool())
    return rows


async def memory_of_a_pool() -> Row:
    row = Row("bytes for each of 10,000 waiting tasks of a pool", "bytes")
    end = asyncio.Event()

    def report(task: BackgroundTask, exc: Exception) -> None: ...

    async with TaskPool(limit=1, drain=0, on_error=report) as pool:
        await pool(end.wait)

        async def keep_in_pool() -> object:
            for _ in range(10_000):
                await pool(
                    BackgroundTask(asynchronous, "ada@example.org", subject="Hi")
                )
            return pool

        async def keep_in_collection() -> object:
            tasks = BackgroundTasks()
            for _ in range(10_000):
                tasks.add_task(asynchronous, "ada@example.org", subject="Hi")
            return tasks

        for name, keep in (("bgtasks", keep_in_pool), ("without", keep_in_collection)):
            gc.collect()
            tracemalloc.start()
            before, _ = tracemalloc.get_traced_memory()
            kept = await keep()
            after, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            del kept
            row.note(name, (after - before) / 10_000)
    return row


async def measure(
    name: str,
    adds: dict[str, Callable[[Functions], Collection]],
    work: Functions,
    rounds: int,
) -> Row:
    row = Row(name, "µs", TARGETS.get(name))
    enough = ENOUGH * share(rounds)
    if work != functions("async", len(work)):
        enough = ENOUGH_HOPS * share(rounds)
        rounds *= MORE_ROUNDS if name in TARGETS else 1
    times: dict[str, int] = {}
    for library, add in adds.items():
        await add(work)()
        start = perf_counter()
        await add(work)()
        took = perf_counter() - start
        times[library] = min(2000, max(1, round(enough / took)))
    for library in in_turn(adds, rounds + 1):
        add = adds[library]
        start = perf_counter()
        for _ in range(times[library]):
            await add(work)()
        row.note(library, (perf_counter() - start) / times[library] * 1e6)
    for figures in row.figures.values():
        del figures[0]  # the event loop and its threads were new to the work
    return row


def on_loop(loop: str, main: Coroutine[Any, Any, list[Row]]) -> list[Row]:
    factory = uvloop.new_event_loop if loop == "uvloop" else None
    with on_one_processor(), asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


@contextmanager
def on_one_processor() -> Generator[None]:
    """Keep event loop and threads together.

    Where they are apart, a hop takes up to three times as long, if its processor has to
    be woken: chance decides.
    """
    if sys.platform != "linux":
        yield
        return
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(processors)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, processors)


def memory(libraries: dict[str, Library]) -> Row:
    row = Row("bytes for each queued task", "bytes", 1.0, beside="Starlette")
    for library in libraries.values():
        if library.name != "direct":
            row.note(library.name, bytes_of_a_task(library))
    return row


def bytes_of_a_task(library: Library) -> float:
    work = functions("async", 1000)
    library.add(work)
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    kept = library.add(work)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del kept
    return (after - before) / len(work)


MODULES = {
    "bgtasks": "bgtasks",
    "Starlette": "starlette.background",
    "FastAPI": "fastapi.background",
    "Lilya": "lilya.background",
    "Litestar": "litestar.background_tasks",
}


def importing(libraries: dict[str, Library], rounds: int) -> Row:
    """Measure whole processes: the interpreter's own start is in all of them."""
    row = Row("import, whole process", "ms", 0.75)
    # As after an ordinary installation: compiled once.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    given = [name for name in libraries if name in MODULES]
    for name in in_turn(given, rounds + (rounds > 1)):
        code = f"import {MODULES[name]}"
        start = perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, env=environment)
        row.note(name, (perf_counter() - start) * 1e3)
    for figures in row.figures.values():
        del figures[:-rounds]  # the first may have compiled the modules
    return row
