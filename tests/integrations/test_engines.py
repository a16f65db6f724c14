"""The recipes of docs/engines.md, each run as it is shown."""

import anyio
import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker

from bgtasks import BackgroundTasks

from .page import imported

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


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


async def test_function_that_is_no_actor_is_refused() -> None:
    broker = StubBroker()

    with imported("dramatiq_runner") as page:
        tasks = BackgroundTasks([print], runner=page.dramatiq_runner(broker))
        with pytest.raises(LookupError, match=r"^builtins\.print is no actor"):
            await tasks()
