"""Celery: calls sent to real workers, over the filesystem and over Redis."""

# Celery has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import asyncio
import functools
import os
import pickle
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from subprocess import Popen
from typing import Any

import anyio
import pytest
from celery import Celery, Task
from kombu.exceptions import EncodeError, OperationalError

from bgtasks import BackgroundTask, BackgroundTasks, current_thread_limiter
from bgtasks.celery import celery_runner

from . import jobs
from .celery_app import BROKER, make_app
from .page import imported
from .processes import RedisServer, Reports, kill_group, running

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Broker:
    """A broker that can be taken away, and comes back with what it had."""

    def __init__(self, folder: Path, redis: RedisServer | None) -> None:
        self.messages = folder / "messages"
        self.messages.mkdir()
        self.redis = redis
        self.address = str(folder) if redis is None else redis.url

    def stop(self) -> None:
        if self.redis is not None:
            self.redis.stop()
        else:
            self.messages.rename(self.messages.with_name("away"))

    def start(self) -> None:
        if self.redis is not None:
            self.redis.start()
        else:
            self.messages.with_name("away").rename(self.messages)


@pytest.fixture(params=["filesystem", "redis"])
def broker(request: pytest.FixtureRequest, folder: Path) -> Broker:
    redis = request.getfixturevalue("redis") if request.param == "redis" else None
    return Broker(folder, redis)


@pytest.fixture
def files(folder: Path) -> Broker:
    return Broker(folder, None)


@pytest.fixture
def app(request: pytest.FixtureRequest) -> Iterator[Celery]:
    """Return an application on the broker of the test."""
    name = "broker" if "broker" in request.fixturenames else "files"
    with make_app(request.getfixturevalue(name).address) as app:
        yield app


Worker = Callable[[Broker], AbstractContextManager[Popen[bytes]]]


@pytest.fixture
def worker(folder: Path) -> Worker:
    """Return what runs a Celery worker; messages wait until it is ready."""

    def run(broker: Broker) -> AbstractContextManager[Popen[bytes]]:
        return running(
            *("celery", "-A", "tests.integrations.celery_app", "worker"),
            *("--concurrency=1", "--without-gossip", "--without-mingle"),
            log=folder / "worker.log",
            environment={BROKER: broker.address, "TMPDIR": str(folder)},
        )

    return run


async def send(app: Celery, func: Callable[..., object], /, *args: object) -> None:
    """Send one call, which nobody has checked."""
    await BackgroundTasks([BackgroundTask(func, *args)], runner=celery_runner(app))()


def messages(broker: Broker) -> list[str]:
    return [path.name for path in broker.messages.iterdir()]


# Calls arrive


@pytest.mark.parametrize(
    ("anyio_backend", "as_group"), [("asyncio", False), ("trio", True)]
)
async def test_call_arrives_once_in_another_process_with_equal_arguments(
    *, as_group: bool, broker: Broker, app: Celery, worker: Worker, reports: Reports
) -> None:
    tasks = BackgroundTasks(as_group=as_group, runner=celery_runner(app))
    tasks.add_task(jobs.send_email, "ada", ["alan", "bob"], subject="Hi", urgent=True)
    tasks.add_task(jobs.send_email, "eve", subject="Ho")
    registered: dict[str, Any] = app.tasks
    tasks.add_task(registered["pictures.resize"], "a.png", width=3)

    await tasks()
    with worker(broker):
        calls = [await anyio.to_thread.run_sync(reports.next) for _ in range(3)]
        await send(app, jobs.count, 1)
        last = await anyio.to_thread.run_sync(reports.next)

    assert sorted(call[:3] for call in calls) == [
        ("resize", ["a.png", 3], {}),
        ("send_email", ["ada", ["alan", "bob"]], {"subject": "Hi", "urgent": True}),
        ("send_email", ["eve", []], {"subject": "Ho", "urgent": False}),
    ]
    assert last.name == "count", "nothing came twice before it"
    assert os.getpid() not in {call.pid for call in calls}


async def test_what_was_killed_in_mid_task_is_run_again_if_acknowledged_late(
    broker: Broker, app: Celery, worker: Worker, reports: Reports
) -> None:
    reports.hold("print_safely")
    await send(app, jobs.print_safely, "page 1")

    with worker(broker):
        first = await anyio.to_thread.run_sync(reports.next)
        os.kill(first.pid, signal.SIGKILL)
        again = await anyio.to_thread.run_sync(reports.next)

    assert again.args == first.args == ["page 1"]
    assert again.pid != first.pid


async def test_redis_gives_the_task_of_a_killed_worker_to_another(
    redis: RedisServer, folder: Path, worker: Worker, reports: Reports
) -> None:
    broker = Broker(folder, redis)
    reports.hold("print_safely")
    with make_app(broker.address) as app:
        await send(app, jobs.print_safely, "page 1")

    with worker(broker) as process:
        first = await anyio.to_thread.run_sync(reports.next)
        kill_group(process)
    with worker(broker):
        again = await anyio.to_thread.run_sync(reports.next)

    assert again.args == first.args == ["page 1"]
    assert again.pid != first.pid


