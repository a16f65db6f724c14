"""The pool: what it takes over, what runs at once, and what it reports at its end."""

import asyncio
import gc
import logging
import math
import sys
import threading
import weakref
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from typing import Any

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import pytest
from typing_extensions import override

from bgtasks import BackgroundTask, BackgroundTasks, current_thread_limiter
from bgtasks.pool import TaskPool

HERE = __name__
Reports = list[tuple[str, Exception]]
variable = ContextVar("variable", default="unset")


class Gate:
    """Where tasks wait, plain and async ones, until they are let through."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.arrived = threading.Semaphore(0)
        self.names: list[str] = []

    def plain(self, name: str = "plain") -> None:
        self.arrived.release()
        assert self.opened.wait(10)
        self.names.append(name)

    async def wait(self, name: str = "async") -> None:
        self.arrived.release()
        while not self.opened.is_set():
            await anyio.sleep(0.001)
        self.names.append(name)

    async def has(self, count: int) -> None:
        for _ in range(count):
            while not self.arrived.acquire(blocking=False):
                await anyio.sleep(0.001)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()


@pytest.fixture
def reports() -> Reports:
    return []


@pytest.fixture
def report(reports: Reports) -> Callable[[BackgroundTask, Exception], object]:
    return lambda task, exc: reports.append((task.name, exc))


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.name == "bgtasks"]


def failures(caplog: pytest.LogCaptureFixture) -> list[BaseException]:
    found = [r.exc_info[1] for r in caplog.records if r.exc_info]
    return [exc for exc in found if exc is not None]


async def forever() -> None:
    await anyio.sleep_forever()


async def fail() -> None:
    raise LookupError


def nothing() -> None: ...


@contextmanager
def soon() -> Generator[None]:
    with anyio.fail_after(10):
        yield


# Handing over


@pytest.mark.anyio
async def test_task_is_taken_over_and_runs_beside_the_caller(gate: Gate) -> None:
    with soon():
        async with TaskPool() as pool:
            await pool(BackgroundTask(gate.wait))
            await pool(BackgroundTask(gate.plain))
            assert gate.names == []
            await gate.has(2)
            gate.opened.set()

    assert sorted(gate.names) == ["async", "plain"]


@pytest.mark.anyio
async def test_pool_is_the_runner_of_a_collection(gate: Gate) -> None:
    with soon():
        async with TaskPool() as pool:
            tasks = BackgroundTasks(runner=pool)
            tasks.add_task(gate.wait, "first")
            tasks.add_task(gate.plain, "second")
            await tasks()
            assert gate.names == []
            gate.opened.set()

    assert sorted(gate.names) == ["first", "second"]


@pytest.mark.anyio
async def test_anything_callable_without_arguments_is_a_task() -> None:
    ran: list[str] = []

    async def asynchronous() -> None:
        ran.append("async")

    async with TaskPool(limit=1) as pool:
        await pool(lambda: ran.append("lambda"))
        await pool(asynchronous)
        await pool(lambda: asynchronous())

    assert ran == ["lambda", "async", "async"]


@pytest.mark.anyio
async def test_what_is_no_task_is_refused() -> None:
    got: Any = forever()
    async with TaskPool() as pool:
        with pytest.raises(TypeError) as refused:
            await pool(got)

    assert str(refused.value) == (
        "a background task must be callable, got 'coroutine' object: "
        "write pool(forever), not pool(forever(...))"
    )


@pytest.mark.anyio
async def test_hand_over_returns_at_once_when_the_limit_is_reached(gate: Gate) -> None:
    with soon():
        async with TaskPool(limit=1) as pool:
            await pool(gate.wait)
            await gate.has(1)
            with anyio.CancelScope() as scope:
                scope.cancel()  # any checkpoint would be noticed
                for _ in range(3):
                    await pool(gate.wait)
            assert not scope.cancelled_caught
            assert (pool.running, pool.waiting) == (1, 3)
            gate.opened.set()

    assert (pool.running, pool.waiting) == (0, 0)
    assert len(gate.names) == 4


@pytest.mark.anyio
@pytest.mark.parametrize("limit", [1, 2, 7])
async def test_limit_tasks_run_at_once_in_the_order_they_came(limit: int) -> None:
    started: list[int] = []
    at_once: list[int] = []

    async def work(number: int) -> None:
        started.append(number)
        at_once.append(pool.running)
        for _ in range(number % 3 + 1):
            await anyio.lowlevel.checkpoint()

    async with TaskPool(limit=limit) as pool:
        for number in range(20):
            await pool(BackgroundTask(work, number))
            assert pool.running + pool.waiting + len(started) >= number + 1

    # trio shuffles those that it starts at once.
    assert all(abs(place - number) < limit for place, number in enumerate(started))
    assert max(at_once) == limit


@pytest.mark.anyio
async def test_running_counts_a_task_from_its_hand_over_to_its_end() -> None:
    ends = [anyio.Event() for _ in range(4)]
    async with TaskPool(limit=2) as pool:
        counts = [(pool.running, pool.waiting)]
        for end in ends:
            await pool(end.wait)
            counts.append((pool.running, pool.waiting))
        for end in ends:
            await anyio.wait_all_tasks_blocked()
            end.set()
            await anyio.wait_all_tasks_blocked()
            counts.append((pool.running, pool.waiting))

    assert counts[:5] == [(0, 0), (1, 0), (2, 0), (2, 1), (2, 2)]
    assert counts[5:] == [(2, 1), (2, 0), (1, 0), (0, 0)]


@pytest.mark.anyio
async def test_event_loop_names_the_task_by_its_function() -> None:
    names: list[str | None] = []

    async def work() -> None:
        names.append(anyio.get_current_task().name)

    async with TaskPool() as pool:
        await pool(work)

    assert names == [BackgroundTask(work).name]


@pytest.mark.anyio
async def test_task_may_hand_another_one_over() -> None:
    ran: list[str] = []

    async def first() -> None:
        await pool(BackgroundTask(ran.append, "second"))
        ran.append("first")
        ended.set()

    ended = anyio.Event()
    async with TaskPool(limit=1) as pool:
        await pool(first)
        await ended.wait()

    assert ran == ["first", "second"]


@pytest.mark.anyio
async def test_plain_function_hands_over_from_its_worker_thread() -> None:
    ran: list[str] = []

    def plain() -> None:
        anyio.from_thread.run(pool, partial(asynchronous, variable.get()))

    async def asynchronous(name: str) -> None:
        await anyio.to_thread.run_sync(ran.append, f"{name} {variable.get()}")

    async with TaskPool() as pool:
        variable.set("request")
        await pool(plain)
        while pool.running:
            await anyio.sleep(0.001)

    assert ran == ["request request"]


@pytest.mark.anyio
async def test_cancellation_of_the_request_does_not_reach_the_task(gate: Gate) -> None:
    with soon():
        async with TaskPool(limit=1) as pool:
            with anyio.CancelScope() as request:
                tasks = BackgroundTasks(runner=pool)
                tasks.add_task(gate.wait, "running")
                tasks.add_task(gate.wait, "waiting")
                await tasks()
                request.cancel()
                await anyio.sleep_forever()
            gate.opened.set()

    assert gate.names == ["running", "waiting"]


@pytest.mark.anyio
async def test_deadline_of_the_request_does_not_reach_the_task() -> None:
    deadlines: list[float] = []

    async def work() -> None:
        deadlines.append(anyio.current_effective_deadline())

    async with TaskPool() as pool:
        with anyio.fail_after(5):
            await pool(work)

    assert deadlines == [math.inf]


# The context


@pytest.mark.anyio
@pytest.mark.parametrize("limit", [None, 1])
async def test_task_has_the_context_of_its_hand_over(limit: int | None) -> None:
    seen: list[str] = []

    async def asynchronous() -> None:
        seen.append(variable.get())
        variable.set("changed by the task")

    def plain() -> None:
        seen.append(variable.get())

    async with TaskPool(limit=limit) as pool:
        for request in ("first", "second"):
            variable.set(request)
            await pool(asynchronous)
            await pool(plain)
        variable.set("none")

    assert sorted(seen) == ["first", "first", "second", "second"]
    assert variable.get() == "none"


@pytest.mark.anyio
async def test_on_error_has_the_context_of_the_hand_over() -> None:
    seen: list[str] = []

    async def asynchronous(task: BackgroundTask, exc: Exception) -> None:
        seen.append(f"{task.name.rpartition('.')[2]} {variable.get()}")

    async with TaskPool(limit=2, drain=0, on_error=asynchronous) as pool:
        variable.set("failed")
        await pool(fail)
        await anyio.wait_all_tasks_blocked()
        variable.set("running")
        await pool(forever)
        await pool(forever)
        variable.set("waiting")
        await pool(fail)
        variable.set("none")

    assert sorted(seen) == [
        "fail failed",
        "fail waiting",
        "forever running",
        "forever running",
    ]


# Failures


@pytest.mark.anyio
async def test_failure_goes_to_on_error_and_cancels_nothing(
    gate: Gate,
    reports: Reports,
    report: Callable[[BackgroundTask, Exception], object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with soon():
        async with TaskPool(on_error=report) as pool:
            await pool(gate.wait)
            await pool(fail)
            await pool(BackgroundTask(int, "x"))
            while len(reports) < 2:
                await anyio.sleep(0.001)
            gate.opened.set()

    assert gate.names == ["async"]
    assert {name: type(exc) for name, exc in reports} == {
        f"{HERE}.fail": LookupError,
        "builtins.int": ValueError,
    }
    assert logged(caplog) == []


@pytest.mark.anyio
async def test_failure_goes_to_the_logger_if_there_is_no_on_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with TaskPool() as pool:
        await pool(fail)

    (record,) = caplog.records
    assert (record.name, record.levelno) == ("bgtasks", logging.ERROR)
    assert record.getMessage() == f"background task {HERE}.fail failed"
    assert [type(exc) for exc in failures(caplog)] == [LookupError]


@pytest.mark.anyio
@pytest.mark.parametrize("is_async", [True, False])
async def test_failure_of_on_error_goes_to_the_logger_with_that_of_the_task(
    *, is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def asynchronous(task: BackgroundTask, exc: Exception) -> None:
        await anyio.lowlevel.checkpoint()
        raise ZeroDivisionError

    def plain(task: BackgroundTask, exc: Exception) -> None:
        raise ZeroDivisionError

    async with TaskPool(on_error=asynchronous if is_async else plain) as pool:
        await pool(fail)

    assert logged(caplog) == [
        f"background task {HERE}.fail failed",
        f"on_error failed for task {HERE}.fail",
    ]
    kinds = [type(exc) for exc in failures(caplog)]
    assert kinds == [LookupError, ZeroDivisionError]


@pytest.mark.anyio
async def test_task_counts_as_running_while_its_failure_is_reported() -> None:
    counts: list[int] = []

    async def report(task: BackgroundTask, exc: Exception) -> None:
        counts.append(pool.running)
        await anyio.lowlevel.checkpoint()
        counts.append(pool.running)

    async with TaskPool(on_error=report, limit=1) as pool:
        await pool(fail)
        await pool(fail)

    assert counts == [1, 1, 1, 1]


@pytest.mark.anyio
async def test_on_error_of_a_failure_has_no_time_limit() -> None:
    deadlines: list[float] = []

    def report(task: BackgroundTask, exc: Exception) -> None:
        deadlines.append(anyio.current_effective_deadline())

    async with TaskPool(on_error=report) as pool:
        await pool(fail)
        while pool.running:
            await anyio.sleep(0.001)

    assert deadlines == [math.inf]


@pytest.mark.anyio
async def test_on_error_may_hand_the_task_over_again(gate: Gate) -> None:
    attempts: list[str] = []

    async def unstable() -> None:
        attempts.append("attempt")
        if len(attempts) < 3:
            raise ConnectionError

    async def again(task: BackgroundTask, exc: Exception) -> None:
        await pool(task)

    with soon():
        async with TaskPool(on_error=again, limit=1) as pool:
            await pool(unstable)
            while pool.running:
                await anyio.lowlevel.checkpoint()

    assert len(attempts) == 3


class Unusual(BaseException):
    pass


@pytest.mark.anyio
@pytest.mark.parametrize("kind", [SystemExit, GeneratorExit, Unusual])
@pytest.mark.parametrize("is_async", [True, False])
async def test_task_that_raises_no_exception_is_a_failure_like_any_other(
    *,
    kind: type[BaseException],
    is_async: bool,
    gate: Gate,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def asynchronous() -> None:
        raise kind

    def plain() -> None:
        raise kind

    task = asynchronous if is_async else plain
    with soon():
        async with TaskPool() as pool:
            await pool(gate.wait)
            await pool(task)
            while pool.running == 2:
                await anyio.sleep(0.001)
            gate.opened.set()

    assert gate.names == ["async"]
    (failure,) = failures(caplog)
    assert type(failure) is RuntimeError
    assert str(failure) == f"the background task raised {kind.__name__}"
    assert isinstance(failure.__cause__, kind)


@pytest.mark.anyio
async def test_generator_exit_goes_to_the_logger_as_on_error_may_await(
    reports: Reports,
    report: Callable[[BackgroundTask, Exception], object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def close() -> None:
        raise GeneratorExit

    async with TaskPool(on_error=report) as pool:
        await pool(close)

    assert reports == []
    assert logged(caplog) == [f"background task {BackgroundTask(close).name} failed"]


def test_generator_exit_after_the_drain_is_no_other_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def close() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise GeneratorExit

    async def report(task: BackgroundTask, exc: Exception) -> None: ...

    async def main() -> None:
        async with TaskPool(drain=0, on_error=report) as pool:
            await pool(close)
            await anyio.wait_all_tasks_blocked()

    asyncio.run(main())

    assert logged(caplog) == [
        f"background task {BackgroundTask(close).name} did not end"
    ]


@pytest.mark.anyio
async def test_on_error_that_raises_no_exception_cancels_no_task(
    gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    def report(task: BackgroundTask, exc: Exception) -> None:
        raise Unusual

    with soon():
        async with TaskPool(on_error=report) as pool:
            await pool(gate.wait)
            await pool(fail)
            while pool.running == 2:
                await anyio.sleep(0.001)
            gate.opened.set()

    assert gate.names == ["async"]
    assert logged(caplog) == [f"background task {HERE}.fail failed"]


@pytest.mark.anyio
@pytest.mark.parametrize("is_async", [True, False])
async def test_keyboard_interrupt_ends_the_pool_and_every_task_is_reported(
    *,
    is_async: bool,
    reports: Reports,
    report: Callable[[BackgroundTask, Exception], object],
) -> None:
    async def asynchronous() -> None:
        await anyio.lowlevel.checkpoint()
        raise KeyboardInterrupt

    def plain() -> None:
        raise KeyboardInterrupt

    task = asynchronous if is_async else plain

    async def serve() -> None:
        async with pool:
            await pool(forever)
            await pool(task)
            await pool(nothing)
            await anyio.sleep_forever()

    pool = TaskPool(limit=2, on_error=report)
    with soon(), pytest.raises(KeyboardInterrupt) as raised:
        await serve()

    assert raised.value.__notes__ == [
        f"In background task {BackgroundTask(task).name}."
    ]
    assert sorted(name for name, _ in reports) == [
        f"{HERE}.forever",
        f"{HERE}.nothing",
    ]
    assert pool.running == pool.waiting == 0


@pytest.mark.anyio
async def test_keyboard_interrupt_in_on_error_ends_the_pool(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def interrupt(task: BackgroundTask, exc: Exception) -> None:
        raise KeyboardInterrupt

    async def serve() -> None:
        async with pool:
            await pool(fail)
            await anyio.sleep_forever()

    pool = TaskPool(on_error=interrupt)
    with soon(), pytest.raises(KeyboardInterrupt):
        await serve()

    assert logged(caplog) == [f"background task {HERE}.fail failed"]


@pytest.mark.anyio
async def test_task_that_is_cancelled_by_others_is_reported(
    anyio_backend: Any, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    if anyio_backend == "trio":
        pytest.skip("a task of trio is cancelled by scopes alone")

    async def waits_for_a_cancelled_future() -> None:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    async def cancels_itself() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await anyio.sleep(1)

    with soon():
        async with TaskPool() as pool:
            await pool(gate.wait)
            await pool(waits_for_a_cancelled_future)
            await pool(cancels_itself)
            while pool.running > 1:
                await anyio.sleep(0.001)
            gate.opened.set()

    assert gate.names == ["async"]
    first, second = failures(caplog)
    for failure in (first, second):
        assert isinstance(failure, InterruptedError)
        assert str(failure) == "the background task was cancelled"
        assert isinstance(failure.__cause__, asyncio.CancelledError)


@pytest.fixture
def logging_fails() -> Iterator[None]:
    class Failing(logging.Filter):
        @override
        def filter(self, record: logging.LogRecord) -> bool:
            raise ZeroDivisionError

    failing = Failing()
    logger = logging.getLogger("bgtasks")
    logger.addFilter(failing)
    yield
    logger.removeFilter(failing)


@pytest.mark.anyio
@pytest.mark.usefixtures("logging_fails")
async def test_logging_that_fails_ends_nothing(gate: Gate) -> None:
    with soon():
        async with TaskPool() as pool:
            await pool(gate.wait)
            await pool(fail)
            while pool.running > 1:
                await anyio.sleep(0.001)
            gate.opened.set()

    assert gate.names == ["async"]


@pytest.mark.anyio
@pytest.mark.usefixtures("logging_fails")
async def test_logging_that_fails_after_the_drain_ends_nothing(gate: Gate) -> None:
    def fail_late() -> None:
        gate.plain()
        raise LookupError

    def report(task: BackgroundTask, exc: Exception) -> None:
        gate.opened.set()

    with soon():
        async with TaskPool(drain=0, on_error=report) as pool:
            await pool(fail_late)
            await gate.has(1)

    assert gate.names == ["plain"]


@pytest.mark.anyio
async def test_failure_is_in_no_reference_cycle() -> None:
    failures: list[weakref.ref[Exception]] = []

    class Failure(Exception):
        pass

    async def fails() -> None:
        raise Failure

    def report(task: BackgroundTask, exc: Exception) -> None:
        failures.append(weakref.ref(exc))

    gc.collect()
    gc.disable()
    try:
        async with TaskPool(on_error=report) as pool:
            await pool(fails)
            while pool.running:
                await anyio.sleep(0.001)
            await anyio.lowlevel.checkpoint()
        (failure,) = failures
        assert failure() is None
    finally:
        gc.enable()


# Runners and collections


@pytest.mark.anyio
async def test_runner_runs_each_task() -> None:
    ran: list[str] = []

    async def runner(task: BackgroundTask) -> None:
        ran.append(task.name)
        await task()

    async with TaskPool(runner=runner, limit=1) as pool:
        await pool(nothing)
        await pool(BackgroundTask(ran.append, "task"))

    assert ran == [f"{HERE}.nothing", "list.append", "task"]


@pytest.mark.anyio
async def test_runner_that_is_not_async_is_a_failure_that_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def plain(task: BackgroundTask) -> None: ...

    runner: Any = plain
    async with TaskPool(runner=runner) as pool:
        await pool(nothing)

    (failure,) = failures(caplog)
    assert str(failure) == (
        "runner must return an awaitable, got None: "
        "write it as `async def runner(task)`"
    )


@pytest.mark.anyio
async def test_collection_handed_over_as_one_task_keeps_its_order() -> None:
    ran: list[str] = []

    async def slow() -> None:
        await anyio.sleep(0.01)
        ran.append("slow")

    steps = BackgroundTasks([slow])
    steps.add_task(ran.append, "fast")
    async with TaskPool() as pool:
        tasks = BackgroundTasks(runner=pool)
        tasks.add_task(steps)
        await tasks()

    assert ran == ["slow", "fast"]


@pytest.mark.anyio
async def test_tasks_of_a_collection_are_named_if_it_does_not_end(
    reports: Reports, report: Callable[[BackgroundTask, Exception], object]
) -> None:
    def steps() -> BackgroundTasks:
        return BackgroundTasks([forever, nothing])

    pool = TaskPool(limit=1, drain=0, on_error=report)
    async with pool:
        await pool(steps())
        await pool(steps())
        await anyio.wait_all_tasks_blocked()

    notes = [exc.__notes__ for _, exc in reports]
    names = f"{HERE}.forever, {HERE}.nothing."
    assert sorted(notes) == [
        [f"Not all finished: {names}"],
        [f"Not run, because it did not end within 0 seconds: {names}"],
    ]
    with pytest.raises(RuntimeError) as refused:
        await pool(steps())
    assert refused.value.__notes__ == [
        f"Not run, because the pool refused them: {names}"
    ]


def test_collection_that_is_cancelled_alone_says_what_it_did_not_run(
    reports: Reports, report: Callable[[BackgroundTask, Exception], object]
) -> None:
    async def await_cancelled() -> None:
        shared = asyncio.get_running_loop().create_future()
        shared.cancel()
        try:
            await shared
        except asyncio.CancelledError as exc:
            exc.add_note("theirs")
            raise

    async def main() -> None:
        async with TaskPool(on_error=report) as pool:
            await pool(BackgroundTasks([await_cancelled, nothing]))

    asyncio.run(main())

    ((_, exc),) = reports
    assert str(exc) == "the background task was cancelled"
    assert exc.__notes__ == [
        f"At background task 1 of 2, {HERE}.{await_cancelled.__qualname__}.",
        f"Not run: {HERE}.nothing.",
    ]


def test_cancellation_that_another_run_has_had_is_reported_without_its_notes(
    reports: Reports, report: Callable[[BackgroundTask, Exception], object]
) -> None:
    shared = asyncio.CancelledError()

    async def await_cancelled() -> None:
        raise shared.with_traceback(None)

    async def main() -> None:
        with pytest.raises(asyncio.CancelledError):
            await BackgroundTasks([await_cancelled, nothing])()
        async with TaskPool(on_error=report) as pool:
            await pool(await_cancelled)

    asyncio.run(main())

    ((_, exc),) = reports
    assert not hasattr(exc, "__notes__")


@pytest.mark.anyio
async def test_contexts_that_go_round_in_a_circle_are_no_cancellation(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail_late() -> None:
        with suppress(anyio.get_cancelled_exc_class()):
            await anyio.sleep_forever()
        first, second = LookupError(), LookupError()
        first.__context__, second.__context__ = second, first
        raise first

    async with TaskPool(drain=0) as pool:
        await pool(fail_late)
        await anyio.wait_all_tasks_blocked()

    name = BackgroundTask(fail_late).name
    assert logged(caplog) == [
        f"background task {name} did not end",
        f"background task {name} failed after its cancellation",
    ]


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["alone", "in a collection", "in a group"])
async def test_failure_of_a_plain_function_after_it_was_cut_off_goes_to_the_logger(
    kind: str, gate: Gate, reports: Reports, caplog: pytest.LogCaptureFixture
) -> None:
    failure = LookupError()
    failure.__context__ = asyncio.CancelledError()  # of an asyncio.run() in the thread

    def fails_late() -> None:
        gate.plain()
        raise failure

    def report(task: BackgroundTask, exc: Exception) -> None:
        reports.append((task.name, exc))
        gate.opened.set()

    task = BackgroundTask(fails_late)
    if kind != "alone":
        task = BackgroundTask(BackgroundTasks([task], as_group=kind == "in a group"))
    with soon():
        async with TaskPool(drain=0, on_error=report) as pool:
            await pool(task)
            await gate.has(1)

    assert [type(exc) for _, exc in reports] == [InterruptedError]
    assert logged(caplog) == [
        f"background task {task.name} failed after its cancellation"
    ]
    (told,) = failures(caplog)
    in_group: Any = told
    assert (in_group.exceptions[0] if kind == "in a group" else told) is failure
    assert told.__notes__[-1] == f"In background task {task.name}, after cancellation."


@pytest.mark.anyio
async def test_cancellation_that_a_thread_sees_between_two_calls_is_no_failure(
    gate: Gate, reports: Reports, caplog: pytest.LogCaptureFixture
) -> None:
    def report(task: BackgroundTask, exc: Exception) -> None:
        reports.append((task.name, exc))
        gate.opened.set()

    with soon():
        async with TaskPool(drain=0, on_error=report) as pool:
            await pool(BackgroundTasks([gate.plain, nothing]))
            await gate.has(1)

    assert len(reports) == 1
    assert logged(caplog) == []


@pytest.mark.anyio
async def test_failure_of_a_shielded_function_after_it_was_cut_off_does_too(
    reports: Reports, caplog: pytest.LogCaptureFixture
) -> None:
    reported = anyio.Event()

    def report(task: BackgroundTask, exc: Exception) -> None:
        reports.append((task.name, exc))
        reported.set()

    async def fails_late() -> None:
        with anyio.CancelScope(shield=True):
            await reported.wait()
        raise LookupError

    with soon():
        async with TaskPool(drain=0, on_error=report) as pool:
            await pool(fails_late)
            await anyio.wait_all_tasks_blocked()

    assert len(reports) == 1
    (told,) = failures(caplog)
    assert type(told) is LookupError


# Refusals


@pytest.mark.anyio
async def test_pool_that_is_not_open_refuses_a_task_and_says_what_to_write() -> None:
    pool = TaskPool()
    with pytest.raises(RuntimeError) as refused:
        await pool(nothing)

    assert str(refused.value) == (
        "the pool is not open: write `async with pool: yield` in the lifespan of the "
        "application, and check that the server or test client runs it"
    )
    assert refused.value.__notes__ == [f"Not run: {HERE}.nothing."]

    async with pool:
        pass
    with pytest.raises(RuntimeError, match="the pool is not open"):
        await pool(nothing)


@pytest.mark.anyio
async def test_run_names_the_tasks_that_a_closed_pool_did_not_take() -> None:
    tasks = BackgroundTasks([nothing, forever], runner=TaskPool())
    with pytest.raises(RuntimeError) as refused:
        await tasks()

    notes = "\n".join(refused.value.__notes__)
    assert f"{HERE}.nothing" in notes
    assert f"{HERE}.forever" in notes


@pytest.mark.anyio
async def test_refused_task_of_a_collection_is_named_by_both() -> None:
    with pytest.raises(RuntimeError) as refused:
        await BackgroundTasks([nothing], runner=TaskPool())()

    assert refused.value.__notes__ == [
        f"Not run: {HERE}.nothing.",
        f"At background task 1 of 1, {HERE}.nothing.",
    ]


@pytest.mark.anyio
async def test_pool_that_is_being_left_refuses_a_task_and_says_so(
    reports: Reports, report: Callable[[BackgroundTask, Exception], object]
) -> None:
    left = anyio.Event()

    async def too_late() -> None:
        await left.wait()
        await pool(nothing)

    async with TaskPool(on_error=report) as pool:
        await pool(too_late)
        left.set()

    ((name, refusal),) = reports
    assert name == BackgroundTask(too_late).name
    assert str(refusal) == (
        "the pool is closing and takes no more tasks: write `await task()` to run "
        "the task at once"
    )
    assert refusal.__notes__ == [f"Not run: {HERE}.nothing."]


@pytest.mark.anyio
async def test_pool_refuses_a_task_of_another_event_loop() -> None:
    def in_another_event_loop() -> None:
        with pytest.raises(RuntimeError, match="open in another event loop"):
            asyncio.run(pool(nothing))

    async with TaskPool() as pool:
        await anyio.to_thread.run_sync(in_another_event_loop)
        assert pool.running == 0
    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(pool),
        pytest.raises(RuntimeError, match="open in another event loop"),
    ):
        await pool(nothing)


@pytest.mark.anyio
async def test_pool_is_not_entered_twice_at_once() -> None:
    def in_another_event_loop() -> None:
        with pytest.raises(RuntimeError, match="the pool is open already"):
            asyncio.run(enter())

    async def enter() -> None:
        async with pool:
            pytest.fail("it was entered twice")

    async with TaskPool() as pool:
        with pytest.raises(RuntimeError, match="the pool is open already"):
            await enter()
        await anyio.to_thread.run_sync(in_another_event_loop)
        await pool(nothing)  # it is still open


def test_pool_is_entered_again_after_its_end_on_another_event_loop() -> None:
    ran: list[str] = []
    pool = TaskPool(limit=1)

    async def enter(name: str) -> None:
        async with pool:
            await pool(BackgroundTask(ran.append, name))
            await pool(BackgroundTask(ran.append, name))

    asyncio.run(enter("asyncio"))
    anyio.run(enter, "trio", backend="trio")
    anyio.run(enter, "again")

    assert ran == ["asyncio", "asyncio", "trio", "trio", "again", "again"]


@pytest.mark.anyio
async def test_pool_is_entered_again_after_it_was_left_by_an_exception() -> None:
    async def serve() -> None:
        async with pool:
            await pool(forever)
            raise LookupError

    pool = TaskPool(drain=0)
    for _ in range(2):
        with pytest.raises(LookupError):
            await serve()


@pytest.mark.parametrize("limit", ["10", 2.5, True])
def test_limit_of_another_type_is_refused(limit: Any) -> None:
    with pytest.raises(TypeError, match="limit must be an int"):
        TaskPool(limit=limit)


@pytest.mark.parametrize("limit", [0, -1])
def test_limit_below_one_is_refused(limit: int) -> None:
    with pytest.raises(ValueError, match="limit must be at least 1"):
        TaskPool(limit=limit)


@pytest.mark.parametrize("drain", ["20", None, True])
def test_drain_of_another_type_is_refused(drain: Any) -> None:
    with pytest.raises(TypeError, match="drain must be a number of seconds"):
        TaskPool(drain=drain)


@pytest.mark.parametrize("drain", [-1, math.nan])
def test_drain_below_zero_is_refused(drain: float) -> None:
    with pytest.raises(ValueError, match="drain must be at least 0 seconds"):
        TaskPool(drain=drain)


@pytest.mark.parametrize("wrong", ["log", nothing])
def test_wrong_on_error_and_runner_are_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="on_error"):
        TaskPool(on_error=wrong)
    with pytest.raises(TypeError, match="runner"):
        TaskPool(runner=wrong)


# Leaving


@pytest.mark.anyio
async def test_leaving_waits_for_running_and_waiting_tasks(gate: Gate) -> None:
    with soon():
        async with anyio.create_task_group() as group, TaskPool(limit=2) as pool:
            for name in "abcde":
                await pool(BackgroundTask(gate.wait, name))

            async def open_gate() -> None:
                await anyio.wait_all_tasks_blocked()
                gate.opened.set()

            group.start_soon(open_gate)

    assert sorted(gate.names) == [*"abcde"]


@pytest.mark.anyio
async def test_each_task_that_did_not_end_is_reported_once(
    gate: Gate,
    reports: Reports,
    report: Callable[[BackgroundTask, Exception], object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def running(number: int) -> None:
        await anyio.sleep_forever()

    async def swallows_its_cancellation() -> None:
        with suppress(BaseException):
            await anyio.sleep_forever()

    async def fails_when_cancelled() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise ZeroDivisionError

    with soon():
        async with TaskPool(limit=4, drain=0.01, on_error=report) as pool:
            await pool(swallows_its_cancellation)
            await pool(fails_when_cancelled)
            for number in range(5):
                await pool(BackgroundTask(running, number))

    names = [name.rpartition(".")[2] for name, _ in reports]
    assert sorted(names) == [
        "fails_when_cancelled",
        *["running"] * 5,
        "swallows_its_cancellation",
    ]
    for _, exc in reports:
        assert type(exc) is InterruptedError
        assert str(exc) == "the background task did not end within 0.01 seconds"
    assert logged(caplog) == []


@pytest.mark.anyio
async def test_each_task_that_did_not_end_is_logged_if_there_is_no_on_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with soon():
        async with TaskPool(limit=1, drain=0) as pool:
            await pool(forever)
            await pool(nothing)

    assert sorted(logged(caplog)) == [
        f"background task {HERE}.forever did not end",
        f"background task {HERE}.nothing did not end",
    ]


@pytest.mark.anyio
async def test_plain_function_that_does_not_end_is_reported_before_it_is_waited_for(
    gate: Gate,
) -> None:
    reported = anyio.Event()

    def report(task: BackgroundTask, exc: Exception) -> None:
        assert gate.names == []
        reported.set()

    async def let_it_end() -> None:
        await reported.wait()
        await anyio.wait_all_tasks_blocked()
        assert pool.running == 1
        gate.opened.set()

    pool = TaskPool(drain=0, on_error=report)
    with soon():
        async with anyio.create_task_group() as group:
            group.start_soon(let_it_end)
            async with pool:
                await pool(gate.plain)
                await gate.has(1)

    assert gate.names == ["plain"]


@pytest.mark.anyio
async def test_plain_function_that_waits_for_a_thread_does_not_start_after_the_drain(
    gate: Gate, reports: Reports, report: Callable[[BackgroundTask, Exception], object]
) -> None:
    ran: list[str] = []
    limiter = current_thread_limiter()
    threads, limiter.total_tokens = limiter.total_tokens, 1
    try:
        with soon():
            async with anyio.create_task_group() as group:
                group.start_soon(BackgroundTask(gate.plain))  # not of the pool
                await gate.has(1)
                async with TaskPool(drain=0, on_error=report) as pool:
                    await pool(BackgroundTask(ran.append, "started"))
                    await anyio.wait_all_tasks_blocked()
                    assert pool.running == 1
                gate.opened.set()
    finally:
        limiter.total_tokens = threads

    assert ran == []
    assert [name for name, _ in reports] == ["list.append"]


@pytest.mark.anyio
@pytest.mark.parametrize("how", ["hangs", "raises", "hangs in a thread"])
async def test_on_error_that_does_not_end_is_replaced_by_the_logger(
    how: str, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    async def report(task: BackgroundTask, exc: Exception) -> None:
        match how:
            case "hangs":
                await anyio.sleep_forever()
            case "raises":
                raise ZeroDivisionError
            case _:
                await anyio.to_thread.run_sync(gate.plain)

    class OpensGate(logging.Filter):
        @override
        def filter(self, record: logging.LogRecord) -> bool:
            messages.append(record.getMessage())
            if len(messages) >= 2:
                gate.opened.set()
            return True

    messages: list[str] = []
    opens = OpensGate()
    logger = logging.getLogger("bgtasks")
    logger.addFilter(opens)
    try:
        with soon():
            async with TaskPool(limit=1, drain=0, on_error=report) as pool:
                await pool(forever)
                await pool(nothing)
    finally:
        logger.removeFilter(opens)

    told = [message for message in logged(caplog) if message.endswith("did not end")]
    assert sorted(told) == [
        f"background task {HERE}.forever did not end",
        f"background task {HERE}.nothing did not end",
    ]


@pytest.mark.anyio
async def test_pool_waits_for_on_error_of_each_task_that_did_not_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reported: list[object] = []

    async def report(task: BackgroundTask, exc: Exception) -> None:
        while task.func is nothing and forever not in reported:
            await anyio.sleep(0.001)
        reported.append(task.func)

    with soon():
        async with TaskPool(limit=1, drain=0, on_error=report) as pool:
            await pool(fail)
            while not reported:
                await anyio.sleep(0.001)
            await pool(forever)
            await pool(nothing)

    assert reported == [fail, forever, nothing]
    assert logged(caplog) == []


@pytest.mark.anyio
async def test_report_that_the_end_of_the_drain_cuts_off_goes_to_the_logger(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def hang(task: BackgroundTask, exc: Exception) -> None:
        await anyio.sleep_forever()

    with soon():
        async with TaskPool(drain=0.01, on_error=hang) as pool:
            await pool(fail)

    assert logged(caplog) == [f"background task {HERE}.fail failed"]


@pytest.mark.anyio
async def test_exception_that_leaves_the_block_waits_for_the_tasks(gate: Gate) -> None:
    failure = LookupError()

    async def open_gate() -> None:
        await anyio.wait_all_tasks_blocked()
        gate.opened.set()

    async def serve() -> None:
        async with TaskPool() as pool:
            await pool(gate.wait)
            await pool(open_gate)
            raise failure

    with soon(), pytest.raises(LookupError) as raised:
        await serve()

    assert raised.value is failure
    assert gate.names == ["async"]


@pytest.mark.anyio
async def test_pool_that_had_nothing_to_do_waits_for_later_tasks(gate: Gate) -> None:
    with soon():
        async with TaskPool() as pool:
            await pool(nothing)
            while pool.running:
                await anyio.sleep(0.001)
            await pool(gate.wait)
            await gate.has(1)
            gate.opened.set()

    assert gate.names == ["async"]


@pytest.mark.anyio
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
async def test_block_that_is_interrupted_does_not_wait(
    kind: type[BaseException],
    reports: Reports,
    report: Callable[[BackgroundTask, Exception], object],
) -> None:
    began: list[str] = []

    async def begin() -> None:
        began.append("task")
        await anyio.sleep_forever()

    async def serve() -> None:
        async with TaskPool(drain=math.inf, on_error=report) as pool:
            await pool(begin)
            raise kind

    with soon(), pytest.raises(kind):
        await serve()

    assert began == []
    ((_, exc),) = reports
    assert str(exc) == "the background task was cancelled together with its pool"


@pytest.mark.anyio
@pytest.mark.parametrize("when", ["in the block", "while it drains"])
async def test_cancelled_pool_reports_each_task_once(
    when: str, caplog: pytest.LogCaptureFixture
) -> None:
    reported: list[str] = []
    words: set[str] = set()
    ready = anyio.Event()

    async def report(task: BackgroundTask, exc: Exception) -> None:
        await anyio.sleep(0.001)
        assert isinstance(exc, InterruptedError)
        words.add(str(exc))
        reported.append(task.name.rpartition(".")[2])

    async def serve() -> None:
        async with pool:
            for _ in range(3):
                await pool(forever)
            await pool(nothing)
            ready.set()
            if when == "in the block":
                await anyio.sleep_forever()

    pool = TaskPool(limit=2, on_error=report, drain=math.inf)
    with soon():
        async with anyio.create_task_group() as group:
            group.start_soon(serve)
            await ready.wait()
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()

    assert sorted(reported) == ["forever", "forever", "forever", "nothing"]
    assert words == {"the background task was cancelled together with its pool"}
    assert logged(caplog) == []


@pytest.mark.anyio
async def test_what_tasks_raise_as_their_pool_is_cancelled_is_no_failure(
    reports: Reports,
    report: Callable[[BackgroundTask, Exception], object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail_at_the_end() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise LookupError

    with soon(), anyio.CancelScope() as scope:
        async with TaskPool(on_error=report) as pool:
            for _ in range(10):  # trio ends some before the pool
                await pool(fail_at_the_end)
            await anyio.wait_all_tasks_blocked()
            scope.cancel()

    assert [type(exc) for _, exc in reports] == [InterruptedError] * 10
    assert logged(caplog) == []


@pytest.mark.parametrize("when", ["in the block", "while it drains"])
@pytest.mark.parametrize("everything", [True, False])
def test_native_cancellation_reports_each_task_once(
    *, when: str, everything: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """As asyncio.run() does it with all tasks, or hypercorn with the lifespan."""
    reported: list[str] = []
    ready = asyncio.Event()

    async def report(task: BackgroundTask, exc: Exception) -> None:
        await asyncio.sleep(0.001)
        assert isinstance(exc, InterruptedError)
        reported.append(task.name.rpartition(".")[2])

    async def serve() -> None:
        async with pool:
            for _ in range(3):
                await pool(forever)
            await pool(nothing)
            ready.set()
            if when == "in the block":
                await asyncio.sleep(60)

    async def main() -> None:
        serving = asyncio.create_task(serve())
        await ready.wait()
        for _ in range(5):
            await asyncio.sleep(0)
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks if everything else [serving]:
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving

    pool = TaskPool(limit=2, on_error=report, drain=math.inf)
    asyncio.run(main())

    assert sorted(reported) == ["forever", "forever", "forever", "nothing"]
    assert logged(caplog) == []
    assert pool.running == pool.waiting == 0


def test_end_of_asyncio_run_reports_each_task_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def serve() -> None:
        async with pool:
            for _ in range(3):
                await pool(forever)  # has not begun when it is cancelled
            await asyncio.sleep(60)

    async def main() -> None:
        asyncio.create_task(serve())  # noqa: RUF006 (as granian does)
        await asyncio.sleep(0)

    pool = TaskPool(limit=2)
    asyncio.run(main())

    assert logged(caplog) == [f"background task {HERE}.forever did not end"] * 3


def test_second_cancellation_while_tasks_are_reported_loses_none(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reporting = asyncio.Event()

    async def hang(task: BackgroundTask, exc: Exception) -> None:
        reporting.set()
        await asyncio.sleep(60)

    async def serve() -> None:
        async with TaskPool(limit=2, drain=0, on_error=hang) as pool:
            for _ in range(3):
                await pool(forever)

    async def main() -> None:
        serving = asyncio.create_task(serve())
        await reporting.wait()
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving

    asyncio.run(main())

    assert logged(caplog) == [f"background task {HERE}.forever did not end"] * 3


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks are new in 3.12")
def test_eager_tasks_recurse_neither_with_nor_without_a_limit() -> None:
    ran: list[int] = []

    async def work(number: int) -> None:
        ran.append(number)
        if number % 2:
            await asyncio.sleep(0)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        factory: Any = getattr(asyncio, "eager_task_factory")  # noqa: B009
        loop.set_task_factory(factory)
        for limit in (1, 2, None):
            async with TaskPool(limit=limit) as pool:
                for number in range(5000):
                    await pool(BackgroundTask(work, number))
        assert sorted(ran) == sorted([*range(5000)] * 3)

    asyncio.run(main())


def test_task_that_cannot_be_started_is_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        def broken(*_: Any, **__: Any) -> Any:
            raise MemoryError

        async with TaskPool() as pool:
            loop = asyncio.get_running_loop()
            loop.set_task_factory(broken)
            await pool(nothing)
            loop.set_task_factory(None)
            assert pool.running == 0

    asyncio.run(main())

    assert logged(caplog) == [f"background task {HERE}.nothing failed"]
    assert [type(exc) for exc in failures(caplog)] == [MemoryError]


def test_task_handed_over_while_another_is_started_follows_it() -> None:
    """As an eager task does it; here a task factory, under any Python."""
    ran: list[str] = []

    async def main() -> None:
        def hands_over(loop: Any, coroutine: Any, **options: Any) -> Any:
            loop.set_task_factory(None)
            with suppress(StopIteration):
                pool(BackgroundTask(ran.append, "second")).send(None)
            assert (pool.running, pool.waiting) == (1, 1)
            return asyncio.Task(coroutine, loop=loop, **options)

        async with TaskPool(limit=1) as pool:
            asyncio.get_running_loop().set_task_factory(hands_over)
            await pool(BackgroundTask(ran.append, "first"))

    asyncio.run(main())

    assert ran == ["first", "second"]
