"""Celery: calls sent to real workers, over the filesystem and over Redis."""

# Celery has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import functools
import importlib.util
import inspect
import json
import os
import pickle
import signal
import socket
import sys
import time
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from subprocess import Popen
from types import ModuleType
from typing import Any
from weakref import proxy

import anyio
import celery
import pytest
from celery import Celery, Task
from celery.app.amqp import AMQP
from celery.exceptions import DuplicateTaskNameWarning
from kombu.exceptions import EncodeError, OperationalError
from kombu.messaging import Producer
from redis import Redis
from typing_extensions import override

from bgtasks import BackgroundTask, BackgroundTasks
from bgtasks.celery import SendOptions, celery_runner
from tests.integrations.page import imported
from tests.integrations.processes import RedisServer, Reports, kill_group, running
from tests.project import ROOT

from . import arrivals, jobs
from .celery_app import BROKER, make_app, options_of, register
from .unregistered import UNREGISTERED

pytestmark = pytest.mark.anyio

JOBS: Any = importlib.util.spec_from_file_location("jobs", jobs.__file__)


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
            *("celery", "-A", "tests.integrations.engines.celery_app", "worker"),
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


def sent(broker: Broker) -> list[str]:
    """Return the names of the tasks that were sent, in the order of the alphabet."""
    found = [json.loads(path.read_text()) for path in broker.messages.iterdir()]
    return sorted(message["headers"]["task"] for message in found)


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


# What the page says, also for those who need the results.
AWAY: dict[str, dict[str, Any]] = {
    "no result backend": {},
    "with a result backend": {"result_backend": "redis://127.0.0.1:1/0"},
    "results are needed": {
        "result_backend": "redis://127.0.0.1:1/0",
        "result_backend_transport_options": {"retry_policy": {"max_retries": 0}},
        "redis_socket_timeout": 2,
        "redis_socket_connect_timeout": 1,
    },
}


@contextmanager
def recipe(
    broker: Broker, settings: dict[str, Any]
) -> Generator[tuple[ModuleType, list[BackgroundTask]]]:
    """Give the page's recipe, with our broker, and a list of what it has sent."""
    sent: list[BackgroundTask] = []
    with imported("send_or_run_here") as page:
        if broker.redis is None:
            page.app.conf.update(options_of(broker.address))
        page.app.conf.broker_url = (
            "filesystem://" if broker.redis is None else broker.address
        )
        page.app.conf.update(settings)
        register(page.app)
        send = page.send
        if "redis_socket_timeout" in settings:
            send = celery_runner(page.app, retry_policy={"max_retries": 0})

        async def send_and_note(task: BackgroundTask) -> None:
            await send(task)
            sent.append(task)

        vars(page)["send"] = send_and_note
        yield page, sent


@pytest.mark.parametrize("as_group", [False, True], ids=["single", "group"])
async def test_fallback_loses_none_of_200_tasks_when_the_broker_stops_half_way(
    *, as_group: bool, broker: Broker, worker: Worker, reports: Reports
) -> None:
    backend = {"result_backend": broker.address} if broker.redis else {}
    with recipe(broker, backend) as (page, sent):

        async def stop_half_way(task: BackgroundTask) -> None:
            if task.args == (100,):
                broker.stop()
            await page.send_or_run_here(task)

        tasks = BackgroundTasks(as_group=as_group, runner=stop_half_way)
        for number in range(200):
            tasks.add_task(jobs.count, number)
        await tasks()

    here = [reports.next() for _ in range(reports.calls.qsize())]
    broker.start()
    with worker(broker):
        there = [await anyio.to_thread.run_sync(reports.next) for _ in sent]

    assert {call.pid for call in here} == {os.getpid()}
    assert os.getpid() not in {call.pid for call in there}
    times = Counter(call.args[0] for call in [*here, *there])
    assert times.keys() == {*range(200)}
    if not as_group:  # where none was on its way when the broker stopped
        assert set(times.values()) == {1}
        assert len(sent) == 100


