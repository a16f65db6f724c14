"""Plain functions: one hop to a thread, a context each, a limiter of their own."""

import threading
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import pytest
from anyio.lowlevel import checkpoint

from .subject import BackgroundTask, BackgroundTasks, current_thread_limiter

variable = ContextVar("variable", default="unset")


@pytest.fixture
def hops(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Count the trips to a worker thread."""
    hops: list[object] = []
    run_sync: Any = anyio.to_thread.run_sync

    async def count(func: Callable[..., object], *args: object, **options: Any) -> Any:
        hops.append(func)
        return await run_sync(func, *args, **options)

    monkeypatch.setattr(anyio.to_thread, "run_sync", count)
    return hops


class Failure(Exception):
    pass


def fail() -> None:
    raise Failure


async def asynchronous() -> None: ...


# One hop


@pytest.mark.anyio
async def test_consecutive_plain_tasks_share_one_hop_and_one_thread(
    hops: list[object],
) -> None:
    threads: list[int] = []
    tasks = BackgroundTasks()
    for _ in range(100):
        tasks.add_task(lambda: threads.append(threading.get_ident()))

    await tasks()

    assert len(hops) == 1
    assert len(threads) == 100
    assert len(set(threads)) == 1
    assert threads[0] != threading.get_ident()


@pytest.mark.anyio
async def test_hop_ends_before_an_async_task(hops: list[object]) -> None:
    def plain() -> None: ...

    await BackgroundTasks([plain, plain, asynchronous, plain, plain])()

    assert len(hops) == 2


@pytest.mark.anyio
async def test_async_tasks_need_no_hop(hops: list[object]) -> None:
    await BackgroundTasks([asynchronous, asynchronous])()

    assert hops == []


@pytest.mark.anyio
async def test_run_after_a_reported_failure_takes_one_more_hop(
    hops: list[object],
) -> None:
    def plain() -> None: ...

    await BackgroundTasks([plain, fail, plain, plain], on_error=lambda _, __: None)()

    assert len(hops) == 2


@pytest.mark.anyio
async def test_tasks_of_a_subclass_share_a_hop_too(hops: list[object]) -> None:
    class Theirs(BackgroundTask):
        pass

    def plain() -> None: ...

    await BackgroundTasks([Theirs(plain), Theirs(plain), plain])()

    assert len(hops) == 1


# The context


@pytest.mark.anyio
async def test_plain_task_sees_the_context_of_the_run() -> None:
    seen: list[str] = []
    variable.set("request")

    await BackgroundTasks([lambda: seen.append(variable.get())])()

    assert seen == ["request"]


@pytest.mark.anyio
async def test_plain_task_does_not_change_the_context_of_the_next_or_of_the_run() -> (
    None
):
    seen: list[str] = []

    def change() -> None:
        seen.append(variable.get())
        variable.set("changed")

    await BackgroundTasks([change, change])()

    assert seen == ["unset", "unset"]
    assert variable.get() == "unset"


@pytest.mark.anyio
async def test_async_task_runs_in_the_context_of_the_run() -> None:
    seen: list[str] = []

    async def change() -> None:
        variable.set("changed")

    await BackgroundTasks([change, lambda: seen.append(variable.get())])()

    assert seen == ["changed"]


# The limiter


@pytest.mark.anyio
async def test_limiter_has_forty_threads() -> None:
    assert current_thread_limiter().total_tokens == 40


@pytest.mark.anyio
async def test_limiter_is_one_for_each_event_loop(
    anyio_backend_name: str,
) -> None:
    async def get() -> anyio.CapacityLimiter:
        assert current_thread_limiter() is current_thread_limiter()
        return current_thread_limiter()

    run = partial(anyio.run, get, backend=anyio_backend_name)
    other = await anyio.to_thread.run_sync(run)

    assert other is not current_thread_limiter()


@pytest.mark.anyio
async def test_limiter_is_not_the_one_that_frameworks_use() -> None:
    default = anyio.to_thread.current_default_thread_limiter()
    borrowed: list[float] = []

    def look() -> None:
        borrowed.append(anyio.from_thread.run_sync(lambda: default.borrowed_tokens))
        borrowed.append(
            anyio.from_thread.run_sync(lambda: current_thread_limiter().borrowed_tokens)
        )

    await BackgroundTasks([look])()

    assert borrowed == [0, 1]


@pytest.mark.anyio
async def test_limiter_limits_the_threads() -> None:
    limiter = current_thread_limiter()
    limiter.total_tokens = 2
    pair = threading.Barrier(2, timeout=5)  # as many as there must be at once
    lock = threading.Lock()
    running, most = 0, 0

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        pair.wait()
        with lock:
            running -= 1

    try:
        await BackgroundTasks([work] * 20, as_group=True)()
    finally:
        limiter.total_tokens = 40

    assert most == 2


@pytest.mark.anyio
async def test_limiter_lets_those_who_wait_run_first() -> None:
    limiter = current_thread_limiter()
    limiter.total_tokens = 1
    busy, go_on = threading.Event(), threading.Event()
    ran: list[str] = []

    def first() -> None:
        busy.set()
        go_on.wait(5)
        ran.append("first")

    async def run_after(name: str) -> None:
        await BackgroundTask(ran.append, name)()

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(BackgroundTask(first))
            assert await anyio.to_thread.run_sync(busy.wait, 5)
            for name in ("second", "third"):
                group.start_soon(run_after, name)
                await anyio.wait_all_tasks_blocked()
            go_on.set()
            while not ran:
                await checkpoint()
            await run_after("last")
    finally:
        limiter.total_tokens = 40

    assert ran == ["first", "second", "third", "last"]
    assert limiter.borrowed_tokens == 0


@pytest.mark.anyio
async def test_limiter_may_be_held_by_who_runs_the_tasks() -> None:
    limiter = current_thread_limiter()
    borrowed: list[float] = []

    async with limiter:
        await BackgroundTask(lambda: borrowed.append(limiter.borrowed_tokens))()

    assert borrowed == [2]
    assert limiter.borrowed_tokens == 0


@pytest.mark.anyio
async def test_run_that_is_cancelled_while_it_waits_for_a_thread_waits_no_more() -> (
    None
):
    limiter = current_thread_limiter()
    limiter.total_tokens = 1
    ran: list[str] = []
    tasks = BackgroundTasks([partial(ran.append, "later")])

    try:
        async with limiter:
            with anyio.move_on_after(0.01) as scope:
                await tasks()
        assert scope.cancelled_caught
        assert limiter.borrowed_tokens == 0
        await tasks()  # nobody waits before it any more
    finally:
        limiter.total_tokens = 40

    assert ran == ["later"]


def test_limiter_needs_an_event_loop() -> None:
    with pytest.raises(RuntimeError):
        current_thread_limiter()


@pytest.mark.anyio
async def test_full_limiter_does_not_stop_the_threads_of_a_framework() -> None:
    busy, go_on = threading.Semaphore(0), threading.Event()

    def occupy() -> None:
        busy.release()
        go_on.wait(5)

    tasks = BackgroundTasks([occupy] * 40, as_group=True)
    async with anyio.create_task_group() as group:
        group.start_soon(tasks)
        for _ in range(40):
            assert await anyio.to_thread.run_sync(busy.acquire, True, 5)
        with anyio.fail_after(5):
            await anyio.to_thread.run_sync(lambda: None)
        assert current_thread_limiter().available_tokens == 0
        go_on.set()
