"""bgtasks.fastapi: FastAPI's own examples over HTTP, and injection."""

import gc
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, Any

import fastapi
import pytest
from anyio import create_task_group
from fastapi import (
    Depends,
    FastAPI,
    HTTPException,
    Request,
    WebSocket,
    WebSocketDisconnect,
)
from fastapi.responses import JSONResponse, StreamingResponse
from starlette import background

import bgtasks
from bgtasks.fastapi import BackgroundTasks, background_tasks
from examples.fastapi_tasks import app as example

from .serving import connect_websocket, get, log_lines, serving

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("path", "lines"),
    [
        (
            "/send-simple-notification/ada@example.org",
            ["notification for ada@example.org: some notification"],
        ),
        (
            "/send-notification/ada@example.org?q=hello",
            ["found query: hello", "message to ada@example.org, about hello"],
        ),
        (
            "/send-notification/ada@example.org",
            ["message to ada@example.org, about nothing"],
        ),
        (
            "/send-own-response/ada@example.org",
            ["notification for ada@example.org: own response"],
        ),
    ],
)
def test_example_runs_each_task_once_in_the_order_added(
    path: str, lines: list[str]
) -> None:
    with serving(example) as client:
        assert client.post(path).status_code == 200

    assert log_lines() == lines


def test_example_with_options_logs_a_failure_and_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with serving(example) as client:
        assert client.post("/send-and-go-on/ada@example.org").status_code == 200

    assert log_lines() == ["notification for ada@example.org: after a failure"]
    assert "examples.fastapi_tasks.fail failed" in [
        record.message for record in caplog.records if record.levelno == logging.ERROR
    ]


async def test_endpoint_dependency_and_subdependency_get_the_same_object() -> None:
    app = FastAPI()
    got: list[BackgroundTasks] = []

    def lower(tasks: BackgroundTasks) -> None:
        got.append(tasks)

    async def upper(tasks: BackgroundTasks, _: Annotated[None, Depends(lower)]) -> None:
        got.append(tasks)

    @app.get("/", dependencies=[Depends(upper)])
    async def endpoint(tasks: BackgroundTasks, again: BackgroundTasks) -> None:
        got.extend([tasks, again])

    await get(app, raises=False)

    assert len(got) == 4
    assert all(tasks is got[0] for tasks in got)


async def test_each_request_gets_tasks_of_its_own() -> None:
    app = FastAPI()
    got: list[BackgroundTasks] = []

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> None:
        got.append(tasks)

    await get(app, raises=False)
    await get(app, raises=False)

    first, second = got
    assert first is not second


def test_nothing_is_added_to_the_openapi_schema() -> None:
    def schema(*, with_tasks: bool) -> object:
        app = FastAPI()

        @app.get("/{name}", operation_id="endpoint")
        async def endpoint(name: str) -> str:
            return name

        @app.get("/{name}", operation_id="endpoint")
        async def with_ours(name: str, tasks: BackgroundTasks) -> str:
            tasks.add_task(print)
            return name

        app.router.routes[:] = [
            route
            for route in app.routes
            if getattr(route, "endpoint", None)
            is (with_ours if with_tasks else endpoint)
        ]
        paths = app.openapi()["paths"]
        paths["/{name}"]["get"].pop("summary")
        return app.openapi()

    assert schema(with_tasks=True) == schema(with_tasks=False)


async def test_dependency_tasks_run_before_those_of_the_endpoint() -> None:
    app = FastAPI()
    ran: list[str] = []

    def dependency(tasks: BackgroundTasks) -> None:
        tasks.add_task(ran.append, "dependency")

    @app.get("/", dependencies=[Depends(dependency)])
    async def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(ran.append, "endpoint")

    await get(app, raises=False)

    assert ran == ["dependency", "endpoint"]


async def test_tasks_run_though_the_response_has_a_background_of_its_own() -> None:
    app = FastAPI()
    ran: list[str] = []

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> JSONResponse:
        tasks.add_task(ran.append, "injected")
        return JSONResponse(
            {}, background=background.BackgroundTask(ran.append, "of the response")
        )

    await get(app, raises=False)

    assert ran == ["of the response", "injected"]