@pytest.mark.parametrize("settings", AWAY.values(), ids=AWAY)
async def test_fallback_runs_the_task_here_at_once_when_redis_is_killed(
    settings: dict[str, Any], folder: Path, redis: RedisServer, reports: Reports
) -> None:
    with recipe(Broker(folder, redis), settings) as (page, sent):
        tasks = BackgroundTasks(runner=page.send_or_run_here)
        tasks.add_task(jobs.count, 1)
        if not settings:
            await tasks()  # over connections that are then lost
        before = len(sent)
        redis.stop()

        # By default it takes 0.6 seconds for each, and with a result backend 19.
        with anyio.fail_after(10):
            for _ in range(20):
                await tasks()

    assert len(sent) == before
    assert [reports.next().pid for _ in range(20)] == [os.getpid()] * 20


async def test_fallback_runs_the_task_here_when_the_broker_does_not_answer(
    silent_broker: str, folder: Path, redis: RedisServer, reports: Reports
) -> None:
    with recipe(Broker(folder, redis), {"broker_url": silent_broker}) as (page, sent):
        tasks = BackgroundTasks(runner=page.send_or_run_here)
        tasks.add_task(jobs.count, 1)

        with anyio.fail_after(30):
            await tasks()

    assert sent == []
    assert reports.next().pid == os.getpid()


@pytest.mark.parametrize(
    ("options", "settings"),
    [({"ignore_result": True}, {}), ({}, {"result_backend_thread_safe": True})],
    ids=["ignored", "thread-safe"],
)
async def test_results_that_nobody_reads_keep_no_connections_open(
    options: Any, settings: dict[str, Any], redis: RedisServer
) -> None:
    app = Celery("tests", broker=redis.url, backend=redis.url, set_as_current=False)
    app.conf.update(settings)
    app.task(jobs.count, shared=False)
    runner = celery_runner(app, **options)

    with Redis(port=redis.port) as client:
        for _ in range(2):
            tasks = BackgroundTasks(as_group=True, runner=runner)
            for number in range(200):
                tasks.add_task(jobs.count, number)
            await tasks()
        information: Any = client.info("clients")

    # This client, two for each of those that send, and at the most two for results.
    limit: int = app.conf.broker_pool_limit
    assert information["connected_clients"] <= 1 + 2 * limit + 2


# Sending


@pytest.fixture
def silent_broker() -> Iterator[str]:
    """Give the address of a server that accepts connections, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


async def test_event_loop_goes_on_while_a_slow_broker_is_waited_for(
    silent_broker: str,
) -> None:
    app = make_app(silent_broker)
    app.conf.broker_transport_options = {"max_retries": 0, "socket_timeout": 0.6}
    gaps: list[float] = []

    async def tick() -> None:
        while True:
            before = time.monotonic()
            await anyio.sleep(0.01)
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


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_plain_tasks_run_while_a_broker_keeps_50_sends_waiting(
    silent_broker: str,
) -> None:
    app = make_app(silent_broker)
    app.conf.broker_transport_options = {"max_retries": 0, "socket_timeout": 3}
    app.conf.broker_pool_limit = 100
    ended: list[float] = []
    send = celery_runner(app, retry_policy={"max_retries": 0})

    async def fail() -> None:
        with pytest.raises(OperationalError):
            await send(BackgroundTask(jobs.count, 1))
        ended.append(time.monotonic())

    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(fail)
        await anyio.wait_all_tasks_blocked()
        await BackgroundTasks([lambda: ended.append(0)])()

    assert ended[0] == 0, "before any of them"
    assert len(ended) == 51


async def test_without_on_error_the_caller_hears_that_the_broker_is_down() -> None:
    app = make_app("redis://127.0.0.1:1/0")
    tasks = BackgroundTasks(runner=celery_runner(app, retry=False))
    tasks.add_task(jobs.resize, "secret.png")
    tasks.add_task(jobs.count, 1)

    with pytest.raises(OperationalError, match="Connection refused") as caught:
        await tasks()

    assert caught.value.__notes__ == [
        "At background task 1 of 2, tests.integrations.engines.jobs.resize.",
        "Not run: tests.integrations.engines.jobs.count.",
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
        ("tests.integrations.engines.jobs.count", OperationalError),
        ("tests.integrations.engines.jobs.resize", OperationalError),
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


async def test_eager_application_hides_failures_unless_it_is_told_to_raise_them() -> (
    None
):
    def fail() -> None:
        raise ValueError("as it should")

    app = Celery("tests", broker="redis://127.0.0.1:1/0", set_as_current=False)
    app.conf.task_always_eager = True
    app.task(fail, shared=False)

    await send(app, fail)  # is silent

    app.conf.task_eager_propagates = True
    with pytest.raises(ValueError, match="as it should"):
        await send(app, fail)


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


def test_the_method_of_the_cases_belongs_to_what_cannot_be_pickled() -> None:
    with pytest.raises(TypeError, match="cannot pickle"):
        pickle.dumps(UNREGISTERED[3][0])


@pytest.mark.parametrize(("func", "name"), UNREGISTERED)
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

    name = "its.name" if decorated else "tests.integrations.engines.jobs.send_async"
    assert str(caught.value).startswith(f"{name} is an async function")
    assert "register a plain function" in str(caught.value)
    assert messages(files) == []


class ContextTask(Task):
    """As in Flask's documentation."""

    def __call__(self, *args: object, **kwargs: object) -> object:
        return self.run(*args, **kwargs)


