"""The recipes of docs/engines.md, each run as it is shown."""

from collections.abc import Callable
from pathlib import Path

import anyio
import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker

from bgtasks import BackgroundTask, BackgroundTasks
from tests.integrations.page import imported
from tests.integrations.processes import RedisServer, running, wait_for
from tests.project import ROOT
from tests.reader import answer, programs_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


PROGRAMS = list(programs_of(ROOT / "docs" / "engines.md"))


# The move


@pytest.mark.parametrize("name", ["upload", "add_picture"], ids=["celery", "taskiq"])
def test_application_of_the_page_has_its_tasks_done_by_a_worker(
    name: str,
    folder: Path,
    redis: RedisServer,
    free_tcp_port_factory: Callable[[], int],
) -> None:
    (program,) = (each for each in PROGRAMS if f"def {name}(" in each.text)
    main = program.text.replace("redis://127.0.0.1:6379/0", redis.url)
    assert redis.url in main
    (folder / program.file).write_text(main)
    _, worker, server, request = program.commands
    (printed,) = program.lines_printed
    port = free_tcp_port_factory()
    path = {"PYTHONPATH": str(folder)}
    log = folder / "worker.log"

    with (
        running(
            *(*server.words, "--port", f"{port}"),
            log=folder / "server.log",
            environment=path,
            until="running on",
        ),
        running(*worker.words, log=log, environment=path) as process,
    ):
        assert answer(request.words, port) == request.shown.strip()
        wait_for(printed, log, process)

    assert printed not in (folder / "server.log").read_text()


# dramatiq


async def test_dramatiq_worker_makes_the_call() -> None:
    broker = StubBroker()
    calls: list[tuple[str, int]] = []

    def resize(path: str, width: int) -> None:
        calls.append((path, width))

    actor = dramatiq.actor(broker=broker)(resize)
    with imported("dramatiq_runner") as page:
        tasks = BackgroundTasks(runner=page.dramatiq_runner(broker))
        tasks.add_task(resize, "portrait.png", width=800)
        tasks.add_task(actor, "portrait.png", 400)
        await tasks()

    assert calls == []
    worker = dramatiq.Worker(broker, worker_threads=1, worker_timeout=10)
    worker.start()
    try:
        await anyio.to_thread.run_sync(lambda: broker.join("default", timeout=10_000))
        worker.join()
    finally:
        worker.stop()
    assert sorted(calls) == [("portrait.png", 400), ("portrait.png", 800)]


async def test_function_of_two_actors_is_refused_and_each_actor_is_sent() -> None:
    broker = StubBroker()

    def resize(path: str) -> None: ...

    fast = dramatiq.actor(broker=broker, actor_name="fast", queue_name="fast")(resize)
    dramatiq.actor(broker=broker, actor_name="slow", queue_name="slow")(resize)

    with imported("dramatiq_runner") as page:
        run = page.dramatiq_runner(broker)
        await BackgroundTasks([BackgroundTask(fast, "a.png")], runner=run)()
        with pytest.raises(LookupError, match="is not one actor of the broker, but 2"):
            await BackgroundTasks([BackgroundTask(resize, "a.png")], runner=run)()

    assert broker.queues["fast"].qsize() == 1
    assert broker.queues["slow"].qsize() == 0


async def test_function_that_is_no_actor_is_refused() -> None:
    broker = StubBroker()

    with imported("dramatiq_runner") as page:
        tasks = BackgroundTasks([print], runner=page.dramatiq_runner(broker))
        with pytest.raises(
            LookupError, match=r"^builtins\.print is not one actor of the broker, but 0"
        ):
            await tasks()
