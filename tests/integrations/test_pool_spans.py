"""A pool and spans of OpenTelemetry: the runner goes inside."""

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bgtasks import BackgroundTask, BackgroundTasks
from bgtasks.opentelemetry import tracing_runner
from bgtasks.pool import TaskPool

pytestmark = pytest.mark.anyio


async def fail() -> None:
    raise LookupError


def ignore(task: BackgroundTask, exc: Exception) -> None: ...


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(spans: InMemorySpanExporter) -> TracerProvider:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return provider


@pytest.mark.parametrize("limit", [None, 1])
async def test_span_in_a_pool_is_that_of_the_task_in_the_trace_of_its_request(
    limit: int | None, provider: TracerProvider, spans: InMemorySpanExporter
) -> None:
    tracer = provider.get_tracer("requests")
    runner = tracing_runner(tracer_provider=provider)
    async with TaskPool(limit=limit, runner=runner, on_error=ignore) as pool:
        for request in ("first", "second"):
            with tracer.start_as_current_span(request):
                tasks = BackgroundTasks(runner=pool)
                tasks.add_task(fail)
                await tasks()

    finished = spans.get_finished_spans()
    requests = {
        span.name: span.context.span_id
        for span in finished
        if span.context is not None and span.parent is None
    }
    in_pool = [span for span in finished if span.parent is not None]
    assert requests.keys() == {"first", "second"}
    assert {span.parent.span_id for span in in_pool if span.parent} == {
        *requests.values()
    }
    for span in in_pool:
        (event,) = span.events
        assert event.attributes is not None
        assert event.attributes["exception.type"] == "LookupError"


async def test_span_around_a_pool_is_that_of_the_hand_over(
    provider: TracerProvider, spans: InMemorySpanExporter
) -> None:
    async with TaskPool(on_error=ignore) as pool:
        tasks = BackgroundTasks(runner=tracing_runner(pool, tracer_provider=provider))
        tasks.add_task(fail)
        await tasks()
        (span,) = spans.get_finished_spans()

    assert span.events == ()