class AsyncTask(Task):
    name = "a.class"

    @override
    async def run(self, *args: Any, **kwargs: Any) -> None: ...


class AsyncCall(Task):
    name = "a.class"

    async def __call__(self, to: str) -> None: ...


ASYNC: dict[str, Callable[[Any], Any]] = {
    "context": lambda app: app.task(
        jobs.send_async, base=ContextTask, name="x", shared=False
    ),
    "autoretry": lambda app: app.task(
        jobs.send_async, autoretry_for=[OSError], name="x"
    ),
    "pydantic": lambda app: app.task(
        jobs.send_async, pydantic=True, name="x", shared=False
    ),
    "run": lambda app: app.register_task(AsyncTask()),
    "call": lambda app: app.register_task(AsyncCall()),
}


@pytest.mark.parametrize("make", ASYNC.values(), ids=ASYNC)
async def test_async_function_is_refused_in_whatever_it_is_wrapped_by_celery(
    make: Callable[[Any], Any], app: Celery, files: Broker
) -> None:
    with pytest.raises(TypeError, match=r"^(x|a\.class) is an async function"):
        await send(app, make(app), "ada")

    assert messages(files) == []


async def test_generator_function_is_refused_since_no_worker_would_iterate_over_it(
    app: Celery, files: Broker
) -> None:
    def pages(book: str) -> Iterator[str]:
        yield book

    with pytest.raises(TypeError, match=r"^pages is a generator function"):
        await send(app, app.task(pages, name="pages", shared=False), "a")

    assert messages(files) == []


async def test_async_functions_are_run_if_a_wrapper_or_their_tasks_await_them(
    broker: Broker, app: Celery, worker: Worker, reports: Reports
) -> None:
    registered: dict[str, Any] = app.tasks
    tasks = BackgroundTasks(runner=celery_runner(app))
    tasks.add_task(registered["bridged"], "ada", subject="Hi")
    tasks.add_task(jobs.bridged, "eve", subject="Ho")
    tasks.add_task(jobs.send_awaited, "ada", subject="Hi")

    await tasks()
    with worker(broker):
        calls = [await anyio.to_thread.run_sync(reports.next) for _ in range(3)]

    assert sorted(call[:3] for call in calls) == [
        ("send_async", ["ada"], {"subject": "Hi"}),
        ("send_async", ["eve"], {"subject": "Ho"}),
        ("send_awaited", ["ada"], {"subject": "Hi"}),
    ]


# Exactly the task that was asked for


def charge(amount: int) -> None: ...


def other_charge(amount: int) -> None: ...


def dry_run(func: Callable[[int], None]) -> Callable[[int], None]:
    @functools.wraps(func)
    def pretend(amount: int) -> None: ...

    return pretend


class Charge(Task):
    name = "charge"

    @override
    def run(self, *args: Any, **kwargs: Any) -> None: ...


async def refused(app: Celery, func: Any, *parts: str) -> None:
    with pytest.raises(LookupError) as caught:
        await send(app, func, 1)
    for part in parts:
        assert part in str(caught.value)


async def test_function_is_sent_and_not_what_was_made_of_it(
    app: Celery, files: Broker
) -> None:
    pretended = dry_run(charge)
    # The one that wraps it comes first.
    app.task(pretended, name="charge.dry_run", shared=False)
    app.task(charge, name="charge", shared=False)

    await send(app, charge, 1)
    assert sent(files) == ["charge"]

    await send(app, pretended, 1)
    assert sent(files) == ["charge", "charge.dry_run"]


