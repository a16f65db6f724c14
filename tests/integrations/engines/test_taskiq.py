"""taskiq: calls sent to real workers, over ZeroMQ and over Redis."""

import os
import socket
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager
from functools import partial, wraps
from pathlib import Path
from subprocess import Popen
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from taskiq import (
    AsyncBroker,
    InMemoryBroker,
    SendTaskError,
    ZeroMQBroker,
    async_shared_broker,
)
from taskiq.message import BrokerMessage
from typing_extensions import override

from bgtasks import BackgroundTask, BackgroundTasks
from bgtasks.taskiq import taskiq_runner
from tests.integrations.page import imported
from tests.integrations.processes import Call, RedisServer, Reports, kill_group, running

from . import arrivals
from . import taskiq_app as jobs
from .taskiq_app import BROKER, make_broker
from .unregistered import UNREGISTERED

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Outbox(InMemoryBroker):
    """A broker that keeps what is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[BrokerMessage] = []

    @override
    async def kick(self, message: BrokerMessage) -> None:
        self.sent.append(message)


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@asynccontextmanager
async def started(broker: AsyncBroker) -> AsyncGenerator[AsyncBroker]:
    await broker.startup()
    try:
        yield broker
    finally:
        await broker.shutdown()
        if isinstance(broker, ZeroMQBroker):  # whose shutdown leaves these open
            broker.socket.close()
            broker.context.term()


Worker = Callable[[str], AbstractContextManager[Popen[bytes]]]


@pytest.fixture
def worker(folder: Path) -> Worker:
    def run(address: str) -> AbstractContextManager[Popen[bytes]]:
        return running(
            *("taskiq", "worker", "tests.integrations.engines.taskiq_app:broker"),
            *("--workers", "1"),
            log=folder / "worker.log",
            environment={BROKER: address},
        )

    return run


@pytest.fixture(params=["zeromq", "list", "stream"])
def address(
    request: pytest.FixtureRequest, free_tcp_port_factory: Callable[[], int]
) -> str:
    if request.param == "zeromq":
        return f"zeromq+tcp://127.0.0.1:{free_tcp_port_factory()}"
    redis: RedisServer = request.getfixturevalue("redis")
    return f"{request.param}+{redis.url}"


async def send(broker: AsyncBroker, func: Callable[..., object], /, *args: Any) -> None:
    """Send one call, which nobody has checked."""
    await BackgroundTasks([BackgroundTask(func, *args)], runner=taskiq_runner(broker))()


async def worker_is_ready(broker: AsyncBroker, reports: Reports) -> None:
    """Send calls until one arrives: ZeroMQ drops what nobody listens to yet."""
    with anyio.fail_after(60):
        while reports.calls.empty():
            await send(broker, jobs.count, -1)
            await anyio.sleep(0.1)


# Calls arrive


@pytest.mark.parametrize("as_group", [False, True], ids=["single", "group"])
async def test_call_arrives_once_in_another_process_with_equal_arguments(
    *, as_group: bool, address: str, worker: Worker, reports: Reports
) -> None:
    async with started(make_broker(address)) as broker:
        tasks = BackgroundTasks(as_group=as_group, runner=taskiq_runner(broker))
        tasks.add_task(jobs.send_email, "ada", ["alan"], subject="Hi", urgent=True)
        tasks.add_task(jobs.send_email, "eve", subject="Ho")
        resize = broker.find_task("resize")
        assert resize
        tasks.add_task(resize, "a.png", width=3)
        with worker(address):
            await worker_is_ready(broker, reports)
            await tasks()
            calls: list[Call] = []
            # A worker makes calls at once: one may be later than those that follow it.
            while sum(call.name != "count" for call in calls) < 3:
                calls.append(await anyio.to_thread.run_sync(reports.next))
            while calls[-1].args != [-2]:
                await send(broker, jobs.count, -2)
                calls.append(await anyio.to_thread.run_sync(reports.next))

    arrived = [call for call in calls if call.name != "count"]
    assert sorted(call[:3] for call in arrived) == [
        ("resize", ["a.png", 3], {}),
        ("send_email", ["ada", ["alan"]], {"subject": "Hi", "urgent": True}),
        ("send_email", ["eve", []], {"subject": "Ho", "urgent": False}),
    ]
    assert os.getpid() not in {call.pid for call in calls}


async def test_redis_stream_gives_the_task_of_a_killed_worker_to_another(
    redis: RedisServer, worker: Worker, reports: Reports
) -> None:
    address = f"stream+{redis.url}"
    reports.hold("print_page")
    async with started(make_broker(address)) as broker:
        await send(broker, jobs.print_page, "page 1")
        with worker(address) as process:
            first = await anyio.to_thread.run_sync(reports.next)
            kill_group(process)
        with worker(address):
            again = await next_print(broker, reports)

    assert again.args == first.args == ["page 1"]
    assert again.pid != first.pid


async def next_print(broker: AsyncBroker, reports: Reports) -> Call:
    """Wait for it. A worker looks for such messages only after it has got another one,
    and Redis may give that to the connection of the dead worker."""
    with anyio.fail_after(60):
        while True:
            await send(broker, jobs.count, 1)
            await anyio.sleep(0.1)
            while not reports.calls.empty():
                call = reports.next()
                if call.name == "print_page":
                    return call


async def test_redis_list_loses_the_task_of_a_killed_worker(
    redis: RedisServer, worker: Worker, reports: Reports
) -> None:
    address = f"list+{redis.url}"
    reports.hold("print_page")
    async with started(make_broker(address)) as broker:
        await send(broker, jobs.print_page, "page 1")
        with worker(address) as process:
            first = await anyio.to_thread.run_sync(reports.next)
            kill_group(process)
        with worker(address):
            # Again and again: Redis may give one to the connection of the dead worker.
            await worker_is_ready(broker, reports)
            following = reports.next()

    assert (first.name, following.name) == ("print_page", "count")


@pytest.mark.parametrize("as_group", [False, True], ids=["single", "group"])
async def test_fallback_loses_none_of_200_tasks_when_the_broker_stops_half_way(
    *, as_group: bool, redis: RedisServer, worker: Worker, reports: Reports
) -> None:
    address = f"list+{redis.url}"
    sent = 0
    stopped = anyio.Event()
    few = anyio.Semaphore(10)  # or a group has sent all before the broker has stopped

    async with started(make_broker(address)) as broker:
        send = taskiq_runner(broker)

        async def deliver(task: BackgroundTask) -> None:
            nonlocal sent
            if sent >= 100:
                await stopped.wait()
            await send(task)
            sent += 1
            if sent == 100:
                await anyio.to_thread.run_sync(redis.stop)
                stopped.set()

        with imported("deliver_or_run_here") as page:
            vars(page)["deliver"] = deliver

        async def few_at_once(task: BackgroundTask) -> None:
            async with few:
                await page.deliver_or_run_here(task)

        tasks = BackgroundTasks(as_group=as_group, runner=few_at_once)
        for number in range(200):
            tasks.add_task(jobs.count, number)
        await tasks()

    here = [reports.next() for _ in range(reports.calls.qsize())]
    redis.start()
    with worker(address):
        there = [await anyio.to_thread.run_sync(reports.next) for _ in range(sent)]

    assert {call.pid for call in here} == {os.getpid()}
    assert os.getpid() not in {call.pid for call in there}
    times = Counter(call.args[0] for call in [*here, *there])
    assert times.keys() == {*range(200)}
    assert sent >= 100
    if not as_group:
        assert set(times.values()) == {1}
        assert sent == 100


# Sending


@pytest.fixture
def silent_broker() -> Iterator[str]:
    """Give the address of a server that accepts connections, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"list+redis://127.0.0.1:{server.getsockname()[1]}/0"


