"""docs/mends.md: each problem of its two tables, by the thread that has it."""

import re
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any

import anyio
import fastapi
import httpx
import pytest
from anyio import Event, to_thread
from anyio.lowlevel import checkpoint
from fastapi import Depends, FastAPI, HTTPException, WebSocket
from fastapi.responses import JSONResponse
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.applications import Starlette
from starlette.background import BackgroundTask as StarletteTask
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from bgtasks import BackgroundTask, current_thread_limiter
from bgtasks.asgi import BackgroundTasksMiddleware, current_tasks
from bgtasks.fastapi import BackgroundTasks, background_tasks
from bgtasks.opentelemetry import tracing_runner
from bgtasks.pool import TaskPool
from bgtasks.starlette import BackgroundTasks as StarletteTasks
from tests.project import ROOT

from .page import imported
from .serving import connect_websocket, get, serving

pytestmark = pytest.mark.anyio


@pytest.fixture
def ran() -> list[str]:
    return []


# The page and these tests have the same threads


def test_each_thread_of_the_page_has_a_test_and_each_test_a_thread() -> None:
    page = (ROOT / "docs" / "mends.md").read_text("utf-8")
    rows = [
        line
        for line in page.splitlines()
        if line.startswith("| ") and not line.startswith("| problem ")
    ]
    first_threads = {
        match[0].lower().replace(" ", "_")
        for row in rows
        if (match := re.search(r"(?<=\[)\w+ \d+(?=\]\()", row))
    }
    tests = re.findall(r"^(?:async )?def test_([a-z]+_\d+)_", SOURCE, re.MULTILINE)

    assert len(first_threads) == len(rows)
    assert first_threads == {*tests}


def test_each_link_goes_to_the_thread_that_it_names() -> None:
    repositories = {
        "FastAPI": "fastapi/fastapi",
        "OpenTelemetry": "open-telemetry/opentelemetry-python-contrib",
        "Sentry": "getsentry/sentry-python",
        "Starlette": "Kludex/starlette",
    }
    page = (ROOT / "docs" / "mends.md").read_text("utf-8")
    links = re.findall(r"\[(\w+) (\d+)\]\((https://github.com/\S+?)\)", page)

    assert len(links) > 20
    for name, number, address in links:
        base = f"https://github.com/{repositories[name]}"
        assert address in {f"{base}/issues/{number}", f"{base}/pull/{number}"}


SOURCE = Path(__file__).read_text("utf-8")


# FastAPI


async def test_fastapi_11215_tasks_run_beside_the_responses_own(ran: list[str]) -> None:
    app = FastAPI()

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> JSONResponse:
        tasks.add_task(ran.append, "injected")
        return JSONResponse({}, background=StarletteTask(ran.append, "its own"))

    await get(app)

    assert ran == ["its own", "injected"]


async def test_fastapi_11215_tasks_run_with_a_response_that_is_kept(
    ran: list[str],
) -> None:
    app = FastAPI()
    response = JSONResponse({})

    @app.get("/{number}")
    async def endpoint(number: str, tasks: BackgroundTasks) -> Response:
        tasks.add_task(ran.append, number)
        return response

    for number in ("1", "2", "3"):
        await get(app, f"/{number}")

    assert ran == ["1", "2", "3"]


async def test_fastapi_2866_tasks_added_after_yield_run(ran: list[str]) -> None:
    async def dependency(tasks: BackgroundTasks) -> AsyncIterator[None]:
        yield
        tasks.add_task(ran.append, "added after yield")

    app = FastAPI(dependencies=[Depends(dependency)])

    @app.get("/")
    async def endpoint() -> None: ...

    await get(app)

    assert ran == ["added after yield"]


async def test_fastapi_1270_task_added_before_an_http_exception_runs(
    ran: list[str],
) -> None:
    app = FastAPI()
    app.add_middleware(BackgroundTasksMiddleware)

    @app.get("/")
    async def endpoint() -> None:
        current_tasks().add_task(ran.append, "ran")
        raise HTTPException(404)

    assert (await get(app)).status_code == 404
    assert ran == ["ran"]