async def test_function_of_which_only_a_wrapper_is_registered_is_refused(
    app: Celery, files: Broker
) -> None:
    app.task(dry_run(charge), name="charge.dry_run", shared=False)

    await refused(app, charge, ".charge, which wraps it, is, as charge.dry_run: add")

    assert sent(files) == []


async def test_function_of_several_tasks_is_refused_and_each_task_is_sent(
    app: Celery, files: Broker
) -> None:
    nightly = app.task(charge, name="charge.nightly", shared=False)
    urgent = app.task(charge, name="charge.urgent", shared=False)

    await refused(app, charge, "charge.nightly and charge.urgent", "app.tasks[")
    assert sent(files) == []

    await send(app, urgent, 1)
    assert sent(files) == ["charge.urgent"]

    await send(app, nightly, 1)
    assert sent(files) == ["charge.nightly", "charge.urgent"]


async def test_task_of_two_names_is_one_task(app: Celery, files: Broker) -> None:
    task: Any = app.task(charge, name="charge", shared=False)
    app.tasks["alias"] = app.tasks[task.name]

    await send(app, charge, 1)

    assert sent(files) == ["charge"]


async def test_task_of_another_application_is_refused_if_this_has_another_function(
    app: Celery, files: Broker
) -> None:
    other = Celery("other", set_as_current=False)
    theirs = other.task(charge, name="charge", shared=False)
    app.task(other_charge, name="charge", shared=False)

    await refused(
        app, theirs, "charge is not registered", "different task of that name"
    )

    assert sent(files) == []


async def test_task_that_both_applications_have_is_sent_by_this_one(
    app: Celery, files: Broker
) -> None:
    other = Celery("other", set_as_current=False)
    theirs = other.task(charge, name="charge", shared=False)
    app.task(charge, name="charge", shared=False)

    await send(app, theirs, 1)

    assert sent(files) == ["charge"]


SCRIPT = """
import sys
import anyio
import celery
from bgtasks import BackgroundTask
from bgtasks.celery import celery_runner
from tests.integrations.engines.celery_app import options_of

@celery.shared_task
def stamp(letter: int) -> None: ...

app = celery.Celery("shop")
app.conf.update(options_of(sys.argv[1]))
send = celery_runner(celery.current_app)  # the one that is current here

async def main() -> None:
    await send(BackgroundTask(stamp, 1))
    await send(BackgroundTask(stamp.run, 2))

anyio.run(main)
"""


async def test_shared_task_of_a_script_is_sent_by_the_name_of_the_application(
    folder: Path, files: Broker
) -> None:
    script = folder / "script.py"
    script.write_text(SCRIPT)
    path = {**os.environ, "PYTHONPATH": str(ROOT)}

    # In the runner's thread another application is current, in which __main__ has
    # another name.
    await anyio.run_process([sys.executable, script, files.address], env=path)

    assert sent(files) == ["shop.stamp", "shop.stamp"]


@pytest.mark.parametrize("asked", ["proxy", "function"])
async def test_name_that_two_functions_have_is_refused(
    asked: str, app: Celery, files: Broker
) -> None:
    mine = app.task(charge, name="charge", shared=False)
    other = app.task(other_charge, name="charge", shared=False)
    with pytest.warns(DuplicateTaskNameWarning):
        app.finalize()

    if asked == "proxy":
        await refused(app, other, "two functions were registered as charge")
        await refused(app, mine, "two functions were registered as charge")
    else:
        await refused(app, charge, "two functions were registered as charge")
        await refused(app, other_charge, "other_charge is not registered")

    assert sent(files) == []


async def test_task_that_another_application_took_over_is_refused(
    app: Celery, files: Broker
) -> None:
    task = Charge()
    app.register_task(task)
    await send(app, task, 1)
    Celery("other", set_as_current=False).register_task(task)

    await refused(app, task, "and later with 'other', which would send it")

    assert sent(files) == ["charge"]


async def test_task_that_is_registered_or_replaced_later_is_found(
    app: Celery, files: Broker
) -> None:
    runner = celery_runner(app)
    await runner(BackgroundTask(jobs.count, 1))

    app.task(charge, name="charge", shared=False)
    await runner(BackgroundTask(charge, 1))
    app.tasks.unregister("charge")
    with pytest.raises(LookupError):
        await runner(BackgroundTask(charge, 1))
    app.task(other_charge, name="charge", shared=False)
    await runner(BackgroundTask(other_charge, 1))

    assert sent(files) == ["charge", "charge", "tests.integrations.engines.jobs.count"]


