"""The recipes of docs/engines.md, each run as it is shown."""

from pathlib import Path

import anyio
import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker
from httpx import AsyncClient

from bgtasks import BackgroundTask, BackgroundTasks

from .page import imported, snippet
from .processes import RedisServer, free_port, running

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


# The move


@pytest.mark.parametrize(
    ("name", "worker"),
    [
        ("upload", ["celery", "-A", "main:celery", "worker", "--concurrency=1"]),
        ("add_picture", ["taskiq", "worker", "main:broker", "--workers=1"]),
    ],
    ids=["celery", "taskiq"],
)
async def test_application_of_the_page_has_its_tasks_done_by_a_worker(
    name: str, worker: list[str], folder: Path, redis: RedisServer
) -> None:
    main = snippet(name).replace("redis://127.0.0.1:6379/0", redis.url)
    assert redis.url in main
    # What stands for its work: a file, beside main.py.
    body = "(Path(__file__).parent / path).write_text(f'{width}, in {os.getpid()}')"
    main = main.replace("-> None: ...", f"-> None:\n    {body}", 1)
    (folder / "main.py").write_text(f"import os\nfrom pathlib import Path\n{main}")
    port = free_port()
    path = {"PYTHONPATH": str(folder)}
    log = folder / "server.log"

    with (
        running(
            *("uvicorn", "main:app", "--port", f"{port}"),
            log=log,
            environment=path,
            until="startup complete",
        ) as server,
        running(*worker, log=folder / "worker.log", environment=path),
    ):
        async with AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            response = await client.post("/pictures/portrait.png")
        assert response.status_code == 202
        with anyio.fail_after(45):
            while not (folder / "portrait.png").exists():
                await anyio.sleep(0.05)
        written = (folder / "portrait.png").read_text()

    assert written.startswith("800, in ")
    assert written != f"800, in {server.pid}"


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
