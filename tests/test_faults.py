"""Tasks, error handlers and runners that do what they should not: what comes of it."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from itertools import product
from typing import Any

import anyio
import anyio.from_thread
import pytest

from .faulty_application import FAULTS
from .server import Server, serve
from .subject import BackgroundTask, BackgroundTasks, current_thread_limiter

pytestmark = pytest.mark.no_cover


def subclasses(of: type[BaseException]) -> Iterator[type[BaseException]]:
    for subclass in of.__subclasses__():
        yield subclass
        yield from subclasses(subclass)


def of_python() -> Iterator[BaseException]:
    """Return one exception of every kind that Python has, and can make so."""
    kinds = {
        kind for kind in subclasses(BaseException) if kind.__module__ == "builtins"
    }
    for kind in sorted(kinds, key=lambda kind: kind.__name__):
        try:
            yield kind("why")
        except TypeError:
            continue


EVERY_KIND = [
    *of_python(),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "why"),
    ExceptionGroup("two", [ValueError(), ExceptionGroup("one", [OSError()])]),
    BaseExceptionGroup("two", [KeyboardInterrupt(), OSError()]),
]


def failing(exception: BaseException, *, is_async: bool) -> Callable[..., Any]:
    def fail(*_: object) -> None:
        raise exception.with_traceback(None)

    async def fail_async(*_: object) -> None:
        await anyio.lowlevel.checkpoint()
        fail()

    return fail_async if is_async else fail


async def outcome(tasks: Callable[[], Awaitable[None]]) -> BaseException | None:
    """Return what is raised; pytest.raises() would not take a KeyboardInterrupt."""
    try:
        await tasks()
    except BaseException as exc:
        return exc
    return None


def is_same(raised: object, exception: BaseException) -> bool:
    """Whether it is the exception itself, or what Python makes of a StopIteration."""
    return exception in {raised, getattr(raised, "__cause__", None)}


@pytest.mark.anyio
@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("as_group", [False, True])
async def test_every_kind_of_exception_is_reported_and_every_other_leaves(
    *, is_async: bool, as_group: bool
) -> None:
    for exception in EVERY_KIND:
        reported: list[Exception] = []
        tasks = BackgroundTasks(
            [failing(exception, is_async=is_async), lambda: None],
            as_group=as_group,
            on_error=lambda _, exc: reported.append(exc),  # noqa: B023
        )

        raised = await outcome(tasks)

        if isinstance(exception, Exception):
            assert raised is None
            assert len(reported) == 1
            assert is_same(reported[0], exception)
        else:
            assert is_same(raised, exception)
            assert reported == []


@pytest.mark.anyio
@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("as_group", [False, True])
@pytest.mark.parametrize("option", ["on_error", "runner"])
async def test_every_kind_of_exception_of_an_option_leaves(
    option: str, *, is_async: bool, as_group: bool
) -> None:
    def fail() -> None:
        raise ArithmeticError

    for exception in EVERY_KIND:
        options: dict[str, Any] = {option: failing(exception, is_async=is_async)}

        raised = await outcome(BackgroundTasks([fail], as_group=as_group, **options))

        if as_group and isinstance(exception, Exception):
            inside: tuple[object, ...] = getattr(raised, "exceptions", ())
            assert len(inside) == 1
            assert is_same(inside[0], exception)
        else:
            assert is_same(raised, exception)


@pytest.mark.anyio
async def test_task_that_removes_itself_hides_the_next_as_in_any_list() -> None:
    ran: list[int] = []
    tasks = BackgroundTasks()

    def remove_itself() -> None:
        del tasks.tasks[0]

    tasks.add_task(remove_itself)
    tasks.add_task(ran.append, 1)
    tasks.add_task(ran.append, 2)

    await tasks()

    assert ran == [2]


@pytest.mark.anyio
async def test_task_that_removes_itself_from_a_group_hides_none_of_those_started() -> (
    None
):
    ran: list[int] = []
    tasks = BackgroundTasks(as_group=True)

    def remove_itself() -> None:
        del tasks.tasks[0]

    tasks.add_task(remove_itself)
    tasks.add_task(ran.append, 1)
    tasks.add_task(ran.append, 2)

    await tasks()

    assert sorted(ran) == [1, 2]


@pytest.mark.anyio
async def test_task_that_ignores_cancellation_ends_before_the_run_does() -> None:
    ran: list[str] = []

    async def ignore() -> None:
        for _ in range(100):
            try:
                await anyio.sleep_forever()
            except anyio.get_cancelled_exc_class():
                continue
        ran.append("ignore")
        await anyio.lowlevel.checkpoint()

    tasks = BackgroundTasks([ignore])
    tasks.add_task(ran.append, "next")
    with anyio.move_on_after(0) as scope:
        await tasks()

    assert scope.cancelled_caught
    assert ran == ["ignore"]


@pytest.mark.anyio
async def test_scope_around_the_run_that_a_task_cancels_ends_it() -> None:
    ran: list[str] = []

    async def cancel() -> None:
        scope.cancel()
        await anyio.lowlevel.checkpoint()

    tasks = BackgroundTasks([cancel])
    tasks.add_task(ran.append, "next")
    with anyio.CancelScope() as scope:
        await tasks()

    assert scope.cancelled_caught
    assert ran == []


def test_plain_tasks_do_not_need_the_default_executor_of_the_event_loop() -> None:
    ran: list[str] = []
    tasks = BackgroundTasks()

    async def main() -> None:
        tasks.add_task(asyncio.get_running_loop().shutdown_default_executor)
        tasks.add_task(ran.append, "plain")
        await tasks()

    asyncio.run(main())

    assert ran == ["plain"]


# Tasks that wait for each other's threads


@pytest.mark.anyio
async def test_plain_tasks_that_wait_for_as_many_threads_as_there_are_all_end() -> None:
    limiter = current_thread_limiter()
    barrier = threading.Barrier(int(limiter.total_tokens), timeout=20)

    await BackgroundTasks([barrier.wait] * barrier.parties, as_group=True)()

    assert not barrier.broken


@pytest.mark.anyio
async def test_plain_task_may_run_another_while_a_thread_is_free() -> None:
    ran: list[int] = []

    def run_another() -> None:
        anyio.from_thread.run(BackgroundTask(ran.append, 1))

    await BackgroundTasks([run_another] * 100)()

    assert ran == [1] * 100


@pytest.mark.anyio
async def test_more_threads_free_those_that_wait_for_each_other() -> None:
    limiter = current_thread_limiter()
    limiter.total_tokens = 3
    barrier = threading.Barrier(4, timeout=20)  # for one thread more than there are
    tasks = BackgroundTasks([barrier.wait] * 4, as_group=True)
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(tasks)
            while barrier.n_waiting < 3:
                await anyio.lowlevel.checkpoint()
            limiter.total_tokens = 4
    finally:
        limiter.total_tokens = 40

    assert not barrier.broken


# A server lives on

WHERE = ["task", "on_error", "runner"]


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    loop: str = request.param
    with serve("tests.faulty_application:app", "--loop", loop) as server:
        yield server


@pytest.mark.parametrize("fault", FAULTS)
def test_server_lives_on(fault: str, server: Server) -> None:
    pid = json.loads(server.get("/"))["pid"]

    requests: list[str] = []
    for where, as_group, reported in product(WHERE, ["", "1"], ["", "1"]):
        number = f"{fault}-{where}-{as_group}-{reported}"
        options = f"id={number}&where={where}&as_group={as_group}&reported={reported}"
        server.get(f"/?fault={fault}&{options}")
        requests.append(number)

    fine = "id=fine&fault=deletes-itself&as_group=1"
    server.get(f"/?{fine}")
    seen = json.loads(server.get("/"))
    assert seen["pid"] == pid
    assert server.process.poll() is None
    assert {*requests} <= {*seen["ran"]}
    assert seen["threads"] <= 40


def test_server_logs_what_nobody_handled() -> None:
    with serve("tests.faulty_application:app") as server:
        server.get("/?id=1&fault=plain-ValueError")
        while "1" not in json.loads(server.get("/"))["ran"]:
            pass
    log = "".join(server.log)

    assert (
        "At background task 1 of 3, tests.faulty_application.raising.<locals>.fail."
        in log
    )
    assert (
        "Not run: list.append, tests.faulty_application.tasks_of.<locals>.last." in log
    )
