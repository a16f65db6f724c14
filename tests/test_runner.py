"""A runner: each task is run by it, and in no other way."""

import importlib
import threading
from collections.abc import Awaitable
from typing import Any

import anyio
import anyio.from_thread
import pytest

from .subject import NAME, BackgroundTask, BackgroundTasks

BlockingRunner: Any = importlib.import_module(f"{NAME}._task").BlockingRunner

Record = list[str]


def plain(record: Record) -> None:
    record.append("plain")


async def asynchronous(record: Record) -> None:
    record.append("async")


@pytest.fixture
def record() -> Record:
    return []


@pytest.mark.anyio
@pytest.mark.parametrize("as_group", [False, True])
async def test_runner_runs_every_task(record: Record, *, as_group: bool) -> None:
    given: list[BackgroundTask] = []

    async def run(task: BackgroundTask) -> None:
        given.append(task)
        await task()

    tasks = BackgroundTasks(as_group=as_group, runner=run)
    tasks.add_task(plain, record)
    tasks.add_task(plain, record)
    tasks.add_task(asynchronous, record)

    await tasks()

    assert len(given) == 3
    assert all(task in given for task in tasks.tasks)
    assert sorted(record) == ["async", "plain", "plain"]


@pytest.mark.anyio
async def test_nothing_runs_without_the_runner(record: Record) -> None:
    async def forget(task: BackgroundTask) -> None: ...

    tasks = BackgroundTasks(runner=forget)
    tasks.add_task(plain, record)
    tasks.add_task(asynchronous, record)

    await tasks()

    assert record == []


@pytest.mark.anyio
async def test_plain_function_that_returns_an_awaitable_is_a_runner(
    record: Record,
) -> None:
    def run(task: BackgroundTask) -> Awaitable[None]:
        record.append("run")
        return task()

    tasks = BackgroundTasks(runner=run)
    tasks.add_task(plain, record)

    await tasks()

    assert record == ["run", "plain"]


@pytest.mark.anyio
async def test_runner_may_run_a_task_again(record: Record) -> None:
    async def twice(task: BackgroundTask) -> None:
        await task()
        await task()

    tasks = BackgroundTasks(runner=twice)
    tasks.add_task(plain, record)

    await tasks()

    assert record == ["plain", "plain"]


@pytest.mark.anyio
async def test_runner_may_limit_the_time_of_a_task(record: Record) -> None:
    async def run(task: BackgroundTask) -> None:
        with anyio.fail_after(0.5):
            await task()

    reported: list[Exception] = []
    tasks = BackgroundTasks(
        [anyio.sleep_forever],
        runner=run,
        on_error=lambda _, exc: reported.append(exc),
    )
    tasks.add_task(plain, record)

    await tasks()

    assert [type(exc) for exc in reported] == [TimeoutError]
    assert record == ["plain"]


@pytest.mark.anyio
@pytest.mark.parametrize("as_group", [False, True])
async def test_what_the_runner_raises_is_the_failure_of_its_task(
    *, as_group: bool
) -> None:
    async def refuse(task: BackgroundTask) -> None:
        raise ConnectionError("no broker")

    reported: list[tuple[BackgroundTask, Exception]] = []
    tasks = BackgroundTasks(
        [print],
        as_group=as_group,
        runner=refuse,
        on_error=lambda task, exc: reported.append((task, exc)),
    )

    await tasks()

    ((task, exc),) = reported
    assert task == BackgroundTask(print)
    assert isinstance(exc, ConnectionError)


@pytest.mark.anyio
async def test_runner_that_returns_no_awaitable_is_told_so() -> None:
    def run(task: BackgroundTask) -> None: ...

    runner: Any = run

    with pytest.raises(TypeError) as caught:
        await BackgroundTasks([print], runner=runner)()

    assert str(caught.value) == (
        "runner must return an awaitable, got None: "
        "write it as `async def runner(task)`"
    )


@pytest.mark.anyio
async def test_subclass_of_a_task_runs_in_its_own_way(record: Record) -> None:
    class Announced(BackgroundTask):
        async def __call__(self) -> None:
            record.append("announced")
            await super().__call__()

    await BackgroundTasks([Announced(plain, record), Announced(asynchronous, record)])()

    assert record == ["announced", "plain", "announced", "async"]


@pytest.mark.anyio
async def test_subclass_of_a_task_has_its_own_way_with_the_same_function_too(
    record: Record,
) -> None:
    class Announced(BackgroundTask):
        async def __call__(self) -> None:
            record.append("announced")
            await super().__call__()

    kinds = [BackgroundTask, Announced, Announced, BackgroundTask]
    await BackgroundTasks([kind(plain, record) for kind in kinds])()

    assert record == ["plain", *["announced", "plain"] * 2, "plain"]


