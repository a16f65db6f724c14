"""A group: all tasks at once, none cancelled for another's failure."""

import asyncio
import copy
import os
import pickle
import signal
import threading
from collections.abc import Callable
from functools import partial

import anyio
import pytest
import trio
import trio.testing

from .subject import BackgroundTask, BackgroundTasks

HERE = __name__


class Failure(Exception):
    pass


def fail(secret: str = "") -> None:
    raise Failure(secret)


async def fail_async(secret: str = "") -> None:
    raise Failure(secret)


def fine() -> None: ...


@pytest.mark.anyio
@pytest.mark.parametrize(
    "call", [BackgroundTasks.run_as_group, BackgroundTasks.__call__]
)
async def test_async_tasks_run_at_once(
    call: Callable[[BackgroundTasks], object],
) -> None:
    first, second = anyio.Event(), anyio.Event()

    async def wait_for_second() -> None:
        first.set()
        await second.wait()

    async def wait_for_first() -> None:
        second.set()
        await first.wait()

    tasks = BackgroundTasks([wait_for_second, wait_for_first], as_group=True)
    with anyio.fail_after(5):
        await BackgroundTask(call, tasks)()

    assert first.is_set()
    assert second.is_set()


@pytest.mark.anyio
async def test_plain_tasks_run_at_once_each_in_its_thread() -> None:
    barrier = threading.Barrier(3, timeout=5)

    await BackgroundTasks([barrier.wait] * 3, as_group=True)()

    assert not barrier.broken


@pytest.mark.anyio
@pytest.mark.parametrize("failing", [fail, fail_async])
async def test_failure_does_not_cancel_the_others(
    failing: Callable[[], object],
) -> None:
    ran: list[int] = []

    async def slow() -> None:
        for _ in range(10):
            await anyio.lowlevel.checkpoint()
        ran.append(1)

    with pytest.raises(ExceptionGroup):
        await BackgroundTasks([failing, slow, partial(ran.append, 1)], as_group=True)()

    assert ran == [1, 1]


@pytest.mark.anyio
async def test_failures_are_raised_together_each_with_its_place() -> None:
    tasks = BackgroundTasks(as_group=True)
    tasks.add_task(fail, "secret")
    tasks.add_task(fine)
    tasks.add_task(fail_async, "secret")

    with pytest.raises(ExceptionGroup) as caught:
        await tasks()

    assert caught.value.message == "2 of 3 background tasks failed"
    assert {note for exc in caught.value.exceptions for note in exc.__notes__} == {
        f"At background task 1 of 3, {HERE}.fail.",
        f"At background task 3 of 3, {HERE}.fail_async.",
    }
    assert not hasattr(caught.value, "__notes__")


@pytest.mark.anyio
async def test_one_failure_is_raised_in_a_group_too() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        await BackgroundTasks([fail], as_group=True)()

    assert [type(exc) for exc in caught.value.exceptions] == [Failure]


@pytest.mark.anyio
@pytest.mark.parametrize("is_async", [False, True])
async def test_failures_go_to_on_error(*, is_async: bool) -> None:
    reported: list[object] = []

    def report(task: BackgroundTask, exc: Exception) -> None:
        reported.append((task.func, type(exc)))

    async def report_async(task: BackgroundTask, exc: Exception) -> None:
        await anyio.lowlevel.checkpoint()
        report(task, exc)

    await BackgroundTasks(
        [fail, fail_async],
        as_group=True,
        on_error=report_async if is_async else report,
    )()

    assert len(reported) == 2
    assert set(reported) == {(fail, Failure), (fail_async, Failure)}


@pytest.mark.anyio
async def test_what_on_error_raises_is_raised_after_all_have_ended() -> None:
    ran: list[int] = []

    async def slow() -> None:
        for _ in range(10):
            await anyio.lowlevel.checkpoint()
        ran.append(1)

    def report(task: BackgroundTask, exc: Exception) -> None:
        raise LookupError("no log")

    with pytest.raises(ExceptionGroup) as caught:
        await BackgroundTasks([fail_async, slow], as_group=True, on_error=report)()

    assert [type(exc) for exc in caught.value.exceptions] == [LookupError]
    assert ran == [1]