async def test_event_loop_goes_on_while_a_slow_broker_is_waited_for(
    silent_broker: str,
) -> None:
    gaps: list[float] = []

    async def tick() -> None:
        while True:
            before = time.monotonic()
            await anyio.sleep(0.01)
            gaps.append(time.monotonic() - before)

    begin = end = time.monotonic()
    async with (
        started(make_broker(silent_broker, socket_timeout=0.6)) as broker,
        anyio.create_task_group() as group,
    ):
        group.start_soon(tick)
        with pytest.raises(SendTaskError):
            await taskiq_runner(broker)(BackgroundTask(jobs.count, 1))
        end = time.monotonic()
        group.cancel_scope.cancel()

    assert end - begin > 0.6
    assert max(gaps) < (end - begin) / 2


async def test_without_on_error_the_caller_hears_that_the_broker_is_down() -> None:
    async with started(make_broker("list+redis://127.0.0.1:1/0")) as broker:
        tasks = BackgroundTasks(runner=taskiq_runner(broker))
        tasks.add_task(jobs.archive, "secret")
        tasks.add_task(jobs.count, 1)

        with pytest.raises(SendTaskError) as caught:
            await tasks()

    assert isinstance(caught.value.__cause__, RedisConnectionError)
    assert caught.value.__notes__ == [
        "At background task 1 of 2, tests.integrations.engines.taskiq_app.archive.",
        "Not run: tests.integrations.engines.taskiq_app.count.",
    ]


