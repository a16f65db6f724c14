"""A runner: each task is run by it, and in no other way."""

from collections.abc import Awaitable
from typing import Any

import anyio
import pytest

from .subject import BackgroundTask, BackgroundTasks

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
