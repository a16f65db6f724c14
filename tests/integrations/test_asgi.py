"""bgtasks.asgi: the middleware and current_tasks(), under each framework."""

import importlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from types import ModuleType
from typing import Any

import anyio
import litestar
import pytest
from anyio import to_thread
from fastapi import FastAPI, HTTPException
from quart import Quart
from quart import websocket as quart_websocket
from starlette.applications import Starlette
from starlette.background import BackgroundTask as StarletteTask
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

import bgtasks
from bgtasks.asgi import BackgroundTasksMiddleware, current_tasks
from examples.asgi_tasks import app as example

from .serving import connect_websocket, get, log_lines, serving

pytestmark = pytest.mark.anyio

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def test_example_runs_its_tasks_in_order() -> None:
    with serving(example) as client:
        response = client.post("/signup", json={"email": "ada@example.org"})

    assert response.json() == {"status": "Signup successful"}
    assert log_lines() == ["welcome to ada@example.org", "ada@example.org signed up"]


# Outside of a request

REMEDY = "write app = BackgroundTasksMiddleware"


def test_current_tasks_outside_of_a_request_says_what_to_write() -> None:
    with pytest.raises(LookupError, match=REMEDY):
        current_tasks()


async def test_current_tasks_without_the_middleware_says_what_to_write() -> None:
    async def endpoint(_: Request) -> Response:
        current_tasks()
        return Response()

    with pytest.raises(LookupError, match=REMEDY):
        await get(Starlette(routes=[Route("/", endpoint)]))


async def test_current_tasks_after_a_request_says_what_to_write() -> None:
    await get(BackgroundTasksMiddleware(PlainTextResponse("")))

    with pytest.raises(LookupError, match=REMEDY):
        current_tasks()


async def test_lifespan_is_no_request() -> None:
    seen: list[str] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        with pytest.raises(LookupError):
            current_tasks()
        seen.append(scope["type"])

    await BackgroundTasksMiddleware(app)({"type": "lifespan"}, None, None)

    assert seen == ["lifespan"]


# What an application of each framework does: it adds its tasks in a helper, as if deep
# inside. The tasks tell `ran` what they are.

ran: list[str] = []


@pytest.fixture(autouse=True)
def nothing_has_run() -> None:
    ran.clear()


def helper(what: str) -> str:
    current_tasks().add_task(ran.append, what)
    return what


def starlette_app() -> Any:
    async def asynchronous(_: Request) -> Response:
        return PlainTextResponse(helper("asynchronous"))

    def synchronous(_: Request) -> Response:
        return PlainTextResponse(helper("synchronous"))

    async def websocket(websocket: WebSocket) -> None:
        await websocket.accept()
        helper(await websocket.receive_text())

    app = Starlette(
        routes=[
            Route("/asynchronous", asynchronous),
            Route("/synchronous", synchronous),
            WebSocketRoute("/", websocket),
        ]
    )
    app.add_middleware(BackgroundTasksMiddleware)
    return app


def fastapi_app() -> Any:
    app = FastAPI()
    app.add_middleware(BackgroundTasksMiddleware, as_group=False)

    @app.get("/asynchronous")
    async def asynchronous() -> str:
        return helper("asynchronous")

    @app.get("/synchronous")
    def synchronous() -> str:
        return helper("synchronous")

    @app.websocket("/")
    async def websocket(websocket: WebSocket) -> None:
        await websocket.accept()
        helper(await websocket.receive_text())

    return app


def litestar_app() -> Any:
    @litestar.get("/asynchronous")
    async def asynchronous() -> str:
        return helper("asynchronous")

    @litestar.get("/synchronous", sync_to_thread=True)
    def synchronous() -> str:
        return helper("synchronous")

    @litestar.websocket("/")
    async def websocket(socket: litestar.WebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        helper(await socket.receive_text())

    return litestar.Litestar(
        [asynchronous, synchronous, websocket], middleware=[BackgroundTasksMiddleware]
    )


def quart_app() -> Any:
    app = Quart(__name__)

    @app.get("/asynchronous")
    async def asynchronous() -> str:
        return helper("asynchronous")

    @app.get("/synchronous")
    def synchronous() -> str:
        return helper("synchronous")

    @app.websocket("/")
    async def websocket() -> None:
        helper(str(await quart_websocket.receive()))

    return BackgroundTasksMiddleware(app)


def django_app() -> Any:
    # Django has no types of its own.
    conf: Any = importlib.import_module("django.conf")
    asgi: Any = importlib.import_module("django.core.asgi")
    http: Any = importlib.import_module("django.http")
    urls: Any = importlib.import_module("django.urls")

    async def asynchronous(_: object) -> object:
        return http.HttpResponse(helper("asynchronous"))

    def synchronous(_: object) -> object:
        return http.HttpResponse(helper("synchronous"))

    table: Any = ModuleType("urls_of_the_django_application")
    table.urlpatterns = [
        urls.path("asynchronous", asynchronous),
        urls.path("synchronous", synchronous),
    ]
    sys.modules[table.__name__] = table
    if not conf.settings.configured:
        conf.settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=table.__name__)
    return BackgroundTasksMiddleware(asgi.get_asgi_application())


