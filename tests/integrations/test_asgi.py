"""bgtasks.asgi: the middleware and current_tasks(), under each framework."""

import importlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from types import ModuleType
from typing import Any

import anyio
import litestar
import pytest
import quart
from anyio import to_thread
from fastapi import FastAPI, HTTPException
from lilya.apps import Lilya
from lilya.routing import WebSocketPath
from lilya.websockets import WebSocket as LilyaWebSocket
from litestar import response as litestar_response
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from quart import Quart
from starlette.applications import Starlette
from starlette.background import BackgroundTask as StarletteTask
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    PlainTextResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

import bgtasks
from bgtasks.asgi import BackgroundTasksMiddleware, current_tasks
from bgtasks.fastapi import BackgroundTasks
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


@pytest.mark.parametrize("added", [1, 0])
async def test_current_tasks_in_what_outlives_its_request_says_what_to_write(
    added: int,
) -> None:
    seen: list[bgtasks.BackgroundTasks] = []
    has_started, request_is_over = anyio.Event(), anyio.Event()

    async def consumer() -> None:
        if added:
            current_tasks().add_task(seen.append, current_tasks())
        has_started.set()
        await request_is_over.wait()
        with pytest.raises(LookupError, match=REMEDY):
            current_tasks()
        await to_thread.run_sync(in_a_thread)

    def in_a_thread() -> None:
        with pytest.raises(LookupError, match=REMEDY):
            current_tasks()

    async with anyio.create_task_group() as group:

        async def endpoint(_: Request) -> Response:
            group.start_soon(consumer)
            await has_started.wait()
            return Response()

        await get(BackgroundTasksMiddleware(Starlette(routes=[Route("/", endpoint)])))
        assert len(seen) == added
        request_is_over.set()


async def test_current_tasks_after_a_failed_request_says_what_to_write() -> None:
    request_is_over = anyio.Event()

    async def consumer() -> None:
        await request_is_over.wait()
        with pytest.raises(LookupError, match=REMEDY):
            current_tasks()

    async with anyio.create_task_group() as group:

        async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
            group.start_soon(consumer)
            raise ConnectionError

        with pytest.raises(ConnectionError):
            await get(BackgroundTasksMiddleware(app))
        request_is_over.set()


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


class Meeting:
    """Where two requests wait for each other, when both have added a task."""

    def __init__(self) -> None:
        self.both_are_there = anyio.Event()
        self.names: list[str] = []

    async def attend(self, name: str) -> str:
        """Return how many tasks the request has."""
        helper(name)
        self.names.append(name)
        if len(self.names) == 2:
            self.both_are_there.set()
        await self.both_are_there.wait()
        return str(len(current_tasks().tasks))


async def stream() -> AsyncIterator[str]:
    for part in ("first", "last"):
        ran.append(part)
        yield part


def starlette_app() -> Any:
    meeting = Meeting()

    async def asynchronous(_: Request) -> Response:
        return PlainTextResponse(helper("asynchronous"))

    def synchronous(_: Request) -> Response:
        return PlainTextResponse(helper("synchronous"))

    async def streaming(_: Request) -> Response:
        helper("streaming")
        return StreamingResponse(stream())

    async def file(_: Request) -> Response:
        helper("file")
        return FileResponse(__file__)

    async def missing(_: Request) -> Response:
        helper("missing")
        raise HTTPException(404)

    async def broken(_: Request) -> Response:
        helper("broken")
        raise ConnectionError

    async def meet(request: Request) -> Response:
        return PlainTextResponse(await meeting.attend(request.path_params["name"]))

    async def websocket(websocket: WebSocket) -> None:
        await websocket.accept()
        helper(await websocket.receive_text())

    app = Starlette(
        routes=[
            Route("/asynchronous", asynchronous),
            Route("/synchronous", synchronous),
            Route("/streaming", streaming),
            Route("/file", file),
            Route("/missing", missing),
            Route("/broken", broken),
            Route("/meet/{name}", meet),
            WebSocketRoute("/", websocket),
        ]
    )
    app.add_middleware(BackgroundTasksMiddleware)
    return app