async def test_tasks_run_once_if_the_response_carries_them_too() -> None:
    app = FastAPI()
    ran: list[str] = []

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> JSONResponse:
        tasks.add_task(ran.append, "injected")
        return JSONResponse({}, background=tasks)

    await get(app, raises=False)

    assert ran == ["injected"]


async def test_tasks_compose_with_those_of_fastapi() -> None:
    app = FastAPI()
    ran: list[str] = []

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks, theirs: fastapi.BackgroundTasks) -> None:
        tasks.add_task(ran.append, "ours")
        theirs.add_task(ran.append, "theirs")

    await get(app, raises=False)

    assert sorted(ran) == ["ours", "theirs"]


async def test_tasks_run_after_the_last_byte_of_a_stream() -> None:
    app = FastAPI()
    happened: list[str] = []

    async def body() -> AsyncIterator[str]:
        for part in ("first", "last"):
            happened.append(part)
            yield part

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> StreamingResponse:
        tasks.add_task(happened.append, "task")
        return StreamingResponse(body())

    assert (await get(app, raises=False)).text == "firstlast"
    assert happened == ["first", "last", "task"]


@pytest.mark.parametrize("status_code", [404, 500])
async def test_tasks_do_not_run_when_the_endpoint_raises_and_a_note_says_so(
    status_code: int,
) -> None:
    app = FastAPI()
    ran: list[str] = []
    exception = HTTPException(404) if status_code == 404 else ValueError("away")

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(ran.append, "ran")
        raise exception

    assert (await get(app, raises=False)).status_code == status_code
    assert ran == []
    assert exception.__notes__ == ["Not run, because the request failed: list.append."]


async def test_note_names_the_tasks_of_all_collections_of_a_failed_request() -> None:
    app = FastAPI()
    exception = HTTPException(404)

    class Mails(BackgroundTasks):
        pass

    class Filled(BackgroundTasks):
        def __init__(self) -> None:
            super().__init__()

    async def inner(filled: Annotated[Filled, Depends(Filled)]) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            filled.add_task(bytes)

    @app.get("/")
    async def endpoint(
        tasks: BackgroundTasks,
        mails: Mails,
        grouped: Annotated[BackgroundTasks, Depends(background_tasks(as_group=True))],
        _: Annotated[None, Depends(inner)],
    ) -> None:
        tasks.add_task(print)
        mails.add_task(input)
        grouped.add_task(len, "")
        raise exception

    for _ in range(2):  # the requests share the exception: no note is there twice
        assert (await get(app, raises=False)).status_code == 404
        (note,) = exception.__notes__
        assert note == (
            "Not run, because the request failed: "
            "builtins.print, builtins.input, builtins.len, builtins.bytes."
        )


async def test_exception_gets_no_note_if_no_task_was_added() -> None:
    app = FastAPI()
    exception = HTTPException(404)

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> None:
        assert tasks.tasks == []
        raise exception

    assert (await get(app, raises=False)).status_code == 404
    assert not hasattr(exception, "__notes__")


async def test_failing_task_leaves_with_a_note_of_what_was_not_run() -> None:
    app = FastAPI()
    ran: list[str] = []

    async def fail() -> None:
        raise ConnectionError

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> str:
        tasks.add_task(fail)
        tasks.add_task(ran.append, "ran")
        return "sent"

    with pytest.raises(ConnectionError) as raised:
        await get(app)
    assert "Not run: " in raised.value.__notes__[-1]
    assert (await get(app, raises=False)).json() == "sent"
    assert ran == []