async def test_fastapi_289_tasks_of_a_websocket_run(ran: list[str]) -> None:
    app = FastAPI()

    @app.websocket("/")
    async def endpoint(websocket: WebSocket, tasks: BackgroundTasks) -> None:
        await websocket.accept()
        while True:
            tasks.add_task(ran.append, await websocket.receive_text())

    with pytest.raises(fastapi.WebSocketDisconnect):
        await connect_websocket(app, "first", "last")

    assert ran == ["first", "last"]


async def test_fastapi_805_subclass_is_injected(ran: list[str]) -> None:
    class AuditedTasks(BackgroundTasks):
        def audit(self, line: str) -> None:
            self.add_task(ran.append, line)

    app = FastAPI()

    @app.get("/")
    async def endpoint(tasks: AuditedTasks) -> None:
        tasks.audit("signed up")

    await get(app)

    assert ran == ["signed up"]


class Refused(Exception):
    """An exception that the application has a handler for."""


async def refuse() -> None:
    raise Refused


async def handle(_: Request, __: Exception) -> Response:
    return PlainTextResponse("refused")


async def test_fastapi_2505_exception_with_a_handler_is_reported_as_it_is() -> None:
    reported: list[Exception] = []
    app = FastAPI(exception_handlers={Refused: handle})

    def report(_: BackgroundTask, exc: Exception) -> None:
        reported.append(exc)

    @app.get("/")
    async def endpoint(
        tasks: Annotated[BackgroundTasks, Depends(background_tasks(on_error=report))],
    ) -> None:
        tasks.add_task(refuse)

    assert (await get(app)).status_code == 200
    assert [type(exc) for exc in reported] == [Refused]


def test_fastapi_3115_application_ends_when_its_tasks_have(ran: list[str]) -> None:
    is_stopping = Event()
    pool = TaskPool()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        async with pool:
            yield
            is_stopping.set()

    async def task() -> None:
        await is_stopping.wait()
        ran.append("ended")

    app = FastAPI(lifespan=lifespan)

    @app.get("/")
    async def endpoint(
        tasks: Annotated[BackgroundTasks, Depends(background_tasks(runner=pool))],
    ) -> None:
        tasks.add_task(task)

    with serving(app) as client:
        assert client.get("/").is_success
        assert ran == []

    assert ran == ["ended"]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_fastapi_581_task_has_a_session_of_its_own() -> None:
    with imported("sign_up", "recipes") as page:
        async with page.engine.begin() as connection:
            await connection.run_sync(page.Base.metadata.create_all)
        transport = httpx.ASGITransport(page.app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://app"
        ) as client:
            user_id = (await client.post("/sign-up?email=ada@example.org")).json()
        async with page.new_session() as session:
            user = await session.get_one(page.User, user_id)
        await page.engine.dispose()

    assert user.is_welcomed


async def test_opentelemetry_4251_task_has_a_span_around_its_own_ones() -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    runner = tracing_runner(tracer_provider=provider)
    app = FastAPI(telemetry={"tracer_provider": provider, "operation_spans": False})

    async def send_email() -> None:
        provider.get_tracer("mail").start_span("smtp").end()

    @app.get("/")
    async def endpoint(
        tasks: Annotated[BackgroundTasks, Depends(background_tasks(runner=runner))],
    ) -> None:
        tasks.add_task(send_email)

    await get(app)

    request, inner, task = spans.get_finished_spans()
    assert task.name == "BackgroundTask send_email"
    assert inner.parent == task.context
    assert task.parent == request.context


# Starlette


def with_tasks(tasks: StarletteTasks) -> Starlette:
    async def endpoint(_: Request) -> Response:
        return PlainTextResponse("ok", background=tasks)

    return Starlette(routes=[Route("/", endpoint)])


