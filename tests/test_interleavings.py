"""Each task has been started, or is named as not run: once, in order, always.

A thread is stopped where it waits; by `make strict` once more in each run, at any line,
and by `make interleavings` twice, which prints how many schedules each scenario has.
"""

import asyncio
import inspect
import os
import re
import shutil
import sys
import sysconfig
import threading
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, TypeAlias

import anyio
import anyio.to_thread
import pytest
from hypothesis import settings

from .interleavings import PACKAGE, Scenario, Schedule, explore
from .subject import BackgroundTask, subject

pytestmark = pytest.mark.no_cover

Kind: TypeAlias = Literal[
    "plain", "async", "fails", "returns", "adds", "posts", "async adds"
]


@dataclass
class Case:
    """Tasks, and what else happens at any moment of their run."""

    kinds: list[Kind]
    cancel: Literal["task", "scope"] | None = None
    adds: int = 0
    on_error: bool = False
    runs: int = 1
    as_group: bool = False
    plain_runner: bool = False
    backends: tuple[str, ...] = ("asyncio",)


BOTH = ("asyncio", "trio")
CASES = {
    "one plain function, and one more is added": Case(["plain"], adds=1, backends=BOTH),
    "two, and two more are added": Case(["plain", "plain"], adds=2),
    "plain, async, and one more is added": Case(["plain", "async"], adds=1),
    "added by the thread": Case(["plain", "adds"], backends=BOTH),
    "added by the thread, cancelled": Case(["adds", "plain"], "task"),
    "added by a callback of the thread's": Case(["posts"], backends=BOTH),
    "added by a callback, cancelled": Case(["posts", "plain"], "task"),
    "added by an async task": Case(["plain", "async adds"], "task"),
    "one plain function, cancelled": Case(["plain"], "task"),
    "two plain functions, cancelled": Case(["plain"] * 2, "task"),
    "three plain functions, cancelled": Case(["plain"] * 3, "task"),
    "plain, async, plain, cancelled": Case(["plain", "async", "plain"], "task"),
    "added to and cancelled": Case(["plain", "plain"], "task", adds=1),
    "a failure": Case(["fails", "plain"], adds=1, backends=BOTH),
    "a failure, cancelled": Case(["plain", "fails", "plain"], "task"),
    "a reported failure": Case(["fails"], adds=1, on_error=True, backends=BOTH),
    "a reported failure, cancelled": Case(["fails", "plain"], "task", on_error=True),
    "a returned awaitable": Case(["returns"], adds=1, backends=BOTH),
    "a returned awaitable, cancelled": Case(["returns", "plain"], "task"),
    "a returned awaitable in a cancelled scope": Case(
        ["returns", "plain"], "scope", backends=BOTH
    ),
    "plain functions in a cancelled scope": Case(
        ["plain", "plain"], "scope", adds=1, backends=BOTH
    ),
    "plain, async, plain in a cancelled scope": Case(
        ["plain", "async", "plain"], "scope", backends=BOTH
    ),
    "a group": Case(["plain", "async"], adds=1, as_group=True, backends=BOTH),
    "a group, cancelled": Case(["plain", "plain"], "task", as_group=True),
    "a group in a cancelled scope": Case(
        ["plain", "adds"], "scope", as_group=True, backends=BOTH
    ),
    "by a plain runner": Case(
        ["plain", "plain"], adds=1, plain_runner=True, backends=BOTH
    ),
    "by a plain runner, cancelled": Case(["plain"] * 3, "task", plain_runner=True),
    "by a plain runner in a cancelled scope": Case(
        ["plain", "plain"], "scope", plain_runner=True, backends=BOTH
    ),
    "a failure of a plain runner, cancelled": Case(
        ["plain", "fails", "plain"], "task", on_error=True, plain_runner=True
    ),
    "two runs at once": Case(["plain", "async"], runs=2),
    "two runs at once, one is cancelled": Case(["plain"], "task", runs=2),
}


