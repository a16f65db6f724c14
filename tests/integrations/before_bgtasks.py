"""An application that was there before bgtasks. The tests change its import, no more.

Each path is a way to use background tasks, and `happened` says what that did. Each
function whose name begins with `check_` is a way to use the class.
"""

import copy
import functools
import pickle
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import (
    Annotated,
    Any,
    Generic,
    NamedTuple,
    Protocol,
    TypeVar,
    get_type_hints,
    runtime_checkable,
)
from unittest.mock import MagicMock, create_autospec, patch

import pydantic
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, HTTPException, Request
from fastapi.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from fastapi.routing import APIRoute
from starlette import background
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from typing_extensions import override

happened: list[object] = []
NONE: Any = None


def note(what: object) -> None:
    happened.append(what)


app = FastAPI()


# Endpoints


@app.get("/async")
async def in_async_endpoint(tasks: BackgroundTasks) -> None:
    tasks.add_task(note, "task")
    note("endpoint")


@app.get("/plain")
def in_plain_endpoint(tasks: BackgroundTasks) -> None:
    tasks.add_task(note, "task")


@app.get("/quoted")
async def with_quoted_annotation(tasks: "BackgroundTasks") -> None:
    tasks.add_task(note, "task")


@app.get("/none-as-default")
async def with_none_as_default(tasks: BackgroundTasks = NONE) -> None:
    tasks.add_task(note, "task")


@app.get("/object-as-default")
async def with_object_as_default(
    tasks: BackgroundTasks = BackgroundTasks(),  # noqa: B008
) -> None:
    tasks.add_task(note, "task")


Alias = Annotated[BackgroundTasks, "what an application says of it"]


@app.get("/alias")
async def with_alias(tasks: Alias) -> None:
    tasks.add_task(note, "task")


async def partial_endpoint(what: str, tasks: BackgroundTasks) -> None:
    tasks.add_task(note, what)


app.get("/partial")(functools.partial(partial_endpoint, "partial"))


def decorated(endpoint: Callable[..., Awaitable[None]]) -> Callable[..., Any]:
    @functools.wraps(endpoint)
    async def wrapper(*args: Any, **kwargs: Any) -> None:
        kwargs["tasks"].add_task(note, "decorator")
        await endpoint(*args, **kwargs)

    return wrapper


@app.get("/decorated")
@decorated
async def decorated_endpoint(tasks: BackgroundTasks) -> None:
    tasks.add_task(note, "endpoint")


@app.get("/list")
async def with_list(tasks: BackgroundTasks) -> list[Any]:
    tasks.add_task(note, "task")
    (task,) = tasks.tasks
    return [task.func is note, task.args, task.kwargs, task.is_async]


@app.get("/appended")
async def appended(tasks: BackgroundTasks) -> None:
    listed: list[Any] = tasks.tasks
    listed.append(background.BackgroundTask(note, "appended"))
    listed.insert(0, background.BackgroundTask(note, "inserted"))


@app.get("/nested")
async def nested(tasks: BackgroundTasks) -> None:
    def outer() -> None:
        note("outer")
        tasks.add_task(note, "inner")

    tasks.add_task(outer)


@app.get("/failing")
async def failing(tasks: BackgroundTasks) -> None:
    tasks.add_task(note, "before")
    tasks.add_task(int, "not a number")
    tasks.add_task(note, "after")


# Dependencies


def dependency(tasks: BackgroundTasks) -> BackgroundTasks:
    tasks.add_task(note, "dependency")
    return tasks


@app.get("/dependency")
async def with_dependency(
    tasks: BackgroundTasks, same: Annotated[BackgroundTasks, Depends(dependency)]
) -> None:
    tasks.add_task(note, tasks is same)


class Service:
    def __init__(self, background_tasks: BackgroundTasks, number: int = 3) -> None:
        self.background_tasks = background_tasks
        self.number = number


@app.get("/class")
async def with_class(service: Annotated[Service, Depends()]) -> None:
    service.background_tasks.add_task(note, service.number)


@dataclass
class Form:
    tasks: BackgroundTasks
    number: int = 4


@app.get("/dataclass")
async def with_dataclass(form: Annotated[Form, Depends(Form)]) -> None:
    form.tasks.add_task(note, form.number)


T = TypeVar("T")


class Repository(Generic[T]):
    def __init__(self, tasks: BackgroundTasks) -> None:
        self.tasks = tasks

    def save(self, item: T) -> None:
        self.tasks.add_task(note, item)


@app.get("/generic")
async def with_generic(
    repository: Annotated[Repository[int], Depends(Repository[int])],
) -> None:
    repository.save(5)


async def session() -> AsyncIterator[str]:
    note("open")
    yield "session"
    note("closed")


@app.get("/yield")
async def with_yield(
    tasks: BackgroundTasks, opened: Annotated[str, Depends(session)]
) -> None:
    tasks.add_task(note, f"task with {opened}")


@app.get("/yield-of-the-function")
async def with_yield_of_the_function(
    tasks: BackgroundTasks, opened: Annotated[str, Depends(session, scope="function")]
) -> None:
    tasks.add_task(note, f"task with {opened}")