@pytest.mark.parametrize(
    ("own", "events"),
    [
        (None, ["task", "after closed", "before closed"]),
        (
            background.BackgroundTask(lambda: None),
            ["after closed", "task", "before closed"],
        ),
    ],
    ids=["", "response has a background of its own"],
)
async def test_dependencies_are_open_while_tasks_run(
    own: background.BackgroundTask | None, events: list[str]
) -> None:
    app = FastAPI()
    happened: list[str] = []

    async def before() -> AsyncGenerator[None]:
        yield
        happened.append("before closed")

    async def after() -> AsyncGenerator[None]:
        yield
        happened.append("after closed")

    @app.get("/")
    async def endpoint(
        _before: Annotated[None, Depends(before)],
        tasks: BackgroundTasks,
        _after: Annotated[None, Depends(after)],
    ) -> JSONResponse:
        tasks.add_task(happened.append, "task")
        return JSONResponse({}, background=own)

    await get(app, raises=False)

    assert happened == events


async def test_options_reach_the_tasks() -> None:
    app = FastAPI()
    seen: list[object] = []

    async def runner(task: bgtasks.BackgroundTask) -> None:
        seen.append("runner")
        await task()

    def on_error(_: bgtasks.BackgroundTask, exc: Exception) -> None:
        seen.append(exc.args)

    async def fail(reason: str) -> None:
        raise ConnectionError(reason)

    @app.get("/")
    async def endpoint(
        tasks: Annotated[
            BackgroundTasks,
            Depends(background_tasks(as_group=True, on_error=on_error, runner=runner)),
        ],
    ) -> str:
        tasks.add_task(fail, "away")
        return repr(tasks)

    assert (await get(app, raises=False)).json().endswith("as_group=True)")
    assert seen == ["runner", ("away",)]


@pytest.mark.parametrize("option", ["on_error", "runner"])
def test_wrong_option_is_refused_when_the_dependency_is_made(option: str) -> None:
    wrong: dict[str, Any] = {option: "not callable"}

    with pytest.raises(TypeError, match=f"{option} must be callable"):
        background_tasks(**wrong)


async def test_tasks_of_a_websocket_run_when_the_endpoint_has_ended() -> None:
    app = FastAPI()
    happened: list[str] = []

    @app.websocket("/")
    async def endpoint(websocket: WebSocket, tasks: BackgroundTasks) -> None:
        await websocket.accept()
        tasks.add_task(happened.append, "task")
        happened.append(await websocket.receive_text())

    await connect_websocket(app, "hello")

    assert happened == ["hello", "task"]


async def test_tasks_of_a_websocket_run_when_its_client_has_gone() -> None:
    app = FastAPI()
    happened: list[str] = []

    @app.websocket("/")
    async def endpoint(websocket: WebSocket, tasks: BackgroundTasks) -> None:
        await websocket.accept()
        while True:
            tasks.add_task(happened.append, await websocket.receive_text())

    with pytest.raises(WebSocketDisconnect) as raised:
        await connect_websocket(app, "hello", "again")

    assert happened == ["hello", "again"]
    assert not hasattr(raised.value, "__notes__")


async def test_tasks_of_a_websocket_run_when_its_client_has_gone_in_a_task_group() -> (
    None
):
    app = FastAPI()
    ran: list[str] = []

    @app.websocket("/")
    async def endpoint(websocket: WebSocket, tasks: BackgroundTasks) -> None:
        await websocket.accept()
        tasks.add_task(ran.append, "ran")
        async with create_task_group() as group:
            group.start_soon(websocket.receive_text)

    with pytest.raises(ExceptionGroup):
        await connect_websocket(app)

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

    app = FastAPI()
    ran: list[str] = []

    @app.websocket("/")
    async def endpoint(websocket: WebSocket, tasks: BackgroundTasks) -> None:
        await websocket.accept()
        tasks.add_task(ran.append, "ran")
        raise exception

    with pytest.raises(ExceptionGroup) as raised:
        await connect_websocket(app)

    assert raised.value is exception
    assert ran == []
    assert exception.__notes__ == ["Not run, because the request failed: list.append."]