@pytest.mark.anyio
@pytest.mark.parametrize("exception", [KeyboardInterrupt, SystemExit, GeneratorExit])
async def test_other_than_exceptions_end_the_group_at_once_and_as_they_are(
    exception: type[BaseException],
) -> None:
    async def stop() -> None:
        raise exception

    with anyio.fail_after(5), pytest.raises(exception) as caught:
        await BackgroundTasks([stop, anyio.sleep_forever], as_group=True)()

    assert caught.value.__notes__ == [
        f"At background task 1 of 2, {HERE}.{stop.__qualname__}.",
        "Not finished: anyio.sleep_forever.",
    ]


@pytest.mark.anyio
async def test_exception_that_is_false_ends_the_group_too() -> None:
    class Stop(BaseException):
        def __len__(self) -> int:
            return 0

    async def stop() -> None:
        raise Stop

    with pytest.raises(Stop):
        await BackgroundTasks([stop, fine], as_group=True)()


@pytest.mark.anyio
async def test_other_than_exceptions_do_not_hide_failures() -> None:
    failed = anyio.Event()

    async def fail_first() -> None:
        failed.set()
        raise Failure

    async def stop() -> None:
        await failed.wait()
        raise SystemExit

    with pytest.raises(BaseExceptionGroup) as caught:
        await BackgroundTasks([stop, fail_first], as_group=True)()

    assert [type(exc) for exc in caught.value.exceptions] == [Failure, SystemExit]


@pytest.mark.anyio
async def test_failure_of_a_group_can_be_shown_copied_and_pickled() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        await BackgroundTasks([fail, fail_async], as_group=True)()

    assert repr(caught.value).count("Failure(") == 2
    for same in (copy.copy(caught.value), pickle.loads(pickle.dumps(caught.value))):  # noqa: S301 (our own)
        assert [type(exc) for exc in same.exceptions] == [Failure, Failure]


@pytest.mark.anyio
async def test_tasks_added_before_the_end_at_once_are_named() -> None:
    tasks = BackgroundTasks(as_group=True)

    async def stop() -> None:
        tasks.add_task(fine)
        raise SystemExit

    tasks.add_task(stop)

    with pytest.raises(SystemExit) as caught:
        await tasks()

    assert caught.value.__notes__[-1] == f"Not finished: {HERE}.fine."


@pytest.mark.anyio
async def test_cancellation_from_outside_names_what_did_not_finish() -> None:
    started = anyio.Event()

    async def block() -> None:
        started.set()
        await anyio.sleep_forever()

    tasks = BackgroundTasks([anyio.lowlevel.checkpoint, block], as_group=True)
    notes: list[str] = []

    async def run() -> None:
        try:
            await tasks()
        except anyio.get_cancelled_exc_class() as exc:
            notes.extend(exc.__notes__)
            raise

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        await started.wait()
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()

    assert notes == [f"Not finished: {HERE}.{block.__qualname__}."]


def test_cancellation_inside_of_a_nursery_names_what_did_not_finish() -> None:
    async def fetch() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            nursery.start_soon(trio.sleep_forever)

    notes: list[str] = []

    async def main() -> None:
        with trio.CancelScope() as scope:

            async def stop() -> None:
                await trio.testing.wait_all_tasks_blocked()
                scope.cancel()

            tasks = BackgroundTasks([fetch, stop, fetch], as_group=True)
            try:
                await tasks()
            except trio.Cancelled as exc:
                notes.extend(exc.__notes__)
                raise

    trio.run(main)

    assert notes == [f"Not finished: {HERE}.{fetch.__qualname__} (2 times)."]


@pytest.mark.anyio
async def test_failures_come_before_the_cancellation_of_the_group() -> None:
    failed = anyio.Event()

    async def fail_first() -> None:
        failed.set()
        raise Failure

    tasks = BackgroundTasks([fail_first, anyio.sleep_forever], as_group=True)

    async def run() -> None:
        with pytest.raises(ExceptionGroup) as caught:
            await tasks()
        assert [type(exc) for exc in caught.value.exceptions] == [Failure]
        assert caught.value.__notes__ == ["Not finished: anyio.sleep_forever."]

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        await failed.wait()
        group.cancel_scope.cancel()