FRAMEWORKS = [starlette_app, fastapi_app, litestar_app, quart_app, django_app]
WITH_WEBSOCKETS = FRAMEWORKS[:-1]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("kind", ["asynchronous", "synchronous"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_tasks_added_in_a_helper_of_an_endpoint_run(
    framework: Callable[[], Any], kind: str, anyio_backend: object
) -> None:
    response = await get(framework(), f"/{kind}")

    assert kind in response.text
    assert ran == [kind]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("framework", WITH_WEBSOCKETS)
async def test_tasks_of_a_websocket_run_when_its_endpoint_has_ended(
    framework: Callable[[], Any], anyio_backend: object
) -> None:
    await connect_websocket(framework(), "hello")

    assert ran == ["hello"]


# Whatever response was returned


async def stream() -> AsyncIterator[str]:
    for part in ("first", "last"):
        ran.append(part)
        yield part


def other(response: Response) -> Response:
    helper("task")
    return response


def not_found() -> Response:
    helper("task")
    raise HTTPException(404)


@pytest.mark.parametrize(
    ("response", "events"),
    [
        pytest.param(lambda: other(JSONResponse({})), ["task"], id="json"),
        pytest.param(
            lambda: other(StreamingResponse(stream())),
            ["first", "last", "task"],
            id="stream",
        ),
        pytest.param(lambda: other(FileResponse(__file__)), ["task"], id="file"),
        pytest.param(not_found, ["task"], id="error page"),
        pytest.param(
            lambda: other(
                Response(background=StarletteTask(ran.append, "of the response"))
            ),
            ["of the response", "task"],
            id="with a background of its own",
        ),
    ],
)
async def test_tasks_run_once_after_the_last_byte(
    response: Callable[[], Response], events: list[str]
) -> None:
    async def endpoint(_: Request) -> Response:
        return response()

    sent: list[int] = []  # how many events there were at each message

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_and_count(message: dict[str, Any]) -> None:
            await send(message)
            sent.append(len(ran))

        await with_tasks(scope, receive, send_and_count)

    with_tasks = BackgroundTasksMiddleware(Starlette(routes=[Route("/", endpoint)]))
    await get(app)

    assert ran == events
    assert sent[-1] <= ran.index("task")


async def test_request_that_adds_nothing_runs_nothing() -> None:
    runs: list[object] = []

    async def runner(task: bgtasks.BackgroundTask) -> None:
        runs.append(task)

    await get(BackgroundTasksMiddleware(PlainTextResponse("sent"), runner=runner))

    assert runs == []


async def test_two_concurrent_requests_have_tasks_of_their_own() -> None:
    both_have_added = anyio.Event()
    seen: dict[str, list[str]] = {}

    async def endpoint(request: Request) -> Response:
        name = request.path_params["name"]
        seen[name] = []
        current_tasks().add_task(seen[name].append, name)
        if len(seen) == 2:
            both_have_added.set()
        await both_have_added.wait()
        return PlainTextResponse(str(len(current_tasks().tasks)))

    app = BackgroundTasksMiddleware(Starlette(routes=[Route("/{name}", endpoint)]))
    counts: list[str] = []

    async def request(path: str) -> None:
        counts.append((await get(app, path)).text)

    async with anyio.create_task_group() as group:
        group.start_soon(request, "/ada")
        group.start_soon(request, "/alan")

    assert counts == ["1", "1"]
    assert seen == {"ada": ["ada"], "alan": ["alan"]}


async def test_threads_and_child_tasks_of_a_request_add_to_the_same_tasks() -> None:
    async def child() -> None:
        helper("child")

    async def endpoint(_: Request) -> Response:
        await to_thread.run_sync(helper, "thread")
        async with anyio.create_task_group() as group:
            group.start_soon(child)
        return Response()

    await get(BackgroundTasksMiddleware(Starlette(routes=[Route("/", endpoint)])))

    assert ran == ["thread", "child"]


async def test_task_may_add_another() -> None:
    async def endpoint(_: Request) -> Response:
        current_tasks().add_task(helper, "added by a task")
        return Response()

    await get(BackgroundTasksMiddleware(Starlette(routes=[Route("/", endpoint)])))

    assert ran == ["added by a task"]


# Failures and options


async def test_tasks_do_not_run_when_the_application_raises_and_a_note_says_so() -> (
    None
):
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        helper("task")
        raise ConnectionError

    with pytest.raises(ConnectionError) as raised:
        await get(BackgroundTasksMiddleware(app))

    assert ran == []
    assert raised.value.__notes__ == [
        "Not run, as the application raised: list.append."
    ]


async def test_exception_gets_no_note_if_no_task_was_added() -> None:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError) as raised:
        await get(BackgroundTasksMiddleware(app))

    assert not hasattr(raised.value, "__notes__")


async def test_options_reach_the_tasks() -> None:
    seen: list[str] = []

    async def runner(task: bgtasks.BackgroundTask) -> None:
        seen.append("runner")
        await task()

    def on_error(_: bgtasks.BackgroundTask, exc: Exception) -> None:
        seen.append(type(exc).__name__)

    async def fail() -> None:
        raise ConnectionError

    async def endpoint(_: Request) -> Response:
        current_tasks().add_task(fail)
        return PlainTextResponse(repr(current_tasks()))

    app = BackgroundTasksMiddleware(
        Starlette(routes=[Route("/", endpoint)]),
        as_group=True,
        on_error=on_error,
        runner=runner,
    )

    assert (await get(app)).text.endswith("as_group=True)")
    assert seen == ["runner", "ConnectionError"]


@pytest.mark.parametrize("option", ["on_error", "runner"])
def test_wrong_option_is_refused_when_the_application_is_built(option: str) -> None:
    wrong: dict[str, Any] = {option: "not callable"}

    with pytest.raises(TypeError, match=f"{option} must be callable"):
        BackgroundTasksMiddleware(PlainTextResponse(""), **wrong)