async def test_what_was_killed_in_mid_task_is_lost_by_default(
    broker: Broker, app: Celery, worker: Worker, reports: Reports
) -> None:
    reports.hold("print_once")
    await send(app, jobs.print_once, "page 1")

    with worker(broker):
        first = await anyio.to_thread.run_sync(reports.next)
        await send(app, jobs.count, 1)
        os.kill(first.pid, signal.SIGKILL)
        following = await anyio.to_thread.run_sync(reports.next)

    assert (first.name, following.name) == ("print_once", "count")


@pytest.mark.parametrize("as_group", [False, True], ids=["single", "group"])
async def test_fallback_loses_none_of_1000_tasks_when_the_broker_stops_half_way(
    *, as_group: bool, broker: Broker, app: Celery, worker: Worker, reports: Reports
) -> None:
    sent = 0

    with imported("send_or_run_here") as page:
        send = celery_runner(app, retry=False)

        async def send_until_it_stops(task: BackgroundTask) -> None:
            nonlocal sent
            await send(task)
            sent += 1
            if sent == 500:
                broker.stop()

        vars(page)["send"] = send_until_it_stops
        tasks = BackgroundTasks(as_group=as_group, runner=page.send_or_run_here)
        for number in range(1000):
            tasks.add_task(jobs.count, number)
        await tasks()

    here = [reports.next() for _ in range(reports.calls.qsize())]
    broker.start()
    with worker(broker):
        there = [await anyio.to_thread.run_sync(reports.next) for _ in range(sent)]

    assert {call.pid for call in here} == {os.getpid()}
    assert os.getpid() not in {call.pid for call in there}
    times = Counter(call.args[0] for call in [*here, *there])
    assert times.keys() == {*range(1000)}
    assert sent >= 500
    if not as_group:  # where none was on its way when the broker stopped
        assert set(times.values()) == {1}
        assert sent == 500


# Sending