class Failure(Exception):
    pass


# What happened


run_number = ContextVar[int]("run_number")


@dataclass
class Run:
    """What has become of the tasks, as one run tells it."""

    started: list[int] = field(default_factory=list[int])
    notes: list[str] = field(default_factory=list[str])
    raised: type[BaseException] | None = None
    is_cancelled: bool = False
    count: int | None = None  # of the tasks, when it was over


def call(task: BackgroundTask) -> object:
    return task.func()


@dataclass
class World:
    case: Case
    schedule: Schedule
    package: Any
    runs: list[Run] = field(default_factory=list[Run])
    added: int = 0
    # Added by a thread for which nobody waits any more: they may come too late.
    late: set[int] = field(default_factory=set[int])
    coroutines: list[Coroutine[Any, Any, None]] = field(
        default_factory=list[Coroutine[Any, Any, None]]
    )
    failures: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        on_error = self.report if self.case.on_error else None
        private = import_module(f"{self.package.__name__}._task")
        limiter = self.package.current_thread_limiter
        runner = private.BlockingRunner(call, limiter)
        self.tasks = self.package.BackgroundTasks(
            None,
            self.case.as_group,
            on_error=on_error,
            runner=runner if self.case.plain_runner else None,
        )
        for kind in self.case.kinds:
            self.add(kind)

    def report(self, task: object, exc: Exception) -> None:
        self.failures.append("on_error")

    def add(self, kind: Kind = "plain") -> int:
        number, self.added = self.added, self.added + 1
        function: Any = self.function(kind, number)
        function.__qualname__ = f"task_{number}"
        self.tasks.add_task(function)
        return number

    def function(self, kind: Kind, number: int) -> Callable[[], object]:
        async def asynchronous() -> None:
            self.start(number)
            if kind == "async adds":
                self.add()

        async def finish() -> None: ...

        def plain() -> object:
            run = self.start(number)
            self.schedule.point()
            match kind:
                case "fails":
                    raise Failure
                case "returns":
                    self.coroutines.append(finish())
                    return self.coroutines[-1]
                case "adds":
                    number_added = self.add()
                    if run.is_cancelled:
                        self.late.add(number_added)
                case "posts":
                    self.schedule.post(self.add_unless_over)
                case _:
                    pass
            return None

        return asynchronous if "async" in kind else plain

    def start(self, number: int) -> Run:
        run = self.runs[run_number.get()]
        run.started.append(number)
        return run

    def add_unless_over(self) -> None:
        if any(run.count is None for run in self.runs):
            self.add()

    async def run(self) -> None:
        run_number.set(len(self.runs))
        run = Run()
        self.runs.append(run)
        try:
            await self.tasks()
        except BaseException as exc:
            run.raised = type(exc)
            run.notes += getattr(exc, "__notes__", [])
            if isinstance(exc, Failure):
                self.failures.append("raised")
            else:
                raise
        finally:
            run.count = len(self.tasks.tasks)

    async def happen(self) -> None:
        for _ in range(self.case.adds):
            self.schedule.outside(self.add_unless_over)
        if self.case.cancel == "scope":
            with anyio.CancelScope() as scope:
                self.schedule.outside(scope.cancel)
                await self.run()
        elif self.case.cancel == "task" or self.case.runs > 1:
            tasks = [asyncio.ensure_future(self.run()) for _ in range(self.case.runs)]

            def cancel() -> None:
                if self.runs and self.runs[0].count is None:
                    self.runs[0].is_cancelled = tasks[0].cancel()

            if self.case.cancel:
                self.schedule.outside(cancel)
            await asyncio.wait(tasks)
            for task in tasks:
                if not task.cancelled():
                    task.result()
        else:
            await self.run()
        await self.schedule.finish()

    def judge(self) -> None:
        for run in self.runs:
            assert run.count is not None
            if self.case.as_group:
                unfinished = numbers_in(run.notes, "Not finished: ")
                assert len(run.started) == len({*run.started}), f"ran twice: {run}"
                told = {*run.started, *unfinished}
            else:
                named = numbers_in(run.notes, "Not run: ")
                where = numbers_in(run.notes, "At background task ")
                in_order = [*run.started, *named]
                told = {*in_order}
                assert in_order == sorted(in_order), f"not in order: {run}"
                assert len(in_order) == len(told), f"told twice: {run}"
                assert not where or where == run.started[-1:], f"not there: {run}"
            lost = {*range(run.count)} - told
            assert lost <= self.late, f"lost {lost}: {run}"
        for coroutine in self.coroutines:
            assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED
        failed = sum(
            self.case.kinds[number] == "fails"
            for run in self.runs
            for number in run.started
            if number < len(self.case.kinds)
        )
        assert len(self.failures) == failed, f"a failure is lost: {self.failures}"