@app.get("/invalid", dependencies=[Depends(dependency)])
async def invalid(number: int) -> None:
    note(number)


# Helpers


def helper(tasks: background.BackgroundTasks) -> None:
    given: Any = tasks
    tasks.add_task(note, isinstance(given, background.BackgroundTasks))
    tasks.add_task(note, isinstance(given, BackgroundTasks))


@app.get("/helper")
async def with_helper(tasks: BackgroundTasks) -> None:
    helper(tasks)


# Responses


async def parts() -> AsyncIterator[str]:
    for part in ("first", "last"):
        note(part)
        yield part


@app.get("/stream")
async def stream(tasks: BackgroundTasks) -> StreamingResponse:
    tasks.add_task(note, "task")
    return StreamingResponse(parts())


@app.get("/stream-that-adds")
async def stream_that_adds(tasks: BackgroundTasks) -> StreamingResponse:
    def adding() -> Iterator[str]:
        yield "part"
        tasks.add_task(note, "added by the stream")

    return StreamingResponse(adding())


@app.get("/yielding", response_class=StreamingResponse)
async def yielding(tasks: BackgroundTasks) -> AsyncIterator[str]:
    tasks.add_task(note, "task")
    async for part in parts():
        yield part
    tasks.add_task(note, "added at the end")


@app.get("/file")
async def file() -> FileResponse:
    return FileResponse(
        __file__, background=background.BackgroundTask(note, "file sent")
    )


@app.get("/html", response_class=HTMLResponse)
async def html(tasks: BackgroundTasks) -> str:
    tasks.add_task(note, "task")
    return "<p>sent</p>"


@app.get("/redirect")
async def redirect(tasks: BackgroundTasks) -> RedirectResponse:
    tasks.add_task(note, "task")
    return RedirectResponse("/plain")


@app.get("/no-content", status_code=204)
async def no_content(tasks: BackgroundTasks) -> None:
    tasks.add_task(note, "task")


@app.get("/given-to-the-response")
async def given_to_the_response(tasks: BackgroundTasks) -> JSONResponse:
    tasks.add_task(note, "task")
    return JSONResponse({}, background=tasks)


@app.get("/made-for-the-response")
async def made_for_the_response() -> JSONResponse:
    tasks = BackgroundTasks()
    tasks.add_task(note, "first")
    tasks.add_task(note, "second")
    return JSONResponse({}, background=tasks)


# Exceptions


class Refused(Exception):
    def __init__(self, tasks: BackgroundTasks | None = None) -> None:
        self.tasks = tasks


@app.exception_handler(Refused)
async def handle(_: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, Refused)
    tasks = exc.tasks or BackgroundTasks()
    tasks.add_task(note, "handler")
    return JSONResponse({}, status_code=418, background=tasks)


@app.get("/refused")
async def refused(tasks: BackgroundTasks) -> None:
    tasks.add_task(note, "never runs")
    raise Refused


@app.get("/refused-with-tasks")
async def refused_with_tasks(tasks: BackgroundTasks) -> None:
    tasks.add_task(note, "task")
    raise Refused(tasks)


@app.get("/not-found")
async def not_found(tasks: BackgroundTasks) -> None:
    tasks.add_task(note, "never runs")
    raise HTTPException(404)


# Middleware, routers, applications


async def add_in_middleware(
    request: Request, call_next: RequestResponseEndpoint
) -> Response:
    request.state.tasks = BackgroundTasks()
    response = await call_next(request)
    if request.state.tasks.tasks:
        response.background = request.state.tasks
    return response


app.add_middleware(BaseHTTPMiddleware, dispatch=add_in_middleware)


@app.get("/middleware")
async def for_the_middleware(request: Request, tasks: BackgroundTasks) -> None:
    request.state.tasks.add_task(note, "middleware")
    tasks.add_task(note, "endpoint")


class AddingRoute(APIRoute):
    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            response = await handler(request)
            had = response.background
            tasks = BackgroundTasks()
            if had is not None:
                tasks.add_task(had)
            tasks.add_task(note, "route")
            response.background = tasks
            return response

        return handle


def in_router(tasks: BackgroundTasks) -> None:
    tasks.add_task(note, "router")


def where_included(tasks: BackgroundTasks) -> None:
    tasks.add_task(note, "include_router")


router = APIRouter(dependencies=[Depends(in_router)], route_class=AddingRoute)


@router.get("/")
async def in_route(tasks: BackgroundTasks) -> None:
    tasks.add_task(note, "endpoint")


app.include_router(router, prefix="/router", dependencies=[Depends(where_included)])
app.include_router(router, prefix="/router-again")


def in_app(tasks: BackgroundTasks) -> None:
    tasks.add_task(note, "app")


mounted = FastAPI(dependencies=[Depends(in_app)])


@mounted.get("/")
async def in_mounted(tasks: BackgroundTasks) -> None:
    tasks.add_task(note, "task")


app.mount("/mounted", mounted)


