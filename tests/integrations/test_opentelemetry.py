"""Spans of tasks, by OpenTelemetry's own SDK, beside everybody's instrumentation."""

# Neither Celery nor its instrumentation has types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false

import asyncio
import functools
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier
from typing import Annotated, Any

import anyio
import fastapi
import fastapi.dependencies.utils
import pytest
from anyio import Event, create_task_group, fail_after
from fastapi import Depends, FastAPI, WebSocket
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.starlette import StarletteInstrumentor
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ParentBased,
    Sampler,
    SamplingResult,
)
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.util.types import Attributes
from starlette.applications import Starlette
from starlette.background import BackgroundTask as StarletteTask
from starlette.middleware import Middleware
from starlette.middleware.opentelemetry import OpenTelemetryMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from typing_extensions import override

import bgtasks
from bgtasks import BackgroundTask, BackgroundTasks, starlette
from bgtasks.asgi import BackgroundTasksMiddleware, current_tasks
from bgtasks.celery import celery_runner
from bgtasks.fastapi import background_tasks
from bgtasks.opentelemetry import tracing_runner
from bgtasks.pool import TaskPool

from . import traced_celery
from .engines.celery_app import BROKER
from .processes import Reports, running
from .serving import connect_websocket, get

pytestmark = pytest.mark.anyio


class Spans(SpanProcessor):
    """What a provider has made."""

    def __init__(self, sampler: Sampler | None = None) -> None:
        self.provider = TracerProvider(sampler=sampler)
        self.provider.add_span_processor(self)
        self.tracer = self.provider.get_tracer("test")
        self.runner = tracing_runner(tracer_provider=self.provider)
        self.started: list[Span] = []
        self.ended: list[ReadableSpan] = []

    @override
    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self.started.append(span)

    @override
    def on_end(self, span: ReadableSpan) -> None:
        self.ended.append(span)

    @property
    def of_tasks(self) -> list[ReadableSpan]:
        """Return the spans of background tasks, whoever made them."""
        assert len(self.started) == len(self.ended)
        return [span for span in self.ended if "task" in span.name.lower()]

    @property
    def of_request(self) -> ReadableSpan:
        (request,) = (span for span in self.ended if span.kind is SpanKind.SERVER)
        return request

    def named(self, name: str) -> ReadableSpan:
        (found,) = (span for span in self.ended if span.name == name)
        return found


def is_child(span: ReadableSpan, parent: ReadableSpan) -> bool:
    return (
        span.parent is not None
        and span.parent.span_id == id_of(parent)
        and span.parent.trace_id == trace_of(span) == trace_of(parent)
    )


def id_of(span: ReadableSpan) -> int:
    return context_of(span).span_id


def trace_of(span: ReadableSpan) -> int:
    return context_of(span).trace_id


def context_of(span: ReadableSpan) -> trace.SpanContext:
    context: trace.SpanContext | None = span.context
    assert context is not None
    return context


@pytest.fixture
def spans() -> Spans:
    return Spans()


async def send_email(to: str) -> None: ...


def resize(path: str) -> None: ...


async def fail(to: str) -> None:
    msg = "no route to host"
    raise ConnectionError(msg)


class Mailer:
    def send(self) -> None: ...

    async def send_async(self) -> None: ...

    def __call__(self) -> None: ...


# Beside the instrumentation of FastAPI

NewApp = Callable[[], FastAPI]


@pytest.fixture(params=["opentelemetry", "fastapi"])
def new_app(request: pytest.FixtureRequest, spans: Spans) -> Iterator[NewApp]:
    """Return what makes an application; OpenTelemetry traces it, or FastAPI does."""
    apps: list[FastAPI] = []

    def traced_by_itself() -> FastAPI:
        return FastAPI(telemetry={"tracer_provider": spans.provider})

    def traced_by_opentelemetry() -> FastAPI:
        apps.append(FastAPI())
        FastAPIInstrumentor.instrument_app(
            apps[-1],
            tracer_provider=spans.provider,
            exclude_spans=["receive", "send"],
        )
        return apps[-1]

    yield traced_by_itself if request.param == "fastapi" else traced_by_opentelemetry
    for app in apps:
        FastAPIInstrumentor.uninstrument_app(app)