def numbers_in(notes: list[str], beginning: str) -> list[int]:
    of_this_kind = [note for note in notes if note.startswith(beginning)]
    assert len(of_this_kind) <= 1, notes
    return [int(number) for number in re.findall(r"task_(\d+)", "".join(of_this_kind))]


def scenario(case: Case, package: Any = subject) -> Scenario:
    async def happen(schedule: Schedule) -> None:
        world = World(case, schedule, package)
        with failures_of_threads(world):
            await world.happen()
        world.judge()

    return happen


@contextmanager
def failures_of_threads(world: World) -> Generator[None]:
    before = threading.excepthook
    threading.excepthook = lambda _: world.failures.append("thread")
    try:
        yield
    finally:
        threading.excepthook = before


# The core

# `make strict` stops a thread once in each run; elsewhere it goes on until it waits.
# Only one thread runs at a time, so without a GIL there is nothing more to see; and
# sys.settrace() is slow there.
IS_STRICT = settings.get_current_profile_name() == "strict"
PREEMPTIONS = int(IS_STRICT and not sysconfig.get_config_var("Py_GIL_DISABLED"))
ALL = [(name, backend) for name in CASES for backend in CASES[name].backends]


@pytest.mark.parametrize(("name", "backend"), ALL)
def test_every_task_is_started_or_named_wherever_a_thread_is_stopped(
    name: str, backend: str
) -> None:
    case = CASES[name]
    is_long = case.runs > 1 or case.as_group or (case.adds and case.cancel)
    preemptions = 0 if is_long else PREEMPTIONS
    explore(scenario(case), backend=backend, preemptions=preemptions)


# That the explorer finds mistakes is no question to the core, or to a copy of it.
of_the_explorer = pytest.mark.skipif(
    "BGTASKS_ELSEWHERE" in os.environ, reason="asked where the tests stand"
)

# Mistakes of version 0.1: the case that finds each, and how it is put back.
MISTAKEN = r"^(lost|told twice|not in order|not there)"
MISTAKES: dict[str, tuple[str, list[tuple[str, str, str]]]] = {
    "the end that the thread has seen is the end of the run": (
        "added by a callback of the thread's",
        [
            (
                "_task.py",
                "                return  # the event loop looks again",
                """\
                self.is_over = True
                return  # the event loop looks again""",
            ),
            (
                "_tasks.py",
                "                            started, task = hop.started, hop.task\n",
                """\
                            started, task = hop.started, hop.task
                        if hasattr(hop, "is_over"):
                            break
""",
            ),
        ],
    ),
    "thread and event loop take tasks without a lock": (
        "two plain functions, cancelled",
        [
            ("_task.py", "            lock.acquire()\n", ""),
            (
                "_task.py",
                "                lock.release()\n",
                "                pass\n",
            ),
        ],
    ),
    "a task is taken before the thread has seen whether it is a plain call": (
        "plain, async, plain, cancelled",
        [
            (
                "_task.py",
                "            if runner is None and not is_plain(task, previous):\n",
                """\
            self.started = started + 1
            if runner is None and not is_plain(task, previous):
                self.started = started
""",
            ),
        ],
    ),
}