# Uses of the class


def check_isinstance() -> object:
    tasks: Any = BackgroundTasks()
    cls: Any = BackgroundTasks
    return [
        isinstance(tasks, (int, BackgroundTasks)),
        isinstance(tasks, BackgroundTasks | None),
        isinstance(1, BackgroundTasks),
        issubclass(cls, background.BackgroundTasks),
        type(tasks) is BackgroundTasks,
    ]


def check_dispatch() -> object:
    @functools.singledispatch
    def kind(_: object) -> str:
        return "another"

    @kind.register(BackgroundTasks)
    def _(_: object) -> str:
        return "tasks"

    given: Any = BackgroundTasks()
    match given:
        case BackgroundTasks(tasks=tasks):
            return [kind(given), kind(1), tasks]
        case _:
            return "another"


@runtime_checkable
class Adds(Protocol):
    def add_task(self, func: Any, *args: Any) -> None: ...


class Kept(NamedTuple):
    tasks: BackgroundTasks


Tasks = TypeVar("Tasks", bound=BackgroundTasks)


def check_types() -> object:
    bound: Any = Tasks
    tasks: Any = BackgroundTasks()

    def optional(tasks: BackgroundTasks | None, more: list[BackgroundTasks]) -> None:
        """Take tasks."""

    hints = get_type_hints(optional, include_extras=True)
    return [
        isinstance(tasks, Adds),
        Kept(BackgroundTasks()).tasks.tasks,
        bound.__bound__ is BackgroundTasks,
        hints["tasks"] == BackgroundTasks | None,
        hints["more"] == list[BackgroundTasks],
    ]


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)

    tasks: BackgroundTasks = pydantic.Field(exclude=True)
    more: BackgroundTasks | None = None
    number: int = 0


class WithInstance(pydantic.BaseModel):
    tasks: pydantic.InstanceOf[BackgroundTasks]


def check_models() -> object:
    tasks = BackgroundTasks()
    model = Model(tasks=tasks)
    refused: list[str] = []
    wrong: Any = 1
    for make in (
        lambda: Model(tasks=wrong),
        lambda: Model(tasks=tasks, more=wrong),
        lambda: WithInstance(tasks=wrong),
    ):
        try:
            make()
        except pydantic.ValidationError as exc:
            refused += [each["type"] for each in exc.errors()]
    return [
        model.tasks is tasks,
        WithInstance(tasks=tasks).tasks is tasks,
        model.model_dump(),
        refused,
    ]


def check_copies() -> object:
    tasks = BackgroundTasks()
    tasks.add_task(note, what="task")
    copies = (
        copy.copy(tasks),
        copy.deepcopy(tasks),
        pickle.loads(pickle.dumps(tasks)),  # noqa: S301
    )
    return [
        (type(each) is BackgroundTasks, task.func is note, task.kwargs)
        for each in copies
        for task in each.tasks
    ]


def check_identity() -> object:
    one, other = BackgroundTasks(), BackgroundTasks()
    return [one == other, len({one, other, one}), weakref.ref(one)() is one, bool(one)]


def check_constructor() -> object:
    task = background.BackgroundTask(note, "task")
    lists: list[Any] = [None, (), [task], (task, task)]
    return [len(BackgroundTasks(each).tasks) for each in lists]


# Ways to replace it in tests


def adds(tasks: BackgroundTasks) -> None:
    tasks.add_task(note, "added")


def check_mocks() -> object:
    seen: list[object] = []
    mocks: list[Any] = [
        MagicMock(spec=BackgroundTasks),
        MagicMock(spec=BackgroundTasks()),
        create_autospec(BackgroundTasks),
        create_autospec(BackgroundTasks)(),
        create_autospec(BackgroundTasks, instance=True),
    ]
    for mock in mocks:
        if not isinstance(mock, type):
            seen.append(isinstance(mock, BackgroundTasks))
        seen += [hasattr(mock, "tasks"), hasattr(mock, "ad_task")]
    for mock in (mocks[0], mocks[1], mocks[3], mocks[4]):
        adds(mock)
        mock.add_task.assert_called_once_with(note, "added")
    try:
        mocks[4].add_task()
    except TypeError:
        seen.append("refused")
    return seen


def check_patch_object() -> object:
    tasks = BackgroundTasks()
    with patch.object(BackgroundTasks, "add_task") as add_task:
        adds(tasks)
    add_task.assert_called_once_with(note, "added")
    with patch.object(BackgroundTasks, "add_task", autospec=True) as add_task:
        adds(tasks)
    add_task.assert_called_once_with(tasks, note, "added")
    adds(tasks)
    return len(tasks.tasks)


def check_assignment() -> object:
    cls: Any = BackgroundTasks
    original = cls.add_task
    seen: list[object] = []

    def fake(_: object, *given: object) -> None:
        seen.append(given[1:])

    cls.add_task = fake
    try:
        adds(BackgroundTasks())
    finally:
        cls.add_task = original
    tasks = BackgroundTasks()
    adds(tasks)
    return [seen, len(tasks.tasks)]