async def test_disconnect_of_an_endpoints_own_client_is_a_failure() -> None:
    app = FastAPI()
    ran: list[str] = []

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(ran.append, "ran")
        raise WebSocketDisconnect(1006)

    with pytest.raises(WebSocketDisconnect) as raised:
        await get(app)

    assert ran == []
    assert "Not run" in raised.value.__notes__[0]


async def test_failure_of_a_task_after_a_disconnect_goes_on_in_its_place() -> None:
    app = FastAPI()
    ran: list[str] = []

    async def fail() -> None:
        raise ConnectionError

    @app.websocket("/")
    async def endpoint(websocket: WebSocket, tasks: BackgroundTasks) -> None:
        await websocket.accept()
        tasks.add_task(fail)
        tasks.add_task(ran.append, "ran")
        await websocket.receive_text()

    with pytest.raises(ConnectionError) as raised:
        await connect_websocket(app)

    assert raised.value.__notes__[-1] == "Not run: list.append."
    assert isinstance(raised.value.__context__, WebSocketDisconnect)
    assert ran == []


# Scopes and caches


async def test_tasks_run_after_the_last_byte_whatever_the_scope() -> None:
    app = FastAPI()
    happened: list[str] = []

    async def body() -> AsyncIterator[str]:
        happened.append("body")
        yield "body"

    @app.get("/")
    async def endpoint(
        tasks: Annotated[
            BackgroundTasks, Depends(background_tasks(), scope="function")
        ],
        with_options: Annotated[
            BackgroundTasks,
            Depends(background_tasks(as_group=True), scope="function"),
        ],
        plain: BackgroundTasks,
    ) -> StreamingResponse:
        assert plain is tasks
        tasks.add_task(happened.append, "task")
        with_options.add_task(happened.append, "task with options")
        return StreamingResponse(body())

    await get(app)

    assert happened == ["body", "task", "task with options"]


async def test_dependency_with_another_way_to_be_cached_gives_the_same_tasks() -> None:
    app = FastAPI()

    @app.get("/")
    async def endpoint(
        tasks: Annotated[BackgroundTasks, Depends(background_tasks(), use_cache=False)],
        plain: BackgroundTasks,
    ) -> bool:
        return plain is tasks

    assert (await get(app)).json() is True


async def test_tasks_that_an_inner_dependency_adds_when_it_ends_run_too() -> None:
    app = FastAPI()
    ran: list[str] = []

    async def inner(tasks: BackgroundTasks) -> AsyncGenerator[None]:
        yield
        tasks.add_task(ran.append, "at the end")

    @app.get("/")
    async def endpoint(
        _: Annotated[None, Depends(inner)], tasks: BackgroundTasks
    ) -> None:
        tasks.add_task(ran.append, "of the endpoint")

    await get(app)

    assert ran == ["of the endpoint", "at the end"]


async def test_task_added_after_the_end_of_the_request_is_warned_of() -> None:
    app = FastAPI()
    kept: list[BackgroundTasks] = []

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(list[int])
        kept.append(tasks)

    await get(app)
    kept[0].add_task(kept.clear)

    def forget() -> None:
        kept.clear()
        gc.collect()

    with pytest.warns(ResourceWarning, match=r"never run: list\.clear"):
        forget()


async def test_tasks_of_a_request_that_failed_are_warned_of_once_by_the_note(
    recwarn: pytest.WarningsRecorder,
) -> None:
    gc.collect()  # what other tests have left warns now
    recwarn.clear()
    app = FastAPI()

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(list[int])
        raise HTTPException(404)

    await get(app)
    gc.collect()

    assert recwarn.list == []


async def test_error_page_of_an_exception_handler_runs_no_task() -> None:
    app = FastAPI()
    ran: list[str] = []

    @app.exception_handler(KeyError)
    async def handle(_: Request, exc: Exception) -> JSONResponse:
        return JSONResponse({"notes": exc.__notes__}, status_code=404)

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(ran.append, "ran")
        raise KeyError

    assert "Not run" in (await get(app, raises=False)).json()["notes"][0]
    assert ran == []