def fastapi_app() -> Any:
    meeting = Meeting()
    app = FastAPI()
    app.add_middleware(BackgroundTasksMiddleware, as_group=False)

    @app.get("/asynchronous")
    async def asynchronous() -> str:
        return helper("asynchronous")

    @app.get("/synchronous")
    def synchronous() -> str:
        return helper("synchronous")

    @app.get("/streaming")
    async def streaming() -> StreamingResponse:
        helper("streaming")
        return StreamingResponse(stream())

    @app.get("/file")
    def file() -> FileResponse:
        helper("file")
        return FileResponse(__file__)

    @app.get("/missing")
    def missing() -> None:
        helper("missing")
        raise HTTPException(404)

    @app.get("/broken")
    def broken() -> None:
        helper("broken")
        raise ConnectionError

    @app.get("/meet/{name}", response_class=PlainTextResponse)
    async def meet(name: str) -> str:
        return await meeting.attend(name)

    @app.websocket("/")
    async def websocket(websocket: WebSocket) -> None:
        await websocket.accept()
        helper(await websocket.receive_text())

    return app


def litestar_app() -> Any:
    meeting = Meeting()

    @litestar.get("/asynchronous")
    async def asynchronous() -> str:
        return helper("asynchronous")

    @litestar.get("/synchronous", sync_to_thread=True)
    def synchronous() -> str:
        return helper("synchronous")

    @litestar.get("/streaming")
    async def streaming() -> litestar_response.Stream:
        helper("streaming")
        return litestar_response.Stream(stream())

    @litestar.get("/file", sync_to_thread=True)
    def file() -> litestar_response.File:
        helper("file")
        return litestar_response.File(__file__)

    @litestar.get("/missing", sync_to_thread=True)
    def missing() -> None:
        helper("missing")
        raise NotFoundException

    @litestar.get("/broken", sync_to_thread=True)
    def broken() -> None:
        helper("broken")
        raise ConnectionError

    @litestar.get("/meet/{name:str}")
    async def meet(name: FromPath[str]) -> str:
        return await meeting.attend(name)

    @litestar.websocket("/")
    async def websocket(socket: litestar.WebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        helper(await socket.receive_text())

    return litestar.Litestar(
        [asynchronous, synchronous, streaming, file, missing, broken, meet, websocket],
        middleware=[BackgroundTasksMiddleware],
    )


def quart_app() -> Any:
    meeting = Meeting()
    app = Quart(__name__)

    @app.get("/asynchronous")
    async def asynchronous() -> str:
        return helper("asynchronous")

    @app.get("/synchronous")
    def synchronous() -> str:
        return helper("synchronous")

    @app.get("/streaming")
    async def streaming() -> AsyncIterator[str]:
        helper("streaming")
        return stream()

    @app.get("/file")
    async def file() -> quart.Response:
        helper("file")
        return await quart.send_file(__file__)  # pyright: ignore[reportUnknownMemberType]  # its `PathLike` lacks an argument

    @app.get("/missing")
    def missing() -> str:
        helper("missing")
        quart.abort(404)

    @app.get("/broken")
    def broken() -> str:
        helper("broken")
        raise ConnectionError

    @app.get("/meet/<name>")
    async def meet(name: str) -> str:
        return await meeting.attend(name)

    @app.websocket("/")
    async def websocket() -> None:
        helper(str(await quart.websocket.receive()))

    return BackgroundTasksMiddleware(app)


def django_app() -> Any:
    # Django has no types of its own.
    conf: Any = importlib.import_module("django.conf")
    asgi: Any = importlib.import_module("django.core.asgi")
    http: Any = importlib.import_module("django.http")
    urls: Any = importlib.import_module("django.urls")
    meeting = Meeting()

    async def asynchronous(_: object) -> object:
        return http.HttpResponse(helper("asynchronous"))

    def synchronous(_: object) -> object:
        return http.HttpResponse(helper("synchronous"))

    async def streaming(_: object) -> object:
        helper("streaming")
        return http.StreamingHttpResponse(stream())

    async def file(_: object) -> object:
        async def content() -> AsyncIterator[bytes]:
            yield b"content"

        helper("file")
        return http.FileResponse(content())

    def missing(_: object) -> object:
        helper("missing")
        raise http.Http404

    def broken(_: object) -> object:
        helper("broken")
        raise ConnectionError

    async def meet(_: object, name: str) -> object:
        return http.HttpResponse(await meeting.attend(name))

    table: Any = ModuleType("urls_of_the_django_application")
    table.urlpatterns = [
        *(
            urls.path(view.__name__, view)
            for view in (asynchronous, synchronous, streaming, file, missing, broken)
        ),
        urls.path("meet/<name>", meet),
    ]
    sys.modules[table.__name__] = table
    if not conf.settings.configured:
        conf.settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=table.__name__)
    urls.clear_url_caches()
    return BackgroundTasksMiddleware(asgi.get_asgi_application())