async def test_task_whose_name_was_changed_is_refused(
    app: Celery, files: Broker
) -> None:
    app.task(charge, name="charge", shared=False)
    app.task(other_charge, name="other", shared=False)
    app.tasks["charge"].name = "other"

    await refused(app, charge, "has the name other, but was registered")

    assert sent(files) == []


async def test_task_made_by_other_means_than_celerys_decorator_is_found(
    app: Celery, files: Broker
) -> None:
    body = staticmethod(charge)
    made = type("charge", (Task,), {"name": "c", "run": body, "__wrapped__": body})
    app.register_task(made())

    await send(app, charge, 1)

    assert sent(files) == ["c"]


class Later:
    def charge(self, amount: int) -> None: ...


async def test_method_of_the_very_object_that_was_registered_is_sent(
    app: Celery, files: Broker
) -> None:
    later = Later()
    # Celery's own check of arguments would ask for `self` as well.
    app.task(later.charge, name="later", typing=False, shared=False)

    await send(app, later.charge, 1)
    await refused(app, Later().charge, "Later.charge is not registered")

    assert sent(files) == ["later"]


def above(task: Callable[..., object]) -> Callable[..., object]:
    @functools.wraps(task)
    def wrapper(*args: object) -> object:
        return task(*args)

    return wrapper


chain: Any = celery.chain
LIKE: list[tuple[Callable[[Any], Any], str]] = [
    (lambda task: task.delay, "is a method of the Celery task charge: write"),
    (lambda task: task.apply_async, "write add_task(task, ...)"),
    (above, "what it wraps is, the task charge: no worker would call the wrapper"),
    (lambda task: above(above(task)), "Write its decorator below @app.task"),
    (lambda _: above(charge), "what it wraps is, the task charge: no worker would"),
    (lambda task: task.s(1), "is a Celery signature or a method of one, which"),
    (
        lambda task: chain(task.s(1), task.s()),
        "write add_task(chain.delay) without a runner",
    ),
    (lambda task: task.s(1).delay, "celery.canvas.Signature.delay is a Celery sig"),
    (lambda task: functools.partial(task, 1), "a partial of "),
    (lambda _: functools.partial(charge), "add_task(send_email, ...) with all"),
    (lambda _: Charge, "is the class of a Celery task: write"),
    (lambda _: Charge(), "charge is not registered with the Celery app 'tests'"),
    (lambda task: proxy(task.app.tasks["charge"]), "is not registered with the"),
]


@pytest.mark.parametrize(("make", "part"), LIKE, ids=[part for _, part in LIKE])
async def test_what_is_only_like_the_task_is_refused_with_the_reason(
    make: Callable[[Any], Any], part: str, app: Celery, files: Broker
) -> None:
    task: Any = app.task(charge, name="charge", shared=False)
    assert task.name == "charge"  # it is made

    await refused(app, make(task), part)

    assert sent(files) == []


async def test_chain_is_sent_as_the_message_says(app: Celery, files: Broker) -> None:
    task: Any = app.task(charge, name="charge", shared=False)

    await BackgroundTasks([chain(task.si(1), task.si(2)).delay])()

    (message,) = [json.loads(path.read_text()) for path in files.messages.iterdir()]
    _args, _kwargs, embedded = json.loads(b64decode(message["body"]))
    assert message["headers"]["task"] == "charge"
    assert [each["args"] for each in embedded["chain"]] == [[2]]


async def test_function_to_which_celery_gives_the_task_is_refused_with_the_reason(
    app: Celery, files: Broker
) -> None:
    def stamp(self: Any, letter: int) -> None: ...

    task: Any = app.task(stamp, bind=True, name="stamp", shared=False)

    await refused(app, stamp, "as stamp, with bind=True", "add the task")
    await refused(app, task.run, "is a method of the Celery task stamp")
    assert sent(files) == []


async def test_function_of_a_script_is_sent_by_the_name_of_the_application(
    app: Celery, files: Broker
) -> None:
    def stamp(letter: int) -> None: ...

    stamp.__module__ = "__main__"
    app.task(stamp, shared=False)

    await send(app, stamp, 1)

    assert sent(files) == ["tests.stamp"]