async def test_starlette_3195_failure_does_not_stop_the_others(ran: list[str]) -> None:
    def report(task: BackgroundTask, _: Exception) -> None:
        ran.append(f"{task.name} failed")

    tasks = StarletteTasks(on_error=report)
    tasks.add_task(refuse)
    tasks.add_task(ran.append, "next")

    await get(with_tasks(tasks))

    assert ran == [f"{__name__}.refuse failed", "next"]


async def test_starlette_3195_without_on_error_a_note_names_what_did_not_run(
    ran: list[str],
) -> None:
    tasks = StarletteTasks()
    tasks.add_task(refuse)
    tasks.add_task(ran.append, "next")

    with pytest.raises(Refused) as caught:
        await get(with_tasks(tasks))

    assert ran == []
    assert any("list.append" in note for note in caught.value.__notes__)


async def pass_on(request: Request, call_next: RequestResponseEndpoint) -> Response:
    return await call_next(request)


async def test_starlette_2658_failure_is_reported_behind_base_http_middleware() -> None:
    reported: list[Exception] = []

    def report(_: BackgroundTask, exc: Exception) -> None:
        reported.append(exc)

    tasks = StarletteTasks(on_error=report)
    tasks.add_task(refuse)

    await get(BaseHTTPMiddleware(with_tasks(tasks), pass_on))

    assert [type(exc) for exc in reported] == [Refused]


async def test_starlette_549_tasks_run_at_the_same_time() -> None:
    one_runs, other_runs = Event(), Event()

    async def one() -> None:
        one_runs.set()
        await other_runs.wait()

    async def other() -> None:
        other_runs.set()
        await one_runs.wait()

    with anyio.fail_after(30):
        await get(with_tasks(StarletteTasks([one, other], as_group=True)))


async def test_starlette_1724_tasks_leave_sync_endpoints_their_threads() -> None:
    may_end = threading.Event()
    all_run = threading.Barrier(int(current_thread_limiter().total_tokens) + 1)
    answered: list[int] = []

    def task() -> None:
        all_run.wait(30)
        may_end.wait(30)

    def sync_endpoint(_: Request) -> Response:
        return PlainTextResponse("ok")

    async def ask() -> None:
        await to_thread.run_sync(all_run.wait, limiter=anyio.CapacityLimiter(1))
        sync_app = Starlette(routes=[Route("/", sync_endpoint)])
        answered.append((await get(sync_app)).status_code)
        may_end.set()

    tasks = StarletteTasks([task] * (all_run.parties - 1), as_group=True)
    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await get(with_tasks(tasks))

    assert answered == [200]


App = Callable[[Any, Any, Any], Awaitable[None]]


def starlette_behind_middleware(task: Callable[[], object]) -> App:
    return BaseHTTPMiddleware(with_tasks(StarletteTasks([task])), pass_on)


def fastapi_behind_middleware(task: Callable[[], object]) -> App:
    app = FastAPI()
    app.middleware("http")(pass_on)

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(task)

    return app


def adds_to_current_tasks(task: Callable[[], object]) -> App:
    async def endpoint(_: Request) -> Response:
        current_tasks().add_task(task)
        return PlainTextResponse("ok")

    return Starlette(routes=[Route("/", endpoint)])


def middleware_below(task: Callable[[], object]) -> App:
    app = BaseHTTPMiddleware(adds_to_current_tasks(task), pass_on)
    return BackgroundTasksMiddleware(app)


def middleware_above(task: Callable[[], object]) -> App:
    app = BackgroundTasksMiddleware(adds_to_current_tasks(task))
    return BaseHTTPMiddleware(app, pass_on)


BEHIND = pytest.mark.parametrize(
    "behind_middleware",
    [
        starlette_behind_middleware,
        fastapi_behind_middleware,
        middleware_below,
        middleware_above,
    ],
)


@BEHIND
async def test_starlette_919_response_is_sent_before_the_task_runs(
    behind_middleware: Callable[[Callable[[], object]], App], ran: list[str]
) -> None:
    app = behind_middleware(lambda: ran.append("task"))

    async def observed(scope: Any, receive: Any, send: Any) -> None:
        async def observed_send(message: Any) -> None:
            for _ in range(5):  # a slow client
                await checkpoint()
            await send(message)
            if not message.get("more_body", message["type"].endswith("start")):
                ran.append("last byte")

        await app(scope, receive, observed_send)

    await get(observed)

    assert ran == ["last byte", "task"]