@pytest.mark.parametrize("as_group", [False, True], ids=["single", "group"])
async def test_on_error_hears_of_each_task_that_was_not_sent(*, as_group: bool) -> None:
    heard: list[tuple[object, type[Exception]]] = []
    async with started(make_broker("list+redis://127.0.0.1:1/0")) as broker:
        tasks = BackgroundTasks(
            as_group=as_group,
            on_error=lambda task, exc: heard.append((task.args[0], type(exc))),
            runner=taskiq_runner(broker),
        )
        tasks.add_task(jobs.count, 1)
        tasks.add_task(jobs.count, 2)

        await tasks()

    assert sorted(heard, key=str) == [(1, SendTaskError), (2, SendTaskError)]


async def test_labels_are_added_to_those_of_the_registration(outbox: Outbox) -> None:
    def stamp(letter: int) -> None: ...

    outbox.register_task(stamp, priority=1, colour="red")
    tasks = BackgroundTasks(runner=taskiq_runner(outbox, priority=2))
    tasks.add_task(stamp, 1)
    await tasks()
    await send(outbox, stamp, 1)

    assert [message.labels for message in outbox.sent] == [
        {"priority": "2", "colour": "red"},
        {"priority": "1", "colour": "red"},
    ]


async def test_shared_task_is_sent_and_keeps_its_own_labels(outbox: Outbox) -> None:
    def stamp(letter: int) -> None: ...

    shared = async_shared_broker.register_task(stamp, task_name="shared", colour="red")
    try:
        tasks = BackgroundTasks(runner=taskiq_runner(outbox, colour="blue"))
        tasks.add_task(stamp, 1)
        tasks.add_task(shared, 1)
        await tasks()
    finally:
        del async_shared_broker.global_task_registry["shared"]

    assert [message.labels["colour"] for message in outbox.sent] == ["blue", "blue"]
    assert shared.labels == {"colour": "red"}


@pytest.mark.parametrize("await_inplace", [False, True])
async def test_broker_in_memory_hides_failures(*, await_inplace: bool) -> None:
    ended: list[int] = []

    async def fail() -> None:
        await anyio.lowlevel.checkpoint()
        ended.append(1)
        raise ValueError

    broker = InMemoryBroker(await_inplace=await_inplace)
    broker.register_task(fail)

    await send(broker, fail)  # is silent

    assert bool(ended) is await_inplace
    await broker.wait_all()
    assert ended == [1]


# How a function's task is found


@pytest.mark.parametrize(("func", "name"), UNREGISTERED)
async def test_function_that_the_broker_does_not_know_is_refused(
    func: Callable[..., object], name: str, outbox: Outbox
) -> None:
    with pytest.raises(LookupError) as caught:
        await send(outbox, func, "ada")

    message = str(caught.value)
    assert name in message
    assert "is not registered with the Outbox: write broker.register_task(" in message
    assert outbox.sent == []


# Exactly the task that was asked for


def report(day: int) -> None: ...


def other_report(day: int) -> None: ...


def logged(func: Callable[..., object]) -> Callable[..., object]:
    @wraps(func)
    def wrapper(*args: object) -> object:
        return func(*args)

    return wrapper


def sent(outbox: Outbox) -> list[tuple[str, dict[str, Any]]]:
    return [(message.task_name, message.labels) for message in outbox.sent]