async def test_each_task_of_fastapi_has_one_span_a_child_of_the_requests(
    spans: Spans, new_app: NewApp
) -> None:
    app = new_app()
    dependency = Depends(background_tasks(runner=spans.runner))

    @app.get("/")
    async def endpoint(
        tasks: Annotated[BackgroundTasks, dependency],
    ) -> None:
        tasks.add_task(send_email, "ada@example.org")
        tasks.add_task(resize, "portrait.png")
        tasks.add_task(resize, "landscape.png")

    await get(app)

    assert [span.name for span in spans.of_tasks] == [
        "BackgroundTask send_email",
        "BackgroundTask resize",
        "BackgroundTask resize",
    ]
    assert all(is_child(span, spans.of_request) for span in spans.of_tasks)


async def test_tasks_of_a_response_of_its_own_have_one_span_each(
    spans: Spans, new_app: NewApp
) -> None:
    app = new_app()

    @app.get("/")
    async def endpoint() -> Response:
        tasks = starlette.BackgroundTasks(runner=spans.runner)
        tasks.add_task(send_email, "ada@example.org")
        tasks.tasks.append(starlette.BackgroundTask(resize, "portrait.png"))
        return Response(background=tasks)

    await get(app)

    assert [span.name for span in spans.of_tasks] == [
        "BackgroundTask send_email",
        "BackgroundTask resize",
    ]
    assert all(is_child(span, spans.of_request) for span in spans.of_tasks)


async def test_fastapis_own_tasks_keep_their_spans_and_their_place(
    spans: Spans, new_app: NewApp
) -> None:
    app = new_app()
    dependency = Depends(background_tasks(runner=spans.runner))
    ran: list[str] = []

    @app.get("/")
    async def endpoint(
        theirs: fastapi.BackgroundTasks, ours: Annotated[BackgroundTasks, dependency]
    ) -> None:
        theirs.add_task(ran.append, "theirs")
        ours.add_task(ran.append, "ours")

    await get(app)

    assert ran == ["ours", "theirs"]
    assert len(spans.of_tasks) == 2
    assert all(is_child(span, spans.of_request) for span in spans.of_tasks)