@BEHIND
async def test_starlette_1438_task_runs_to_its_end_though_the_client_has_gone(
    behind_middleware: Callable[[Callable[[], object]], App], ran: list[str]
) -> None:
    has_answered, is_told = anyio.Event(), anyio.Event()

    async def task() -> None:
        await is_told.wait()
        for _ in range(10):
            await checkpoint()
        ran.append("ended")

    app = behind_middleware(task)

    async def client_goes(scope: Any, receive: Any, send: Any) -> None:
        async def observed_send(message: Any) -> None:
            await send(message)
            if not message.get("more_body", message["type"].endswith("start")):
                has_answered.set()

        async def receive_until_gone() -> Any:
            if not has_answered.is_set():
                return await receive()
            return {"type": "http.disconnect"}

        await app(scope, receive_until_gone, observed_send)

    async with anyio.create_task_group() as group:
        group.start_soon(get, client_goes)
        await has_answered.wait()
        is_told.set()

    assert ran == ["ended"]


async def test_starlette_550_coroutine_of_a_lambda_is_awaited(ran: list[str]) -> None:
    async def send_email(to: str, *, subject: str) -> None:
        ran.append(f"{subject} to {to}")

    tasks = StarletteTasks()
    tasks.add_task(lambda: send_email("ada@example.org", subject="Hi"))

    await get(with_tasks(tasks))

    assert ran == ["Hi to ada@example.org"]


# Not solved, and what to do


@pytest.mark.parametrize(
    ("sets_it", "seen"), [("endpoint", None), ("async dependency", "ada")]
)
async def test_fastapi_953_async_dependency_sets_what_a_plain_endpoint_cannot(
    sets_it: str, seen: str | None, ran: list[str | None]
) -> None:
    user = ContextVar[str | None]("user", default=None)

    async def set_user() -> None:
        if sets_it == "async dependency":
            user.set("ada")

    app = FastAPI(dependencies=[Depends(set_user)])

    @app.get("/")
    def endpoint(tasks: BackgroundTasks) -> None:
        if sets_it == "endpoint":
            user.set("ada")
        tasks.add_task(lambda: ran.append(user.get()))

    await get(app)

    assert ran == [seen]


async def test_starlette_533_what_was_added_is_compared_without_running_it(
    ran: list[str],
) -> None:
    def sign_up(tasks: BackgroundTasks) -> None:
        tasks.add_task(ran.append, "ran")

    app = FastAPI()
    app.get("/")(sign_up)
    tasks = BackgroundTasks()

    sign_up(tasks)

    assert tasks.tasks == [BackgroundTask(ran.append, "ran")]
    assert ran == []
    await get(app)  # which returns when the tasks have ended
    assert ran == ["ran"]


async def test_fastapi_1313_plain_function_that_blocks_lets_requests_go_on(
    ran: list[str],
) -> None:
    is_answered = threading.Event()

    def blocks() -> None:
        assert is_answered.wait(30)
        ran.append("ended")

    app = FastAPI()

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(blocks)

    @app.get("/other")
    async def other() -> None: ...

    async with anyio.create_task_group() as group:
        group.start_soon(get, app)
        assert (await get(app, "/other")).is_success
        assert ran == []
        is_answered.set()

    assert ran == ["ended"]


async def test_starlette_1152_generator_cleans_up_when_the_stream_fails(
    ran: list[str],
) -> None:
    async def parts() -> AsyncIterator[str]:
        try:
            yield "first"
            raise ConnectionError
        finally:
            ran.append("cleaned up")

    async def endpoint(_: Request) -> Response:
        task = StarletteTasks([lambda: ran.append("task")])
        return StreamingResponse(parts(), background=task)

    with pytest.raises(ConnectionError):
        await get(Starlette(routes=[Route("/", endpoint)]))

    assert ran == ["cleaned up"]
