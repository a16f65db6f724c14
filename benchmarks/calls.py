"""What adding and running tasks costs, in one process, rounds interleaved."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Coroutine, Iterator
from itertools import cycle, islice
from time import perf_counter
from typing import Any

import uvloop

from bgtasks import BackgroundTask, BackgroundTasks

from .libraries import Call, Collection, Library
from .measures import Row

NUMBERS = [1, 3, 10, 100, 1000]
ENOUGH = 0.004  # seconds for one figure


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
    "add and run 1 sync, asyncio": 1.0,
    "add and run 3 sync, asyncio": 0.4,
    "add and run 100 sync, asyncio": 0.03,
}


def calls(kind: str, number: int) -> list[Call]:
    funcs = islice(cycle(KINDS[kind]), number)
    return [(func, ("ada@example.org",), {"subject": "Hi"}) for func in funcs]


def in_turn(libraries: list[Library], rounds: int) -> Iterator[Library]:
    """Yield each library in each round, each time another one first."""
    for number in range(rounds):
        first = number % len(libraries)
        yield from libraries[first:]
        yield from libraries[:first]


def adding(libraries: dict[str, Library], rounds: int) -> Iterator[Row]:
    peers = [library for library in libraries.values() if library.name != "direct"]
    for number in NUMBERS:
        row = Row(f"add {number}", "µs", TARGETS.get(f"add {number}"))
        work = calls("async", number)
        times = max(1, round(ENOUGH / (number * 0.5e-6)))
        for library in in_turn(peers, rounds):
            start = perf_counter()
            for _ in range(times):
                library.add(work)
            row.note(library.name, (perf_counter() - start) / times * 1e6)
        yield row


async def running(libraries: dict[str, Library], rounds: int, loop: str) -> list[Row]:
    rows: list[Row] = []
    for kind in KINDS:
        for number in NUMBERS:
            name = f"add and run {number} {kind}, {loop}"
            adds = {library.name: library.add for library in libraries.values()}
            rows.append(await measure(name, adds, calls(kind, number), rounds))
    groups = {
        library.name: library.add_group
        for library in libraries.values()
        if library.add_group is not None
    }
    name = f"a group of 100 sync, {loop}"
    rows.append(await measure(name, groups, calls("sync", 100), rounds))
    return rows


async def options(rounds: int) -> list[Row]:
    """Return what the options cost, beside the same collection without them."""

    async def run(task: BackgroundTask) -> None:
        await task()

    def report(task: BackgroundTask, exc: Exception) -> None: ...

    def adds(**given: Any) -> Callable[[list[Call]], Collection]:
        def add(calls: list[Call]) -> Collection:
            tasks = BackgroundTasks(**given)
            for func, args, kwargs in calls:
                tasks.add_task(func, *args, **kwargs)
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
            rows.append(await measure(name, beside, calls(kind, 3), rounds))
    return rows


async def measure(
    name: str,
    adds: dict[str, Callable[[list[Call]], Collection]],
    work: list[Call],
    rounds: int,
) -> Row:
    row = Row(name, "µs", TARGETS.get(name))
    times: dict[str, int] = {}
    for library, add in adds.items():  # also warms up: threads, caches
        start = perf_counter()
        for _ in range(3):
            await add(work)()
        took = (perf_counter() - start) / 3
        times[library] = min(2000, max(1, round(ENOUGH / took)))
    names = list(adds)
    for number in range(rounds):
        first = number % len(names)
        for library in names[first:] + names[:first]:
            add = adds[library]
            start = perf_counter()
            for _ in range(times[library]):
                await add(work)()
            row.note(library, (perf_counter() - start) / times[library] * 1e6)
    return row


def on_loop(loop: str, main: Coroutine[Any, Any, list[Row]]) -> list[Row]:
    factory = uvloop.new_event_loop if loop == "uvloop" else None
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


def memory(libraries: dict[str, Library]) -> Row:
    row = Row("bytes for each queued task", "bytes", 1.0, beside="Starlette")
    for library in libraries.values():
        if library.name != "direct":
            row.note(library.name, bytes_of_a_task(library))
    return row


def bytes_of_a_task(library: Library) -> float:
    work = calls("async", 1000)
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
    row = Row("import, whole process", "ms", 0.7)
    given = [library for library in libraries.values() if library.name in MODULES]
    for library in in_turn(given, rounds + 1):
        code = f"import {MODULES[library.name]}"
        start = perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        row.note(library.name, (perf_counter() - start) * 1e3)
    for figures in row.figures.values():
        del figures[0]  # it may have compiled the modules
    return row