async def test_a_class_that_replaces_fastapis_own_still_runs_the_tasks(
    spans: Spans, new_app: NewApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    class Replacement(fastapi.BackgroundTasks):
        @override
        async def __call__(self) -> None:
            ran.append("replacement")
            await super().__call__()

    monkeypatch.setattr(fastapi.dependencies.utils, "BackgroundTasks", Replacement)
    app = new_app()
    dependency = Depends(background_tasks(runner=spans.runner))

    @app.get("/")
    async def endpoint(tasks: Annotated[BackgroundTasks, dependency]) -> None:
        tasks.add_task(ran.append, "ours")

    await get(app)

    assert ran == ["replacement", "ours"]
    assert "BackgroundTask append" in [span.name for span in spans.of_tasks]


async def test_two_collections_of_a_request_each_have_spans_for_their_tasks(
    spans: Spans, new_app: NewApp
) -> None:
    app = new_app()
    single = Depends(background_tasks(runner=spans.runner))
    group = Depends(background_tasks(runner=spans.runner, as_group=True))

    @app.get("/")
    async def endpoint(
        one: Annotated[BackgroundTasks, single], all_: Annotated[BackgroundTasks, group]
    ) -> None:
        one.add_task(send_email, "ada@example.org")
        all_.add_task(resize, "portrait.png")

    await get(app)

    assert [span.name for span in spans.of_tasks] == [
        "BackgroundTask send_email",
        "BackgroundTask resize",
    ]
    assert all(is_child(span, spans.of_request) for span in spans.of_tasks)


async def test_tasks_after_a_websocket_are_children_of_its_span(
    spans: Spans, new_app: NewApp
) -> None:
    app = new_app()
    dependency = Depends(background_tasks(runner=spans.runner))

    @app.websocket("/")
    async def endpoint(
        websocket: WebSocket, tasks: Annotated[BackgroundTasks, dependency]
    ) -> None:
        await websocket.accept()
        tasks.add_task(send_email, await websocket.receive_text())
        await websocket.close()

    await connect_websocket(app, "ada@example.org")

    (span,) = spans.of_tasks
    assert is_child(span, spans.of_request)


mailer = Mailer()


@pytest.mark.parametrize(
    "func",
    [
        functools.partial(send_email, "ada@example.org"),
        functools.partial(resize, "portrait.png"),
        mailer.send,
        mailer.send_async,
        mailer,
        Mailer,
        lambda: None,
        dict,
        [""].clear,
    ],
    ids=repr,
)
async def test_span_has_the_name_that_opentelemetry_gives_it(
    func: Callable[[], object], spans: Spans
) -> None:
    app = FastAPI()
    dependency = Depends(background_tasks(runner=spans.runner))

    @app.get("/theirs")
    async def theirs(tasks: fastapi.BackgroundTasks) -> None:
        tasks.add_task(func)

    @app.get("/ours")
    async def ours(tasks: Annotated[BackgroundTasks, dependency]) -> None:
        tasks.add_task(func)

    FastAPIInstrumentor.instrument_app(app, tracer_provider=spans.provider)
    try:
        await get(app, "/theirs")
        await get(app, "/ours")
    finally:
        FastAPIInstrumentor.uninstrument_app(app)

    theirs_span, ours_span = spans.of_tasks
    assert ours_span.name == theirs_span.name


# Beside the instrumentation of Starlette


@pytest.fixture(params=["opentelemetry", "starlette"])
def starlette_app(request: pytest.FixtureRequest, spans: Spans) -> Iterator[Starlette]:
    """Return an application that OpenTelemetry, or Starlette itself, traces."""

    async def endpoint(_: Request) -> Response:
        tasks = starlette.BackgroundTasks(runner=spans.runner)
        tasks.add_task(send_email, "ada@example.org")
        tasks.add_task(fail, "alan@example.org")
        return PlainTextResponse("ok", background=tasks)

    async def middleware(_: Request) -> Response:
        current_tasks().add_task(resize, "portrait.png")
        return PlainTextResponse("ok")

    routes = [Route("/", endpoint), Route("/middleware", middleware)]
    ours = Middleware(BackgroundTasksMiddleware, runner=spans.runner)
    if request.param == "starlette":
        theirs = Middleware(OpenTelemetryMiddleware, tracer_provider=spans.provider)
        yield Starlette(routes=routes, middleware=[theirs, ours])
        return
    app = Starlette(routes=routes, middleware=[ours])
    StarletteInstrumentor.instrument_app(app, tracer_provider=spans.provider)
    yield app
    StarletteInstrumentor.uninstrument_app(app)


async def test_each_task_of_starlette_has_one_span_a_child_of_the_requests(
    spans: Spans, starlette_app: Starlette
) -> None:
    await get(starlette_app, raises=False)

    sent, failed = spans.of_tasks
    assert sent.name == "BackgroundTask send_email"
    assert failed.name == "BackgroundTask fail"
    assert is_child(sent, spans.of_request)
    assert is_child(failed, spans.of_request)
    assert sent.status.status_code is StatusCode.UNSET
    assert failed.status.status_code is StatusCode.ERROR


async def test_tasks_of_the_middleware_inside_are_children_of_the_requests_span(
    spans: Spans, starlette_app: Starlette
) -> None:
    await get(starlette_app, "/middleware")

    (span,) = spans.of_tasks
    assert is_child(span, spans.of_request)


async def test_tasks_of_a_middleware_around_the_traced_application_have_no_parent(
    spans: Spans,
) -> None:
    async def endpoint(_: Request) -> Response:
        current_tasks().add_task(resize, "portrait.png")
        return PlainTextResponse("ok")

    app = Starlette(
        routes=[Route("/", endpoint)],
        middleware=[
            Middleware(BackgroundTasksMiddleware, runner=spans.runner),
            Middleware(OpenTelemetryMiddleware, tracer_provider=spans.provider),
        ],
    )

    await get(app)

    (span,) = spans.of_tasks
    assert span.parent is None


async def test_starlettes_own_task_in_a_collection_is_named_as_what_it_is(
    spans: Spans,
) -> None:
    tasks = BackgroundTasks(
        [StarletteTask(send_email, "ada@example.org")], runner=spans.runner
    )

    await tasks()

    (span,) = spans.of_tasks
    assert span.name == "BackgroundTask BackgroundTask"


# The span


async def test_span_says_which_function_and_no_argument(spans: Spans) -> None:
    secret = "hunter2"  # noqa: S105
    errors: list[Exception] = []
    tasks = BackgroundTasks(
        runner=spans.runner, on_error=lambda _, exc: errors.append(exc)
    )
    tasks.add_task(send_email, secret)
    tasks.add_task(resize, path=secret)
    tasks.add_task(fail, secret)
    tasks.add_task(functools.partial(send_email, secret))
    tasks.add_task(lambda: send_email(secret))

    await tasks()

    assert [(span.attributes or {})["code.function.name"] for span in spans.ended] == [
        f"{__name__}.send_email",
        f"{__name__}.resize",
        f"{__name__}.fail",
        f"{__name__}.send_email",
        f"{__name__}.test_span_says_which_function_and_no_argument.<locals>.<lambda>",
    ]
    assert len(errors) == 1
    assert not any(secret in span.to_json() for span in spans.ended)


async def test_span_says_who_made_it(spans: Spans) -> None:
    await BackgroundTasks([Mailer()], runner=spans.runner)()

    (span,) = spans.ended
    assert span.instrumentation_scope is not None
    assert span.instrumentation_scope.name == "bgtasks.opentelemetry"
    assert span.instrumentation_scope.version == bgtasks.__version__


async def test_task_whose_name_cannot_be_read_has_a_span(spans: Spans) -> None:
    class Nameless(BackgroundTask):
        @property
        @override
        def name(self) -> str:
            raise RuntimeError

    await BackgroundTasks([Nameless(resize, "portrait.png")], runner=spans.runner)()

    (span,) = spans.of_tasks
    assert span.name == "BackgroundTask resize"


async def test_failure_is_recorded_once_and_raised_unchanged(spans: Spans) -> None:
    tasks = BackgroundTasks(runner=spans.runner)
    tasks.add_task(fail, "ada@example.org")

    with pytest.raises(ConnectionError) as caught:
        await tasks()

    (span,) = spans.of_tasks
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == "ConnectionError: no route to host"
    (event,) = span.events
    assert event.name == "exception"
    assert event.attributes is not None
    assert event.attributes["exception.type"] == "ConnectionError"
    assert event.attributes["exception.message"] == "no route to host"
    assert "in fail" in str(event.attributes["exception.stacktrace"])
    assert caught.value.__context__ is None


async def test_failure_goes_to_on_error_and_the_next_task_has_its_span(
    spans: Spans,
) -> None:
    failed: list[str] = []
    tasks = BackgroundTasks(
        runner=spans.runner, on_error=lambda task, _: failed.append(task.name)
    )
    tasks.add_task(fail, "ada@example.org")
    tasks.add_task(send_email, "ada@example.org")

    await tasks()

    assert failed == [f"{__name__}.fail"]
    assert [span.status.status_code for span in spans.of_tasks] == [
        StatusCode.ERROR,
        StatusCode.UNSET,
    ]


@dataclass(frozen=True)
class Frozen(Exception):
    """An exception of which nothing can be set, not even its traceback."""


class Unprintable(Exception):
    @override
    def __str__(self) -> str:
        raise NotImplementedError


@pytest.mark.parametrize("exception", [Frozen(), Unprintable(), StopAsyncIteration()])
async def test_strange_exception_is_raised_all_the_same(
    exception: Exception, spans: Spans
) -> None:
    def raise_it() -> None:
        raise exception

    with pytest.raises(type(exception)) as caught:
        await spans.runner(BackgroundTask(raise_it))

    assert caught.value is exception
    (span,) = spans.of_tasks
    assert span.status.status_code is StatusCode.ERROR


async def test_proxy_that_stands_for_nothing_any_more_has_a_span(
    spans: Spans,
) -> None:
    mailer = Mailer()
    tasks = BackgroundTasks([weakref.proxy(mailer)], runner=spans.runner)
    del mailer

    with pytest.raises(ReferenceError):
        await tasks()

    (span,) = spans.of_tasks
    assert span.name == "BackgroundTask CallableProxyType"
    assert span.status.status_code is StatusCode.ERROR


async def test_cancelled_task_ends_its_span_which_is_no_error(spans: Spans) -> None:
    has_started = Event()

    async def wait() -> None:
        has_started.set()
        await Event().wait()

    async with create_task_group() as group:
        group.start_soon(BackgroundTasks([wait], runner=spans.runner))
        await has_started.wait()
        group.cancel_scope.cancel()

    (span,) = spans.of_tasks
    assert span.name == "BackgroundTask wait"
    assert span.status.status_code is StatusCode.UNSET
    assert span.events == ()


async def test_nothing_is_current_between_tasks_but_what_was_before(
    spans: Spans,
) -> None:
    current: list[trace.Span] = []
    tasks = BackgroundTasks(
        runner=spans.runner,
        on_error=lambda _, __: current.append(trace.get_current_span()),
    )
    tasks.add_task(fail, "ada@example.org")

    with spans.tracer.start_as_current_span("around") as around:
        await tasks()
        current.append(trace.get_current_span())

    assert current == [around, around]


async def test_spans_inside_a_plain_function_are_children_of_its_tasks(
    spans: Spans,
) -> None:
    def resize() -> None:
        with spans.tracer.start_as_current_span("decode"):
            pass

    await BackgroundTasks([resize, resize], runner=spans.runner)()

    decode_1, resize_1, decode_2, resize_2 = spans.ended
    assert is_child(decode_1, resize_1)
    assert is_child(decode_2, resize_2)


async def test_tasks_of_a_group_have_spans_side_by_side(spans: Spans) -> None:
    both_run = Barrier(2)
    one_runs, other_runs = Event(), Event()

    def resize() -> None:
        with spans.tracer.start_as_current_span("decode"):
            both_run.wait(30)

    async def one() -> None:
        one_runs.set()
        await other_runs.wait()
        with spans.tracer.start_as_current_span("inside one"):
            pass

    async def other() -> None:
        await one_runs.wait()
        with spans.tracer.start_as_current_span("inside other"):
            other_runs.set()

    tasks = BackgroundTasks(
        [resize, resize, one, other], as_group=True, runner=spans.runner
    )
    with spans.tracer.start_as_current_span("around"):
        await tasks()

    around = spans.named("around")
    assert len(spans.of_tasks) == 4
    assert all(is_child(span, around) for span in spans.of_tasks)
    for name in ("one", "other"):
        inside = spans.named(f"inside {name}")
        assert is_child(inside, spans.named(f"BackgroundTask {name}"))
    decodes = [span.parent for span in spans.ended if span.name == "decode"]
    assert {parent.span_id for parent in decodes if parent is not None} == {
        id_of(span) for span in spans.of_tasks if span.name == "BackgroundTask resize"
    }


async def test_every_failure_of_a_group_is_recorded_in_its_own_span(
    spans: Spans,
) -> None:
    tasks = BackgroundTasks(as_group=True, runner=spans.runner)
    tasks.add_task(fail, "ada@example.org")
    tasks.add_task(fail, "alan@example.org")

    with pytest.raises(ExceptionGroup):
        await tasks()

    assert [len(span.events) for span in spans.of_tasks] == [1, 1]


# Providers


SETS_PROVIDER_LATE = """
import asyncio, sys
from bgtasks import BackgroundTasks
from bgtasks.opentelemetry import tracing_runner

tasks = BackgroundTasks([int], runner=tracing_runner())
asyncio.run(tasks())
assert "opentelemetry.sdk" not in sys.modules

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

exporter = ConsoleSpanExporter(formatter=lambda span: span.name)
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
asyncio.run(tasks())
"""


def test_runner_made_before_the_global_provider_uses_it(tmp_path: Path) -> None:
    ran = subprocess.run(
        [
            sys.executable,
            "-c",
            SETS_PROVIDER_LATE,
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ran.stdout, ran.stderr) == ("BackgroundTask int", "")


async def test_task_of_a_request_that_is_not_sampled_runs_without_a_span() -> None:
    spans = Spans(sampler=ParentBased(root=ALWAYS_OFF))
    traces: list[int] = []

    def resize() -> None:
        traces.append(trace.get_current_span().get_span_context().trace_id)

    with spans.tracer.start_as_current_span("request") as request:
        await BackgroundTasks([resize], runner=spans.runner)()

    assert spans.started == []
    assert traces == [request.get_span_context().trace_id]


async def test_sampler_may_ask_for_the_function() -> None:
    asked: list[Attributes] = []

    class Asking(Sampler):
        @override
        def should_sample(
            self,
            parent_context: Context | None,
            trace_id: int,
            name: str,
            kind: SpanKind | None = None,
            attributes: Attributes = None,
            links: Any = None,
            trace_state: Any = None,
        ) -> SamplingResult:
            asked.append(attributes)
            return ALWAYS_OFF.should_sample(parent_context, trace_id, name)

        @override
        def get_description(self) -> str:
            return "asking"

    await BackgroundTasks([Mailer()], runner=Spans(sampler=Asking()).runner)()

    assert asked == [{"code.function.name": f"{__name__}.Mailer"}]


def test_one_runner_serves_several_event_loops_at_once(spans: Spans) -> None:
    together = Barrier(2)

    def request(number: int) -> None:
        asyncio.run(main(number))

    async def main(number: int) -> None:
        def inner() -> None:
            with spans.tracer.start_as_current_span(f"inner {number}"):
                together.wait(30)

        with spans.tracer.start_as_current_span(f"request {number}"):
            await BackgroundTasks([inner, inner], runner=spans.runner)()

    with ThreadPoolExecutor() as pool:
        list(pool.map(request, [1, 2]))

    for number in (1, 2):
        around = spans.named(f"request {number}")
        inner = [span for span in spans.ended if span.name == f"inner {number}"]
        of_task = [span for span in spans.of_tasks if is_child(span, around)]
        assert [span.parent and span.parent.span_id for span in inner] == [
            id_of(span) for span in of_task
        ]


# Another runner inside


async def test_another_runner_runs_the_task_inside_its_span(spans: Spans) -> None:
    async def within_no_time(task: BackgroundTask) -> None:
        with spans.tracer.start_as_current_span("attempt"), fail_after(0):
            await task()

    tasks = BackgroundTasks(
        [Event().wait],
        runner=tracing_runner(within_no_time, tracer_provider=spans.provider),
    )

    with pytest.raises(TimeoutError):
        await tasks()

    attempt, task = spans.ended
    assert attempt.name == "attempt"
    assert is_child(attempt, task)
    assert task.status.status_code is StatusCode.ERROR


async def test_runner_that_returns_no_awaitable_is_refused_without_its_value(
    spans: Spans,
) -> None:
    def forgetful(task: BackgroundTask) -> Any:
        return task

    tasks = BackgroundTasks(
        runner=tracing_runner(forgetful, tracer_provider=spans.provider)
    )
    tasks.add_task(send_email, "ada@example.org")

    with pytest.raises(
        TypeError,
        match=r"^runner must return an awaitable, got 'BackgroundTask' object: ",
    ):
        await tasks()

    (span,) = spans.of_tasks
    assert span.status.status_code is StatusCode.ERROR
    assert "ada@" not in span.to_json()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (42, "^runner must be callable, got 'int' object: write tracing_runner"),
        (Spans().provider, "^runner must be callable, got 'TracerProvider' object"),
        (lambda: None, r"^runner is called as runner\(task\), which .* not accept"),
    ],
)
def test_what_is_no_runner_is_refused_at_once(given: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        tracing_runner(given)


async def test_tracing_runner_itself_given_as_runner_says_what_to_write() -> None:
    runner: Any = tracing_runner
    tasks = BackgroundTasks([Mailer()], runner=runner)

    with pytest.raises(
        TypeError, match=r"write runner=tracing_runner\(\), not runner=tracing_runner"
    ):
        await tasks()


async def test_task_of_a_pool_runs_in_a_span_of_the_request_that_is_over(
    spans: Spans,
) -> None:
    request_is_over = Event()
    pool = TaskPool(runner=spans.runner)

    async def send_email() -> None:
        await request_is_over.wait()

    async with pool:
        with spans.tracer.start_as_current_span("request"):
            await BackgroundTasks([send_email], runner=pool)()
        request_is_over.set()

    request, task = spans.ended
    assert request.name == "request"
    assert is_child(task, request)


async def test_span_around_a_pool_is_over_when_the_task_is_handed_over(
    spans: Spans,
) -> None:
    is_over: list[bool] = []
    has_ended = Event()

    async def send_email() -> None:
        await has_ended.wait()
        is_over.append(not trace.get_current_span().is_recording())

    async with TaskPool() as pool:
        runner = tracing_runner(pool, tracer_provider=spans.provider)
        await BackgroundTasks([send_email], runner=runner)()
        has_ended.set()

    assert is_over == [True]
    assert len(spans.of_tasks) == 1


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_span_in_a_celery_worker_has_the_trace_of_the_request(
    spans: Spans, folder: Path, reports: Reports
) -> None:
    (folder / "messages").mkdir()
    CeleryInstrumentor().instrument(tracer_provider=spans.provider)
    try:
        with traced_celery.make_app(str(folder)) as app:
            runner = tracing_runner(celery_runner(app), tracer_provider=spans.provider)
            tasks = BackgroundTasks(runner=runner)
            tasks.add_task(traced_celery.report_trace)
            with spans.tracer.start_as_current_span("request"):
                await tasks()
    finally:
        CeleryInstrumentor().uninstrument()

    with running(
        *("celery", "-A", "tests.integrations.traced_celery", "worker"),
        *("--concurrency=1", "--without-gossip", "--without-mingle"),
        log=folder / "worker.log",
        environment={BROKER: str(folder), "TMPDIR": str(folder)},
    ):
        call = await anyio.to_thread.run_sync(reports.next)

    published = next(span for span in spans.ended if span.kind is SpanKind.PRODUCER)
    (task,) = spans.of_tasks
    request = spans.named("request")
    assert is_child(task, request)
    assert is_child(published, task)
    assert call.args == [trace_of(request), id_of(published)]