async def refused(broker: Outbox, func: Any, *parts: str) -> None:
    before = [*broker.sent]
    with pytest.raises(LookupError) as caught:
        await send(broker, func, 1)
    for part in parts:
        assert part in str(caught.value)
    assert broker.sent == before


async def test_each_of_several_tasks_of_a_function_is_sent_as_itself(
    outbox: Outbox,
) -> None:
    nightly = outbox.register_task(report, "report.nightly", queue_name="slow")
    urgent = outbox.register_task(report, "report.urgent", queue_name="fast")

    await send(outbox, urgent, 1)
    await send(outbox, nightly, 1)

    assert sent(outbox) == [
        ("report.urgent", {"queue_name": "fast"}),
        ("report.nightly", {"queue_name": "slow"}),
    ]
    await refused(
        outbox, report, "report.nightly and report.urgent: add the task that you mean"
    )


async def test_function_keeps_its_name_in_reports_where_taskiq_renames_it(
    outbox: Outbox,
) -> None:
    def stamp(letter: int) -> None: ...

    before = BackgroundTask(stamp, 1).name
    assert before.endswith(".stamp")

    task = outbox.register_task(stamp, "stamp")
    again = outbox.register_task(stamp, "stamp again")

    assert stamp.__name__ == "stamp__taskiq_original__taskiq_original"
    for func in (stamp, task, again):
        assert BackgroundTask(func, 1).name == before


async def test_worker_runs_the_one_of_several_tasks_that_was_added(
    redis: RedisServer, worker: Worker, reports: Reports
) -> None:
    address = f"list+{redis.url}"
    async with started(make_broker(address)) as broker:
        tasks = BackgroundTasks(runner=taskiq_runner(broker))
        for name in ("report.urgent", "report.nightly", "report.urgent"):
            task = broker.find_task(name)
            assert task
            tasks.add_task(task, 1)
        await tasks()
        with worker(address):
            calls = [await anyio.to_thread.run_sync(reports.next) for _ in range(3)]

    assert sorted(call.name for call in calls) == [
        "report.nightly",
        "report.urgent",
        "report.urgent",
    ]


async def test_task_of_another_broker_is_refused(outbox: Outbox) -> None:
    task = Outbox().register_task(report, "report")
    await refused(outbox, task, "which does not have it: write taskiq_runner() with")

    # Not even if this one has the function, by the same name: its labels may differ.
    outbox.register_task(report, "report", queue_name="slow")
    await refused(outbox, task, "which has another of that name")


async def test_task_whose_name_another_function_took_is_refused(outbox: Outbox) -> None:
    first = outbox.register_task(report, "report")
    second = outbox.register_task(other_report, "report")

    await refused(outbox, first, "the taskiq task report is not registered")
    await refused(outbox, report, "is not registered with the Outbox")

    await send(outbox, second, 1)
    await send(outbox, other_report, 1)
    assert sent(outbox) == [("report", {})] * 2


async def test_task_whose_name_was_changed_is_refused(outbox: Outbox) -> None:
    task = outbox.register_task(report, "report")
    outbox.register_task(other_report, "other")
    task.task_name = "other"

    await refused(outbox, report, "is not registered with the Outbox")
    await refused(outbox, task, "has another of that name")


async def test_shared_task_whose_name_the_broker_has_itself_is_refused(
    outbox: Outbox,
) -> None:
    shared = async_shared_broker.register_task(report, task_name="report")
    try:
        await send(outbox, shared, 1)
        await send(outbox, report, 1)
        outbox.register_task(other_report, "report")

        await refused(outbox, shared, "has another of that name")
        await refused(outbox, report, "is not registered with the Outbox")
    finally:
        del async_shared_broker.global_task_registry["report"]

    assert sent(outbox) == [("report", {})] * 2


async def test_task_that_is_registered_or_replaced_later_is_found(
    outbox: Outbox,
) -> None:
    runner = taskiq_runner(outbox)
    outbox.register_task(other_report, "other")
    await runner(BackgroundTask(other_report, 1))

    outbox.register_task(report, "report")
    await runner(BackgroundTask(report, 1))
    del outbox.local_task_registry["report"]
    with pytest.raises(LookupError):
        await runner(BackgroundTask(report, 1))
    outbox.register_task(report, "other")
    await runner(BackgroundTask(report, 1))
    with pytest.raises(LookupError):
        await runner(BackgroundTask(other_report, 1))

    assert [name for name, _ in sent(outbox)] == ["other", "report", "other"]