def test_task_that_cancels_itself_is_a_failure() -> None:
    async def cancel_itself() -> None:
        current = asyncio.current_task()
        assert current is not None
        current.cancel()
        await asyncio.sleep(0)

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(BackgroundTasks([cancel_itself, fine], as_group=True)())

    assert not hasattr(caught.value, "__notes__")
    (failure,) = caught.value.exceptions
    assert str(failure) == "the background task was cancelled, but the run was not"
    assert isinstance(failure.__cause__, asyncio.CancelledError)


@pytest.mark.parametrize("raises", [False, True])
def test_task_that_somebody_cancels_goes_to_on_error(*, raises: bool) -> None:
    reported: list[tuple[BackgroundTask, Exception]] = []

    def report(task: BackgroundTask, exc: Exception) -> None:
        reported.append((task, exc))
        if raises:
            raise exc

    tasks = BackgroundTasks([await_cancelled, fine], as_group=True, on_error=report)
    if raises:
        with pytest.raises(ExceptionGroup) as caught:
            asyncio.run(tasks())
        assert [*caught.value.exceptions] == [exc for _, exc in reported]
    else:
        asyncio.run(tasks())

    ((task, failure),) = reported
    assert task == BackgroundTask(await_cancelled)
    assert str(failure) == "the background task was cancelled, but the run was not"
    assert failure.__notes__ == [f"At background task 1 of 2, {task.name}."]


async def await_cancelled() -> None:
    shared = asyncio.get_running_loop().create_future()
    shared.cancel()
    await shared


@pytest.mark.parametrize("task", [fail, await_cancelled])
def test_failure_is_the_context_of_what_on_error_raises(
    task: Callable[[], object],
) -> None:
    reported: list[Exception] = []

    def raise_another(_: BackgroundTask, exc: Exception) -> None:
        reported.append(exc)
        raise LookupError

    tasks = BackgroundTasks([task], as_group=True, on_error=raise_another)
    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(tasks())

    (raised,) = caught.value.exceptions
    assert isinstance(raised, LookupError)
    assert [raised.__context__] == reported


@pytest.mark.parametrize("task", [fail, await_cancelled])
def test_task_whose_report_is_cancelled_is_named(task: Callable[[], object]) -> None:
    notes: list[str] = []

    async def main() -> None:
        with anyio.CancelScope() as scope:

            async def report(_: BackgroundTask, exc: Exception) -> None:
                scope.cancel()
                await anyio.sleep_forever()

            tasks = BackgroundTasks([task], as_group=True, on_error=report)
            try:
                await tasks()
            except asyncio.CancelledError as exc:
                notes.extend(exc.__notes__)
                raise

    asyncio.run(main())

    assert notes == [f"Not finished: {BackgroundTask(task).name}."]


def test_on_error_that_somebody_cancels_is_called_once() -> None:
    reported: list[str] = []

    async def report(task: BackgroundTask, exc: Exception) -> None:
        reported.append(task.name)
        closed = asyncio.get_running_loop().create_future()
        closed.cancel()
        await closed

    tasks = BackgroundTasks([fail, fine], as_group=True, on_error=report)
    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(tasks())

    assert reported == [f"{HERE}.fail"]
    (failure,) = caught.value.exceptions
    assert str(failure) == "on_error was cancelled, but the run was not"
    assert failure.__notes__ == [f"At background task 1 of 2, {HERE}.fail."]


@pytest.mark.usefixtures("sigint_is_heard")
def test_interrupt_comes_with_the_failures() -> None:
    async def main() -> None:
        async def interrupt() -> None:
            await trio.testing.wait_all_tasks_blocked()
            # While trio waits: it raises the interrupt in its main task.
            await trio.to_thread.run_sync(os.kill, os.getpid(), signal.SIGINT)
            await trio.sleep_forever()

        await BackgroundTasks([fail_async, interrupt], as_group=True)()

    with pytest.raises(BaseExceptionGroup) as caught:
        trio.run(main)

    interrupts, others = caught.value.split(KeyboardInterrupt)
    assert interrupts is not None
    assert others is not None
    assert isinstance(others.exceptions[0], Failure)


@pytest.mark.anyio
async def test_groups_do_not_share_their_context_changes() -> None:
    seen: list[int] = []

    async def note_task() -> None:
        seen.append(anyio.get_current_task().id)

    await BackgroundTasks([note_task, note_task], as_group=True)()

    assert len(set(seen)) == 2