@of_the_explorer
@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_found_when_it_is_put_back(
    mistake: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, changes = MISTAKES[mistake]
    folder = tmp_path / "mistaken_bgtasks"
    folder.mkdir()
    for file in PACKAGE.glob("_*.py"):
        shutil.copy(file, folder)
    for name_of_file, right, wrong in changes:
        code = (folder / name_of_file).read_text("utf-8")
        assert code.count(right) == 1, f"{name_of_file} has changed: put it back anew"
        (folder / name_of_file).write_text(code.replace(right, wrong), "utf-8")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    try:
        mistaken = scenario(CASES[name], import_module(folder.name))

        with pytest.raises(AssertionError, match=MISTAKEN):
            explore(mistaken, preemptions=1, folder=folder)
    finally:
        for module in [key for key in sys.modules if key.startswith(folder.name)]:
            del sys.modules[module]


# The explorer


COUNTER = """
import threading

class Counter:
    def __init__(self):
        self.lock = threading.Lock()
        self.count = 0

    def add(self):
        count = self.count
        self.count = count + 1

    def add_safely(self):
        with self.lock:
            self.add()
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "explored_counter.py").write_text(COUNTER)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "explored_counter", raising=False)
    return tmp_path


def two_threads_add(method: str) -> Scenario:
    async def add(schedule: Schedule) -> None:
        counter: Any = import_module("explored_counter").Counter()
        async with anyio.create_task_group() as group:
            for _ in range(2):
                group.start_soon(anyio.to_thread.run_sync, getattr(counter, method))
        assert counter.count == 2

    return add


@of_the_explorer
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_lost_update_is_found_with_one_preemption(package: Path, backend: str) -> None:
    scenario = two_threads_add("add")

    explore(scenario, backend=backend, preemptions=0, folder=package)
    with pytest.raises(AssertionError) as caught:
        explore(scenario, backend=backend, preemptions=1, folder=package)

    assert "explored_counter.py:11 (add): thread" in caught.value.__notes__[1]


@of_the_explorer
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_lock_keeps_it_in_every_schedule(package: Path, backend: str) -> None:
    scenario = two_threads_add("add_safely")

    count = explore(scenario, backend=backend, preemptions=1, folder=package)

    assert count > 10


@of_the_explorer
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_call_from_outside_comes_at_every_line_of_a_thread(
    package: Path, backend: str
) -> None:
    seen: set[int] = set()

    async def look(schedule: Schedule) -> None:
        counter: Any = import_module("explored_counter").Counter()

        def add_twice() -> None:
            counter.add()
            counter.add()

        schedule.outside(lambda: seen.add(counter.count))
        await anyio.to_thread.run_sync(add_twice)
        await schedule.finish()

    explore(look, backend=backend, preemptions=1, folder=package)

    assert seen == {0, 1, 2}


@of_the_explorer
def test_run_that_does_not_end_fails(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.interleavings.PATIENCE", 0.2)

    async def wait(schedule: Schedule) -> None:
        await anyio.sleep_forever()

    with pytest.raises(TimeoutError, match="does not end"):
        explore(wait, folder=package)


# make interleavings


def count(case: tuple[str, str], preemptions: int = 2) -> int:
    name, backend = case
    return explore(scenario(CASES[name]), backend=backend, preemptions=preemptions)


def main() -> None:
    total = 0
    with ProcessPoolExecutor() as processes:
        for (name, backend), schedules in zip(
            ALL, processes.map(count, ALL), strict=True
        ):
            total += schedules
            print(f"{schedules:8,}  {name} ({backend})", flush=True)  # noqa: T201
    print(f"{total:8,}  schedules: every task started or named, once, in order")  # noqa: T201


if __name__ == "__main__":
    main()