@pytest.fixture
def silent_broker() -> Iterator[str]:
    """Give the address of a server that accepts connections, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


async def test_slow_broker_is_waited_for_in_a_worker_thread_of_background_tasks(
    silent_broker: str,
) -> None:
    app = make_app(silent_broker)
    app.conf.broker_transport_options = {"max_retries": 0, "socket_timeout": 0.6}
    gaps: list[float] = []
    threads: set[int] = set()

    async def tick() -> None:
        while True:
            before = time.monotonic()
            await anyio.sleep(0.01)
            threads.add(current_thread_limiter().borrowed_tokens)
            gaps.append(time.monotonic() - before)

    begin = end = time.monotonic()
    async with anyio.create_task_group() as group:
        group.start_soon(tick)
        with pytest.raises(OperationalError):
            await celery_runner(app, retry=False)(BackgroundTask(jobs.count, 1))
        end = time.monotonic()
        group.cancel_scope.cancel()

    assert end - begin > 0.6
    assert max(gaps) < (end - begin) / 2, "the event loop went on meanwhile"
    assert threads == {1}


async def test_without_on_error_the_caller_hears_that_the_broker_is_down() -> None:
    app = make_app("redis://127.0.0.1:1/0")
    tasks = BackgroundTasks(runner=celery_runner(app, retry=False))
    tasks.add_task(jobs.resize, "secret.png")
    tasks.add_task(jobs.count, 1)

    with pytest.raises(OperationalError, match="Connection refused") as caught:
        await tasks()

    assert caught.value.__notes__ == [
        "At background task 1 of 2, tests.integrations.jobs.resize.",
        "Not run: tests.integrations.jobs.count.",
    ]


@pytest.mark.parametrize("as_group", [False, True], ids=["single", "group"])
async def test_on_error_hears_of_each_task_that_was_not_sent(*, as_group: bool) -> None:
    app = make_app("redis://127.0.0.1:1/0")
    heard: list[tuple[str, type[Exception]]] = []
    tasks = BackgroundTasks(
        as_group=as_group,
        on_error=lambda task, exc: heard.append((task.name, type(exc))),
        runner=celery_runner(app, retry=False),
    )
    tasks.add_task(jobs.resize, "a.png")
    tasks.add_task(jobs.count, 1)

    await tasks()

    assert sorted(heard) == [
        ("tests.integrations.jobs.count", OperationalError),
        ("tests.integrations.jobs.resize", OperationalError),
    ]


async def test_options_go_to_celery(app: Celery, files: Broker) -> None:
    tasks = BackgroundTasks(runner=celery_runner(app, queue="mails"))
    tasks.add_task(jobs.count, 1)

    await tasks()

    (message,) = messages(files)
    assert message.endswith(".mails.msg")


async def test_eager_application_runs_the_task_here(
    app: Celery, reports: Reports
) -> None:
    app.conf.task_always_eager = True

    await send(app, jobs.count, 1)

    assert reports.next().pid == os.getpid()


# How a function's task is found


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"name": "another.name"},
        {"autoretry_for": [ValueError]},
        {"pydantic": True},
        {"lazy": False},
    ],
    ids=lambda options: "-".join(options) or "plain",
)
async def test_function_is_found_however_it_is_registered(
    options: dict[str, Any], folder: Path
) -> None:
    files = Broker(folder, None)
    app = make_app(files.address)

    def stamp(letter: int) -> None: ...

    app.task(stamp, shared=False, **options)
    await send(app, stamp, 1)

    assert len(messages(files)) == 1


async def test_task_that_celery_gives_itself_to_is_sent(
    app: Celery, files: Broker
) -> None:
    def stamp(self: Any, letter: int) -> None: ...

    task: Any = app.task(stamp, bind=True, shared=False)
    await send(app, task, 1)

    assert len(messages(files)) == 1


class Mailer:
    def __init__(self) -> None:
        self.lock = threading.Lock()

    def send(self, to: str) -> None: ...


def make_closure() -> Callable[[str], None]:
    server = Mailer()

    def send_through_server(to: str) -> None:
        server.send(to)

    return send_through_server


def unknown(to: str) -> None: ...


nameless: Callable[[str], None] = lambda to: unknown(to)  # noqa: E731 (the case)


UNKNOWN: list[tuple[Callable[..., object], str]] = [
    (unknown, "tests.integrations.test_celery.unknown"),
    (nameless, "tests.integrations.test_celery.<lambda>"),
    (make_closure(), "make_closure.<locals>.send_through_server"),
    (Mailer().send, "tests.integrations.test_celery.Mailer.send"),
    (functools.partial(jobs.count, 1), "tests.integrations.jobs.count"),
    (print, "builtins.print"),
    (Celery("other", set_as_current=False).task(unknown, shared=False), ".unknown"),
]


def test_the_method_of_the_cases_belongs_to_what_cannot_be_pickled() -> None:
    with pytest.raises(TypeError, match="cannot pickle"):
        pickle.dumps(UNKNOWN[3][0])


@pytest.mark.parametrize(("func", "name"), UNKNOWN, ids=lambda value: str(value)[:40])
async def test_function_that_the_application_does_not_know_is_refused(
    func: Callable[..., object], name: str, app: Celery, files: Broker
) -> None:
    with pytest.raises(LookupError) as caught:
        await send(app, func, "ada")

    message = str(caught.value)
    assert name in message
    assert "is not registered with the Celery app 'tests': write app.task(" in message
    assert not isinstance(caught.value, KeyError), "which shows its message quoted"
    assert messages(files) == []


@pytest.mark.parametrize("decorated", [False, True])
async def test_async_function_is_refused_since_no_worker_would_await_it(
    *, decorated: bool, app: Celery, files: Broker
) -> None:
    func: Any = jobs.send_async
    if decorated:
        func = app.task(func, name="its.name", shared=False)

    with pytest.raises(TypeError) as caught:
        await send(app, func, "ada")

    name = "its.name" if decorated else "tests.integrations.jobs.send_async"
    assert str(caught.value).startswith(f"{name} is an async function")
    assert "register a plain function" in str(caught.value)
    assert messages(files) == []


async def test_async_function_is_sent_if_the_base_class_of_its_task_awaits_it(
    folder: Path,
) -> None:
    def run_to_its_end(self: Any, *args: Any, **kwargs: Any) -> object:
        return asyncio.run(self.run(*args, **kwargs))

    base = type("Awaiting", (Task,), {"__call__": run_to_its_end})
    files = Broker(folder, None)
    app = make_app(files.address)
    app.task(jobs.send_async, name="awaited", base=base, shared=False)
    del app.tasks["tests.integrations.jobs.send_async"]

    tasks = BackgroundTasks(runner=celery_runner(app))
    tasks.add_task(jobs.send_async, "ada", subject="Hi")
    await tasks()

    assert len(messages(files)) == 1


# Arguments


async def test_error_of_the_serializer_is_noted_with_the_task_but_no_value(
    app: Celery, files: Broker
) -> None:
    class Letter:
        def __repr__(self) -> str:
            return "Letter to ada@example.org"

    tasks = BackgroundTasks(runner=celery_runner(app))
    tasks.add_task(jobs.archive, Letter())

    with pytest.raises(EncodeError, match="Letter is not JSON serializable") as caught:
        await tasks()

    (note,) = caught.value.__notes__
    assert note == "At background task 1 of 1, tests.integrations.jobs.archive."
    assert "ada@example.org" not in str(caught.value)
    assert messages(files) == []


async def test_wrong_arguments_are_refused_before_they_are_sent(
    app: Celery, files: Broker
) -> None:
    with pytest.raises(TypeError, match="missing 1 required keyword"):
        await send(app, jobs.send_email, "ada")

    assert messages(files) == []