LIKE: list[tuple[Callable[[Any], Any], str]] = [
    (lambda task: task.kiq, "is a method of the taskiq task report: write"),
    (logged, "what it wraps is, the task report: no worker would call the wrapper"),
    (lambda task: partial(task, 1), "a partial of "),
    (lambda _: partial(report), "add_task(send_email, ...) with all its arguments"),
    (lambda _: logged(report), "what it wraps is, the task report: no worker would"),
    (lambda _: logged(other_report), "is not registered with the Outbox: write"),
]


@pytest.mark.parametrize(("make", "part"), LIKE, ids=[part for _, part in LIKE])
async def test_what_is_only_like_the_task_is_refused_with_the_reason(
    make: Callable[[Any], Any], part: str, outbox: Outbox
) -> None:
    await refused(outbox, make(outbox.register_task(report, "report")), part)


async def test_function_of_which_only_a_wrapper_is_registered_is_refused(
    outbox: Outbox,
) -> None:
    outbox.register_task(logged(report), "report.logged")

    await refused(outbox, report, "which wraps it, is, as report.logged: add that")


async def test_generator_function_is_refused_since_no_worker_would_iterate_over_it(
    outbox: Outbox,
) -> None:
    def pages(book: str) -> Iterator[str]:
        yield book

    with pytest.raises(TypeError, match=r"^pages is a generator function"):
        await send(outbox, outbox.register_task(pages, "pages"), "a")

    assert outbox.sent == []


# The runner


@pytest.mark.parametrize("value", [["mail"], None, {"a": 1}], ids=type)
def test_label_that_would_be_sent_as_its_text_is_refused_when_the_runner_is_made(
    value: Any, outbox: Outbox
) -> None:
    with pytest.raises(
        TypeError, match=r"^the label tags must be a str, an int, a flo"
    ):
        taskiq_runner(outbox, tags=value)


@pytest.mark.parametrize("thing", [None, "redis://", Outbox])
def test_what_is_no_broker_is_refused_when_the_runner_is_made(thing: Any) -> None:
    with pytest.raises(TypeError, match="needs a broker of taskiq, got"):
        taskiq_runner(thing)


# Arguments


async def test_arguments_arrive_as_the_page_says(
    redis: RedisServer, worker: Worker, reports: Reports
) -> None:
    address = f"list+{redis.url}"
    expected: dict[str, dict[int, str | None]] = {"typed": {}, "untyped": {}}
    arrived: dict[str, dict[int, str | None]] = {"typed": {}, "untyped": {}}
    async with started(make_broker(address)) as broker:
        with worker(address):
            for number, row in enumerate(arrivals.rows()):
                for kind, cell in (("typed", row.taskiq), ("untyped", row.untyped)):
                    expected[kind][number] = row.arrives(cell)
                    task = broker.find_task(f"{kind} {number}")
                    assert task
                    try:
                        await send(broker, task, row.value)
                    except SendTaskError:
                        arrived[kind][number] = None
                    else:
                        call = await anyio.to_thread.run_sync(reports.next)
                        assert call.args[0] == number
                        arrived[kind][number] = call.args[1]

    assert arrived == expected


async def test_error_of_the_serializer_is_noted_with_the_task_but_no_value(
    outbox: Outbox,
) -> None:
    class Letter:
        @override
        def __repr__(self) -> str:
            return "Letter to ada@example.org"

    def archive(letter: object) -> None: ...

    archive_is_called = BackgroundTask(archive, 1).name
    outbox.register_task(archive)
    tasks = BackgroundTasks(runner=taskiq_runner(outbox))
    tasks.add_task(archive, Letter())

    with pytest.raises(SendTaskError) as caught:
        await tasks()

    reason, note = caught.value.__notes__
    assert reason == "The argument letter cannot be sent."
    assert note == f"At background task 1 of 1, {archive_is_called}."
    assert "ada@example.org" not in f"{caught.value} {caught.value.__cause__} {note}"
    assert outbox.sent == []
