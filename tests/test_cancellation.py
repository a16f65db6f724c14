"""Cancellation: what has started may finish, nothing starts after it."""

import asyncio
import gc
import inspect
import sys
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from time import perf_counter
from typing import Any

import anyio
import pytest

from .subject import NAME, BackgroundTask, BackgroundTasks

HERE = __name__
Record = list[str]


@pytest.fixture
def record() -> Record:
    return []


class Gate:
    """A plain task that says when it has started, and ends when it is let through."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.opened = threading.Event()
        self.ended = threading.Event()

    def pass_through(self) -> None:
        self.started.set()
        assert self.opened.wait(5)
        self.ended.set()

    async def has_started(self) -> None:
        await anyio.to_thread.run_sync(partial(self.started.wait, 5))
        assert self.started.is_set()

    async def has_ended(self) -> None:
        await anyio.to_thread.run_sync(partial(self.ended.wait, 5))
        assert self.ended.is_set()


async def keep_notes(tasks: BackgroundTasks, notes: list[str]) -> None:
    """Run the tasks until they are cancelled, and keep what the cancellation says."""
    try:
        await tasks()
    except anyio.get_cancelled_exc_class() as exc:
        notes.extend(exc.__notes__)
        raise


async def asynchronous(record: Record) -> None:
    record.append("async")


# By a cancel scope


@pytest.mark.anyio
async def test_async_task_is_cancelled_and_the_next_does_not_start(
    record: Record,
) -> None:
    started = anyio.Event()

    async def block() -> None:
        started.set()
        try:
            await anyio.sleep_forever()
        finally:
            record.append("cancelled")

    tasks = BackgroundTasks([block])
    tasks.add_task(record.append, "next")
    async with anyio.create_task_group() as group:
        group.start_soon(tasks)
        await started.wait()
        group.cancel_scope.cancel()

    assert record == ["cancelled"]


@pytest.mark.anyio
@pytest.mark.parametrize("following", ["plain", "async"])
async def test_plain_task_finishes_and_the_next_does_not_start(
    record: Record, following: str
) -> None:
    gate = Gate()
    notes: list[str] = []
    tasks = BackgroundTasks([gate.pass_through])
    if following == "plain":
        tasks.add_task(record.append, "plain")
    tasks.add_task(asynchronous, record)

    async def run() -> None:
        await keep_notes(tasks, notes)

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        await gate.has_started()
        group.cancel_scope.cancel()
        gate.opened.set()

    assert gate.ended.is_set()
    assert record == []
    plain = "list.append, " if following == "plain" else ""
    assert notes == [
        f"At background task 1 of {len(tasks.tasks)}, {HERE}.Gate.pass_through.",
        f"Not run: {plain}{HERE}.asynchronous.",
    ]


@pytest.mark.anyio
@pytest.mark.parametrize("as_group", [False, True])
async def test_nothing_starts_in_a_scope_that_is_cancelled_already(
    record: Record, *, as_group: bool
) -> None:
    tasks = BackgroundTasks(as_group=as_group)
    tasks.add_task(record.append, "plain")

    with anyio.CancelScope() as scope:
        scope.cancel()
        await tasks()

    assert record == []


@pytest.mark.anyio
async def test_task_that_waits_for_a_thread_is_named_as_not_run(
    record: Record,
) -> None:
    notes: list[str] = []
    with anyio.CancelScope() as scope:
        scope.cancel()
        tasks = BackgroundTasks([partial(record.append, "plain")])
        tasks.add_task(asynchronous, record)
        await keep_notes(tasks, notes)

    assert record == []
    assert notes == [f"Not run: list.append, {HERE}.asynchronous."]


@pytest.mark.anyio
async def test_cancellation_does_not_go_to_on_error() -> None:
    reported: list[object] = []
    tasks = BackgroundTasks(
        [anyio.sleep_forever], on_error=lambda _, exc: reported.append(exc)
    )

    with anyio.move_on_after(0) as scope:
        await tasks()

    assert scope.cancelled_caught
    assert reported == []


@pytest.mark.anyio
async def test_coroutine_that_a_cancelled_plain_task_returns_does_not_warn() -> None:
    gate = Gate()

    def return_coroutine() -> Coroutine[Any, Any, None]:
        gate.pass_through()
        return asynchronous([])

    async with anyio.create_task_group() as group:
        group.start_soon(BackgroundTask(return_coroutine))
        await gate.has_started()
        group.cancel_scope.cancel()
        gate.opened.set()

    gc.collect()  # a coroutine that was never awaited would warn now: an error here


@pytest.mark.anyio
@pytest.mark.parametrize("is_async", [False, True])
async def test_nothing_starts_after_a_failure_that_comes_with_a_cancellation(
    record: Record, *, is_async: bool
) -> None:
    reported: list[Exception] = []
    notes: list[str] = []

    def fail() -> None:
        anyio.from_thread.run_sync(scope.cancel)
        raise ValueError

    async def fail_async() -> None:
        scope.cancel()
        raise ValueError

    tasks = BackgroundTasks(
        [fail_async if is_async else fail], on_error=lambda _, exc: reported.append(exc)
    )
    tasks.add_task(asynchronous, record)
    with anyio.CancelScope() as scope:
        await keep_notes(tasks, notes)

    assert [type(exc) for exc in reported] == [ValueError]
    assert record == []
    assert notes == [f"Not run: {HERE}.asynchronous."]


@pytest.mark.anyio
@pytest.mark.parametrize("clock", [perf_counter, lambda: 0.0, lambda: 1.0])
async def test_nothing_starts_after_a_task_that_cancels_its_run_in_a_hop(
    record: Record, monkeypatch: pytest.MonkeyPatch, clock: Callable[[], float]
) -> None:
    monkeypatch.setattr(f"{NAME}._task.perf_counter", clock)
    notes: list[str] = []

    def cancel() -> None:
        anyio.from_thread.run_sync(scope.cancel)

    def plain() -> None:
        record.append("plain")

    tasks = BackgroundTasks([plain, plain, cancel, plain, plain])
    with anyio.CancelScope() as scope:
        await keep_notes(tasks, notes)

    name = f"{HERE}.{plain.__qualname__}"
    assert record == ["plain", "plain"]
    assert notes[1:] == [f"Not run: {name} (2 times)."]


# By asyncio's own Task.cancel()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with 3.12")
@pytest.mark.parametrize("as_group", [False, True])
def test_tasks_run_with_an_eager_task_factory(
    record: Record, *, as_group: bool
) -> None:
    async def main() -> None:
        if sys.version_info >= (3, 12):
            factory = asyncio.eager_task_factory
            asyncio.get_running_loop().set_task_factory(factory)
        tasks = BackgroundTasks(as_group=as_group)
        tasks.add_task(asynchronous, record)
        tasks.add_task(record.append, "plain")
        await tasks()

    asyncio_only(main)

    assert sorted(record) == ["async", "plain"]


def asyncio_only(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(main(), debug=True)


def test_native_cancellation_returns_at_once_and_the_thread_stops_before_its_next_task(
    record: Record,
) -> None:
    gate = Gate()
    tasks = BackgroundTasks([gate.pass_through])
    tasks.add_task(record.append, "plain")
    tasks.add_task(asynchronous, record)

    async def main() -> None:
        run = asyncio.ensure_future(tasks())
        await gate.has_started()
        run.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await run

        assert not gate.ended.is_set()
        assert caught.value.__notes__ == [
            f"At background task 1 of 3, {HERE}.Gate.pass_through.",
            f"Not run: list.append, {HERE}.asynchronous.",
        ]
        gate.opened.set()
        await gate.has_ended()

    # Leaving the event loop waits for its threads, so nothing can still come.
    asyncio_only(main)

    assert record == []


def test_coroutine_returned_after_native_cancellation_is_closed() -> None:
    gate = Gate()
    coroutine = asynchronous([])

    def return_coroutine() -> Coroutine[Any, Any, None]:
        gate.pass_through()
        return coroutine

    async def main() -> None:
        run = asyncio.ensure_future(BackgroundTask(return_coroutine)())
        await gate.has_started()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        gate.opened.set()
        await gate.has_ended()
        while inspect.getcoroutinestate(coroutine) != inspect.CORO_CLOSED:
            await asyncio.sleep(0)

    asyncio_only(main)


def test_coroutine_returned_while_the_run_is_cancelled_is_closed() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        coroutine = asynchronous([])

        def return_coroutine() -> Coroutine[Any, Any, None]:
            loop.call_soon_threadsafe(run.cancel)
            return coroutine

        run = asyncio.ensure_future(BackgroundTask(return_coroutine)())
        with pytest.raises(asyncio.CancelledError):
            await run
        while inspect.getcoroutinestate(coroutine) != inspect.CORO_CLOSED:
            await asyncio.sleep(0)

    for _ in range(50):  # which of the two comes first is up to the threads
        asyncio_only(main)


def test_failure_after_native_cancellation_goes_to_the_hook_of_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = Gate()
    reported: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", reported.append)

    def fail() -> None:
        gate.pass_through()
        raise ValueError("bad address")

    async def main() -> None:
        run = asyncio.ensure_future(BackgroundTasks([fail])())
        await gate.has_started()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        gate.opened.set()
        await gate.has_ended()
        while not reported:
            await asyncio.sleep(0)

    asyncio_only(main)

    (report,) = reported
    assert isinstance(report.exc_value, ValueError)
    assert report.exc_value.__notes__ == [
        f"In background task {HERE}.{fail.__qualname__}, after cancellation."
    ]

    def fail_again() -> None:
        raise report.exc_value or AssertionError

    with pytest.raises(ValueError, match="bad address") as caught:
        asyncio.run(BackgroundTasks([fail_again])())
    assert caught.value.__notes__ == [
        f"At background task 1 of 1, {HERE}.{fail_again.__qualname__}."
    ]


def test_failure_while_the_run_is_cancelled_is_reported_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reported: list[object] = []
    monkeypatch.setattr(threading, "excepthook", reported.append)
    raised = 0

    async def main(number: int) -> None:
        nonlocal raised
        loop = asyncio.get_running_loop()

        def fail() -> None:
            loop.call_soon_threadsafe(run.cancel)
            raise ValueError

        run = asyncio.ensure_future(BackgroundTask(fail)())
        with pytest.raises((asyncio.CancelledError, ValueError)) as caught:
            await run
        raised += caught.type is ValueError
        while raised + len(reported) < number:
            await asyncio.sleep(0)

    for number in range(1, 51):  # which of the two comes first is up to the threads
        asyncio_only(partial(main, number))

    assert raised + len(reported) == 50


def test_native_cancellation_of_a_group_names_what_did_not_finish() -> None:
    tasks = BackgroundTasks([anyio.sleep_forever], as_group=True)

    async def main() -> None:
        run = asyncio.ensure_future(tasks())
        for _ in range(3):
            await asyncio.sleep(0)
        run.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await run
        assert caught.value.__notes__ == ["Not finished: anyio.sleep_forever."]

    asyncio_only(main)


@pytest.mark.parametrize("is_plain", [False, True])
def test_group_whose_tasks_are_cancelled_with_it_ends_with_the_cancellation(
    *, is_plain: bool
) -> None:
    # As asyncio.run() does at its end, and a server at the second Ctrl-C.
    ended: list[BaseException] = []
    gate = Gate()

    async def run(tasks: BackgroundTasks) -> None:
        try:
            await tasks()
        except BaseException as exc:
            ended.append(exc)
            raise

    async def main() -> None:
        tasks = BackgroundTasks([anyio.sleep_forever], as_group=True)
        tasks.add_task(gate.pass_through if is_plain else anyio.sleep_forever)
        running = asyncio.ensure_future(run(tasks))
        await asyncio.sleep(0)
        if is_plain:
            await gate.has_started()
        for _ in range(3):
            await asyncio.sleep(0)
        gate.opened.set()
        assert not running.done()

    asyncio_only(main)

    (exc,) = ended
    assert isinstance(exc, asyncio.CancelledError)
    second = f"{HERE}.Gate.pass_through" if is_plain else "anyio.sleep_forever"
    names = (
        f"anyio.sleep_forever, {second}"
        if is_plain
        else "anyio.sleep_forever (2 times)"
    )
    assert exc.__notes__ == [f"Not finished: {names}."]


@pytest.mark.anyio
async def test_task_of_a_group_that_is_cancelled_alone_does_not_end_the_others(
    record: Record, anyio_backend_name: str
) -> None:
    if anyio_backend_name == "trio":
        pytest.skip("a task of trio is cancelled by scopes alone")

    async def cancel_itself() -> None:
        current = asyncio.current_task()
        assert current is not None
        current.cancel()
        await asyncio.sleep(0)

    async def slow() -> None:
        for _ in range(10):
            await anyio.lowlevel.checkpoint()
        tasks.add_task(record.append, "second round")
        record.append("slow")

    tasks = BackgroundTasks([cancel_itself, slow], as_group=True)

    with pytest.raises(ExceptionGroup) as caught:
        await tasks()

    assert record == ["slow", "second round"]
    (failure,) = caught.value.exceptions
    assert failure.__notes__ == [
        f"At background task 1 of 3, {HERE}.{cancel_itself.__qualname__}."
    ]


# Shielded


@pytest.mark.anyio
@pytest.mark.parametrize("cancelled", ["before", "meanwhile"])
async def test_nothing_starts_after_a_task_that_a_runner_has_shielded(
    record: Record, cancelled: str
) -> None:
    notes: list[str] = []

    async def shield(task: BackgroundTask) -> None:
        with anyio.CancelScope(shield=True):
            scope.cancel()
            await task()

    tasks = BackgroundTasks(runner=shield)
    tasks.add_task(asynchronous, record)
    tasks.add_task(record.append, "second")
    with anyio.CancelScope() as scope:
        if cancelled == "before":
            scope.cancel()
        await keep_notes(tasks, notes)

    assert scope.cancelled_caught
    if cancelled == "before":
        assert record == []
        assert notes == [f"Not run: {HERE}.asynchronous, list.append."]
    else:
        assert record == ["async"]
        assert notes[-1] == "Not run: list.append."


@pytest.mark.anyio
@pytest.mark.parametrize("is_plain", [False, True])
async def test_cancelled_group_does_not_name_a_task_that_has_finished(
    record: Record, *, is_plain: bool
) -> None:
    # A thread cannot be cancelled, and a runner may shield what it runs.
    notes: list[str] = []

    def plain() -> None:
        anyio.from_thread.run_sync(scope.cancel)
        record.append("finished")

    async def shielded() -> None:
        scope.cancel()
        await anyio.lowlevel.checkpoint()
        record.append("finished")

    async def shield(task: BackgroundTask) -> None:
        with anyio.CancelScope(shield=task.func is shielded):
            await task()

    async def wait() -> None:
        await anyio.sleep_forever()

    tasks = BackgroundTasks(as_group=True, runner=None if is_plain else shield)
    tasks.add_task(wait)
    tasks.add_task(plain if is_plain else shielded)
    with anyio.CancelScope() as scope:
        await keep_notes(tasks, notes)

    assert record == ["finished"]
    assert notes == [f"Not finished: {HERE}.{wait.__qualname__}."]


@pytest.mark.anyio
async def test_no_task_of_a_group_starts_after_its_cancellation(
    record: Record,
) -> None:
    notes: list[str] = []

    async def shield(task: BackgroundTask) -> None:
        with anyio.CancelScope(shield=True):
            await task()

    async def cancel() -> None:
        record.append("started")
        scope.cancel()

    tasks = BackgroundTasks([cancel, cancel], as_group=True, runner=shield)
    with anyio.CancelScope() as scope:
        await keep_notes(tasks, notes)

    assert record == ["started"]
    assert notes == [f"Not finished: {HERE}.{cancel.__qualname__}."]


@pytest.mark.anyio
async def test_empty_collection_is_no_place_for_a_cancellation() -> None:
    async def runner(task: BackgroundTask) -> None:
        await task()

    with anyio.CancelScope() as scope:
        scope.cancel()
        await BackgroundTasks(runner=runner)()
        await BackgroundTasks()()

    assert not scope.cancelled_caught


@pytest.mark.anyio
async def test_no_second_round_of_a_group_starts_after_its_cancellation(
    record: Record,
) -> None:
    notes: list[str] = []

    async def shield() -> None:
        with anyio.CancelScope(shield=True):
            scope.cancel()
            await anyio.lowlevel.checkpoint()
            tasks.add_task(asynchronous, record)

    tasks = BackgroundTasks([shield], as_group=True)
    with anyio.CancelScope() as scope:
        await keep_notes(tasks, notes)

    assert record == []
    assert notes == [f"Not finished: {HERE}.asynchronous."]


@pytest.mark.anyio
async def test_async_task_that_shields_itself_is_followed_by_no_plain_one(
    record: Record,
) -> None:
    async def shield() -> None:
        with anyio.CancelScope(shield=True):
            scope.cancel()
            await anyio.lowlevel.checkpoint()
        record.append("shielded")

    tasks = BackgroundTasks([shield])
    tasks.add_task(record.append, "plain")
    with anyio.CancelScope() as scope:
        await tasks()

    assert record == ["shielded"]


@pytest.mark.anyio
@pytest.mark.parametrize("is_outer_group", [False, True])
@pytest.mark.parametrize("is_inner_group", [False, True])
async def test_the_tasks_of_a_cancelled_collection_in_another_are_named(
    *, is_outer_group: bool, is_inner_group: bool
) -> None:
    inner = BackgroundTasks([anyio.sleep_forever, int], as_group=is_inner_group)
    outer = BackgroundTasks([inner], as_group=is_outer_group)
    inner_notes = (
        ["Not finished: anyio.sleep_forever."]
        if is_inner_group
        else [
            "At background task 1 of 2, anyio.sleep_forever.",
            "Not run: builtins.int.",
        ]
    )
    caught: list[BaseException] = []

    async def run() -> None:
        try:
            await outer()
        except BaseException as exc:
            caught.append(exc)
            raise

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()

    name = f"{BackgroundTasks.__module__}.{BackgroundTasks.__qualname__}"
    assert caught[0].__notes__ == (
        [f"Not finished: {name}.", *inner_notes]
        if is_outer_group
        else [*inner_notes, f"At background task 1 of 1, {name}."]
    )