# A runner that blocks


class Sending:
    """What a plain runner was called with, and where."""

    def __init__(self) -> None:
        self.limiter = anyio.CapacityLimiter(2)
        self.hops = 0
        self.runner = BlockingRunner(self.send, self.limiter_of_a_hop)
        self.sent: list[object] = []
        self.threads: list[int] = []

    def limiter_of_a_hop(self) -> anyio.CapacityLimiter:
        self.hops += 1
        return self.limiter

    def send(self, task: BackgroundTask) -> None:
        self.threads.append(threading.get_ident())
        self.sent.append(task.args[0])
        if task.args[0] == "wrong":
            raise ConnectionError


@pytest.fixture
def sending() -> Sending:
    return Sending()


def count(number: object) -> None: ...


async def count_async(number: object) -> None: ...


@pytest.mark.anyio
async def test_consecutive_tasks_of_a_plain_runner_share_one_hop_whatever_they_are(
    sending: Sending,
) -> None:
    class Announced(BackgroundTask): ...

    tasks = BackgroundTasks(runner=sending.runner)
    for number in range(0, 100, 3):
        tasks.add_task(count, number)
        tasks.add_task(count_async, number + 1)
        tasks.tasks.append(Announced(count, number + 2))

    await tasks()

    assert sending.sent == [*range(102)]
    assert sending.hops == 1
    assert threading.get_ident() not in sending.threads


@pytest.mark.anyio
@pytest.mark.parametrize("as_group", [False, True])
async def test_plain_runner_has_threads_of_its_own(
    sending: Sending, *, as_group: bool
) -> None:
    tasks = BackgroundTasks(as_group=as_group, runner=sending.runner)
    for number in range(10):
        tasks.add_task(count, number)
    borrowed: list[float] = []

    def send(task: BackgroundTask) -> None:
        sending.send(task)
        borrowed.append(sending.limiter.borrowed_tokens)

    sending.runner.run = send
    await tasks()

    assert sorted(sending.sent, key=str) == [*range(10)]
    assert {*borrowed} <= {1, 2}


@pytest.mark.anyio
async def test_failure_in_a_plain_runner_is_that_of_its_task(sending: Sending) -> None:
    tasks = BackgroundTasks(runner=sending.runner)
    for argument in (1, "wrong", 3):
        tasks.add_task(count, argument)

    with pytest.raises(ConnectionError) as caught:
        await tasks()

    assert sending.sent == [1, "wrong"]
    name = f"{__name__}.count"
    assert caught.value.__notes__ == [
        f"At background task 2 of 3, {name}.",
        f"Not run: {name}.",
    ]


@pytest.mark.anyio
async def test_run_by_a_plain_runner_goes_on_after_a_reported_failure(
    sending: Sending,
) -> None:
    failed: list[object] = []
    tasks = BackgroundTasks(
        runner=sending.runner, on_error=lambda task, _: failed.append(task.args[0])
    )
    for argument in (1, "wrong", 3):
        tasks.add_task(count, argument)

    await tasks()

    assert sending.sent == [1, "wrong", 3]
    assert failed == ["wrong"]


@pytest.mark.anyio
async def test_plain_runner_is_a_runner_like_any_other(sending: Sending) -> None:
    async def twice(task: BackgroundTask) -> None:
        await sending.runner(task)
        await sending.runner(task)

    await BackgroundTasks([BackgroundTask(count, 1)], runner=twice)()

    assert sending.sent == [1, 1]


@pytest.mark.anyio
async def test_plain_runner_is_called_no_more_after_a_cancellation(
    sending: Sending,
) -> None:
    tasks = BackgroundTasks(runner=sending.runner)
    for number in range(3):
        tasks.add_task(count, number)

    with anyio.CancelScope() as scope:

        def send(task: BackgroundTask) -> None:
            sending.send(task)
            anyio.from_thread.run_sync(scope.cancel)

        sending.runner.run = send
        await tasks()

    assert sending.sent == [0]


@pytest.mark.anyio
async def test_cancelled_group_does_not_name_what_a_plain_runner_has_sent(
    sending: Sending,
) -> None:
    def send(task: BackgroundTask) -> None:
        anyio.from_thread.run_sync(scope.cancel)
        sending.send(task)

    sending.runner.run = send
    tasks = BackgroundTasks(as_group=True, runner=sending.runner)
    tasks.add_task(count, 1)
    notes: list[str] = []

    async def wait() -> None:
        await anyio.sleep_forever()

    outer = BackgroundTasks([tasks, wait], as_group=True)
    with anyio.CancelScope() as scope:
        try:
            await outer()
        except anyio.get_cancelled_exc_class() as exc:
            notes = exc.__notes__
            raise

    assert sending.sent == [1]
    assert f"Not finished: {__name__}.count." not in notes
