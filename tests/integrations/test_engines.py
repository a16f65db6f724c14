"""The recipes of docs/engines.md, each run as it is shown."""

import anyio
import dramatiq
import pytest
from anyio import Event, fail_after
from dramatiq.brokers.stub import StubBroker
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

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


# In this process


async def test_task_runs_in_a_span_that_has_its_name() -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    current: list[bool] = []

    def resize(_path: str) -> None:
        current.append(trace.get_current_span().is_recording())

    with imported("in_a_span") as page:
        vars(page)["tracer"] = provider.get_tracer("tasks")
        tasks = BackgroundTasks(runner=page.in_a_span)
        tasks.add_task(resize, "portrait.png")
        await tasks()

    assert current == [True]
    (span,) = spans.get_finished_spans()
    assert span.name == f"{__name__}.{resize.__qualname__}"


async def test_task_that_takes_too_long_is_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits: list[float] = []

    async def wait_for_ever() -> None:
        await Event().wait()

    def at_once(delay: float) -> object:
        limits.append(delay)
        return fail_after(0)

    with imported("within_a_minute") as page:
        monkeypatch.setattr(page.anyio, "fail_after", at_once)
        tasks = BackgroundTasks(runner=page.within_a_minute)
        tasks.add_task(wait_for_ever)
        with pytest.raises(TimeoutError) as caught:
            await tasks()

    assert limits == [60]
    (note,) = caught.value.__notes__
    assert note.endswith(".wait_for_ever.")


async def test_task_that_fails_is_run_again() -> None:
    attempts: list[int] = []

    async def send_email(_to: str) -> None:
        attempts.append(len(attempts))
        if len(attempts) < 3:
            raise ConnectionError

    with imported("up_to_three_times") as page:
        tasks = BackgroundTasks(runner=page.up_to_three_times)
        tasks.add_task(send_email, "ada@example.org")
        await tasks()

    assert attempts == [0, 1, 2]