FRAMEWORKS = [starlette_app, fastapi_app, litestar_app, quart_app, django_app]
WITH_WEBSOCKETS = FRAMEWORKS[:-1]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize(
    ("page", "status_code"),
    [
        ("asynchronous", 200),
        ("synchronous", 200),
        ("streaming", 200),
        ("file", 200),
        ("missing", 404),
    ],
)
@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_task_added_in_a_helper_runs_once_after_the_last_byte(
    framework: Callable[[], Any], page: str, status_code: int, anyio_backend: object
) -> None:
    app = framework()
    before: list[list[str]] = []  # for each message, what ran before it was sent

    async def observed(scope: Scope, receive: Receive, send: Send) -> None:
        async def observed_send(message: dict[str, Any]) -> None:
            await send(message)
            before.append([*ran])

        await app(scope, receive, observed_send)

    response = await get(observed, f"/{page}")

    assert response.status_code == status_code
    assert ran == [*(["first", "last"] if page == "streaming" else []), page]
    assert page not in before[-1]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("framework", [litestar_app, quart_app, django_app])
async def test_tasks_run_when_the_framework_answers_a_failure_itself(
    framework: Callable[[], Any], anyio_backend: object
) -> None:
    assert (await get(framework(), "/broken")).status_code == 500
    assert ran == ["broken"]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("framework", [starlette_app, fastapi_app])
async def test_tasks_do_not_run_when_a_failure_leaves_the_framework(
    framework: Callable[[], Any], anyio_backend: object
) -> None:
    assert (await get(framework(), "/broken", raises=False)).status_code == 500
    assert ran == []


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_two_concurrent_requests_have_tasks_of_their_own(
    framework: Callable[[], Any], anyio_backend: object
) -> None:
    app = framework()
    counts: list[str] = []

    async def request(name: str) -> None:
        counts.append((await get(app, f"/meet/{name}")).text)

    async with anyio.create_task_group() as group:
        group.start_soon(request, "ada")
        group.start_soon(request, "alan")

    assert counts == ["1", "1"]
    assert sorted(ran) == ["ada", "alan"]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("framework", WITH_WEBSOCKETS)
async def test_tasks_of_a_websocket_run_when_its_endpoint_has_ended(
    framework: Callable[[], Any], anyio_backend: object
) -> None:
    await connect_websocket(framework(), "hello")

    assert ran == ["hello"]


# Each takes what it receives, for ever.


def starlette_echo() -> Any:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        while True:
            helper(await websocket.receive_text())

    return Starlette(routes=[WebSocketRoute("/", endpoint)])


def fastapi_echo() -> Any:
    app = FastAPI()

    @app.websocket("/")
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        while True:
            helper(await websocket.receive_text())

    return app


def lilya_echo() -> Any:
    async def endpoint(websocket: LilyaWebSocket) -> None:
        await websocket.accept()
        while True:
            helper(await websocket.receive_text())

    return Lilya(routes=[WebSocketPath("/", endpoint)])