async def test_functions_of_one_module_under_two_names_are_two_tasks(
    app: Celery, files: Broker
) -> None:
    modules = [importlib.util.module_from_spec(JOBS) for _ in range(2)]
    for module, name in zip(modules, ["shop.jobs", "jobs"], strict=True):
        module.__name__ = name
        exec(inspect.getsource(jobs), vars(module))  # noqa: S102
        app.task(module.count, shared=False)

    await send(app, modules[1].count, 1)
    assert sent(files) == ["jobs.count"]

    await send(app, modules[0].count, 1)
    assert sent(files) == ["jobs.count", "shop.jobs.count"]


# The runner


@pytest.mark.parametrize(
    ("options", "names"),
    [({"quue": "mails"}, "quue"), ({"task_id": "1", "args": 1}, "args, task_id")],
)
def test_option_that_celery_does_not_have_is_refused_when_the_runner_is_made(
    options: Any, names: str, files: Broker
) -> None:
    with pytest.raises(TypeError) as caught:
        celery_runner(make_app(files.address), **options)

    message = str(caught.value)
    assert message.startswith(f"celery_runner() has no option {names}: write one of ")
    assert " of add_to_parent, argsrepr, compression, " in message


def test_options_are_those_of_celery() -> None:
    named: set[str] = set()
    for takes in [
        Task.apply_async,
        Celery.send_task,
        AMQP.as_task_v2,
        AMQP(make_app("redis://")).send_task_message,
        Producer.publish,
    ]:
        named |= {
            name
            for name, parameter in inspect.signature(takes).parameters.items()
            if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        }
    named |= {"add_to_parent", "ignore_result"}

    assert SendOptions.__optional_keys__ <= named
    assert named - SendOptions.__optional_keys__ == {
        # The call itself, and what belongs to one call alone.
        *("self", "name", "args", "kwargs", "body", "message", "task_id", "task_type"),
        *("group_id", "group_index", "chord", "chain", "root_id", "parent_id"),
        *("retries", "replaced_task_nesting", "callbacks", "errbacks", "origin"),
        *("route_name", "stamped_headers", "result_cls", "now", "timezone"),
        # What a connection is made of; one thread uses it at a time.
        *("producer", "publisher", "connection", "router", "event_dispatcher"),
        "create_sent_event",
        # What Celery gives to kombu.
        *("immediate", "content_type", "content_encoding", "expiration"),
    }


@pytest.mark.parametrize("thing", [None, "redis://", celery, Celery])
def test_what_is_no_application_is_refused_when_the_runner_is_made(thing: Any) -> None:
    with pytest.raises(TypeError, match="needs a Celery application, got"):
        celery_runner(thing)


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

    assert caught.value.__notes__ == [
        "The argument letter cannot be sent as json.",
        "At background task 1 of 1, tests.integrations.engines.jobs.archive.",
    ]
    assert "ada@example.org" not in str(caught.value)
    assert messages(files) == []


async def test_arguments_arrive_as_the_page_says(
    files: Broker, app: Celery, worker: Worker, reports: Reports
) -> None:
    registered: dict[str, Any] = app.tasks
    expected: dict[int, str | None] = {}
    refused: set[int] = set()
    for number, row in enumerate(arrivals.rows()):
        expected[number] = row.arrives(row.celery)
        try:
            await send(app, registered[f"take {number}"], row.value)
        except EncodeError:
            refused.add(number)

    arrived: dict[int, str | None] = dict.fromkeys(refused)
    with worker(files):
        while len(arrived) < len(expected):
            call = await anyio.to_thread.run_sync(reports.next)
            arrived[call.args[0]] = call.args[1]

    assert arrived == expected


async def test_models_of_pydantic_are_sent_to_tasks_that_take_them(
    app: Celery, files: Broker
) -> None:
    def greet(user: arrivals.User, other: object) -> None: ...

    app.task(greet, name="greet", pydantic=True, shared=False)
    user = arrivals.User(name="ada")

    await send(app, greet, user, 1)
    assert sent(files) == ["greet"]

    with pytest.raises(EncodeError) as caught:
        await send(app, greet, user, {1})
    assert caught.value.__notes__[0] == "The argument other cannot be sent as json."


async def test_wrong_arguments_are_refused_before_they_are_sent(
    app: Celery, files: Broker
) -> None:
    with pytest.raises(TypeError, match="missing 1 required keyword"):
        await send(app, jobs.send_email, "ada")

    assert messages(files) == []