def litestar_echo() -> Any:
    @litestar.websocket("/")
    async def endpoint(socket: litestar.WebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        while True:
            helper(await socket.receive_text())

    return litestar.Litestar([endpoint])


def quart_echo() -> Any:
    app = Quart(__name__)

    @app.websocket("/")
    async def endpoint() -> None:
        while True:
            helper(str(await quart.websocket.receive()))

    return app


async def end_of(app: Any, *texts: str) -> object:
    try:
        await connect_websocket(app, *texts)
    except Exception as exc:
        return type(exc), getattr(exc, "__notes__", None)
    return None


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize(
    "framework", [starlette_echo, fastapi_echo, lilya_echo, litestar_echo, quart_echo]
)
async def test_tasks_of_a_websocket_run_when_its_client_has_gone(
    framework: Callable[[], Any], anyio_backend: object
) -> None:
    of_the_framework_itself = await end_of(framework())

    end = await end_of(BackgroundTasksMiddleware(framework()), "hello", "again")

    assert ran == ["hello", "again"]
    assert end == of_the_framework_itself


class NoticedByTheServer(WebSocketDisconnect): ...


@pytest.mark.parametrize(
    "exception",
    [
        NoticedByTheServer(1006),
        ExceptionGroup("of a task group", [WebSocketDisconnect(1000)]),
    ],
)
async def test_disconnect_by_another_name_or_in_a_group_is_one(
    exception: Exception,
) -> None:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        helper("ran")
        raise exception

    with pytest.raises(type(exception)) as raised:
        await connect_websocket(BackgroundTasksMiddleware(app))

    assert raised.value is exception
    assert not hasattr(exception, "__notes__")
    assert ran == ["ran"]


@pytest.mark.parametrize(
    "failures",
    [
        [ConnectionError()],
        [WebSocketDisconnect(1000), ConnectionError()],
        [WebSocketDisconnect(1000), ExceptionGroup("", [ConnectionError()])],
    ],
)
async def test_tasks_of_a_websocket_do_not_run_when_its_endpoint_fails(
    failures: list[Exception],
) -> None:
    exception = ExceptionGroup("of a task group", failures)

    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        helper("ran")
        raise exception

    with pytest.raises(type(exception)) as raised:
        await connect_websocket(BackgroundTasksMiddleware(app))

    assert raised.value is exception
    assert exception.__notes__ == [
        "Not run, because the application failed: list.append."
    ]
    assert ran == []


async def test_disconnect_of_an_endpoints_own_client_is_a_failure() -> None:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        helper("ran")
        raise WebSocketDisconnect(1006)

    with pytest.raises(WebSocketDisconnect) as raised:
        await get(BackgroundTasksMiddleware(app))

    assert "Not run" in raised.value.__notes__[0]
    assert ran == []


async def test_tasks_run_after_the_background_that_the_response_has_of_its_own() -> (
    None
):
    async def endpoint(_: Request) -> Response:
        helper("added")
        return Response(background=StarletteTask(ran.append, "of the response"))

    await get(BackgroundTasksMiddleware(Starlette(routes=[Route("/", endpoint)])))

    assert ran == ["of the response", "added"]


async def test_request_that_adds_nothing_runs_nothing() -> None:
    runs: list[object] = []

    async def runner(task: bgtasks.BackgroundTask) -> None:
        runs.append(task)

    await get(BackgroundTasksMiddleware(PlainTextResponse("sent"), runner=runner))

    assert runs == []


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
        "Not run, because the application failed: list.append."
    ]


async def test_note_names_the_tasks_of_each_middleware_around_the_application() -> None:
    exception = ConnectionError()

    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        current_tasks().add_task(print)
        raise exception

    inner = BackgroundTasksMiddleware(app)

    async def between(scope: Scope, receive: Receive, send: Send) -> None:
        current_tasks().add_task(input)
        try:
            await inner(scope, receive, send)
        finally:
            current_tasks().add_task(len, "")

    for _ in range(2):  # the requests share the exception: no note is there twice
        with pytest.raises(ConnectionError):
            await get(BackgroundTasksMiddleware(between))
        (note,) = exception.__notes__
        assert note == (
            "Not run, because the application failed: "
            "builtins.input, builtins.len, builtins.print."
        )


async def test_note_does_not_take_the_place_of_that_by_fastapis_tasks() -> None:
    app = FastAPI()

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(print)
        current_tasks().add_task(input)
        raise ConnectionError

    with pytest.raises(ConnectionError) as raised:
        await get(BackgroundTasksMiddleware(app))

    assert raised.value.__notes__ == [
        "Not run, because the request failed: builtins.print.",
        "Not run, because the application failed: builtins.input.",
    ]


async def test_failure_within_what_outlives_a_request_leaves_that_request_over() -> (
    None
):
    outlived = anyio.Event()
    app: Any = PlainTextResponse("sent")

    async def fail(_scope: Scope, _receive: Receive, _send: Send) -> None:
        current_tasks().add_task(print)
        raise ConnectionError

    async def worker() -> None:  # with the context of the request that starts it
        await outlived.wait()
        with pytest.raises(ConnectionError):
            await get(BackgroundTasksMiddleware(fail))
        with pytest.raises(LookupError):
            current_tasks()

    async with anyio.create_task_group() as group:

        async def start(scope: Scope, receive: Receive, send: Send) -> None:
            group.start_soon(worker)
            await app(scope, receive, send)

        await get(BackgroundTasksMiddleware(start))
        outlived.set()


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
