"""bgtasks.ellar: Ellar's own examples over HTTP, and injection."""

# What Ellar decorates with has no complete types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUntypedFunctionDecorator=false

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import httpx
import pytest
from ellar.app import AppFactory
from ellar.common import IHostContext, Inject, Module, ModuleRouter, middleware
from ellar.core import ModuleBase, WebSocket
from starlette import background
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

import bgtasks
from bgtasks.asgi import BackgroundTasksMiddleware, current_tasks
from bgtasks.ellar import BackgroundTask, BackgroundTasks
from examples.ellar_tasks import app

from .migration import before_and_after
from .serving import connect_websocket, get, log_lines, serving

pytestmark = pytest.mark.anyio

T = TypeVar("T")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize(
    ("path", "lines"),
    [
        ("signup-with-response", ["Welcome, ada@example.org"]),
        (
            "signup",
            ["Welcome, ada@example.org", "another_background_task parameter"],
        ),
        ("signup-with-inject", ["Welcome, ada@example.org"]),
    ],
)
def test_example_runs_its_tasks_in_order(path: str, lines: list[str]) -> None:
    with serving(app) as client:
        response = client.post(f"/background-test/{path}?email=ada@example.org")

    assert response.json() == {"status": "Signup successful"}
    assert log_lines() == lines


def test_classes_are_ours_and_starlettes() -> None:
    task, tasks = BackgroundTask(print), BackgroundTasks()

    assert isinstance(task, bgtasks.BackgroundTask)
    assert isinstance(task, background.BackgroundTask)
    assert isinstance(tasks, bgtasks.BackgroundTasks)
    assert isinstance(tasks, background.BackgroundTasks)


async def request(
    *routers: ModuleRouter, modules: Sequence[type[ModuleBase]] = ()
) -> httpx.Response:
    return await get(AppFactory.create_app(routers=routers, modules=modules))


async def test_two_parameters_get_the_same_object() -> None:
    router = ModuleRouter("")
    got: list[BackgroundTasks] = []

    @router.get("/")
    def endpoint(one: BackgroundTasks, other: Inject[BackgroundTasks]) -> str:
        got.extend([one, other])
        return ""

    await request(router)

    assert got[0] is got[1]


async def test_task_that_is_on_the_response_already_is_kept_and_runs_first() -> None:
    ran: list[str] = []
    router = ModuleRouter("")

    @router.get("/")
    def endpoint(tasks: BackgroundTasks) -> str:
        tasks.add_task(ran.append, "endpoint")
        return ""

    @Module(routers=[router])
    class WithMiddleware(ModuleBase):
        @middleware()
        async def add_task(
            self, context: IHostContext, call_next: Callable[[], Awaitable[None]]
        ) -> None:
            response = context.switch_to_http_connection().get_response()
            response.background = BackgroundTask(ran.append, "middleware")
            await call_next()

    await request(modules=[WithMiddleware])

    assert ran == ["middleware", "endpoint"]


async def test_tasks_compose_with_those_of_ellar() -> None:
    ran: list[str] = []
    router = ModuleRouter("")

    @router.get("/")
    def endpoint(theirs: background.BackgroundTasks, ours: BackgroundTasks) -> str:
        ours.add_task(ran.append, "ours")
        theirs.add_task(ran.append, "theirs")
        return ""

    await request(router)

    assert ran == ["theirs", "ours"]


async def test_tasks_do_not_run_when_the_endpoint_raises() -> None:
    ran: list[str] = []
    router = ModuleRouter("")

    @router.get("/")
    def endpoint(tasks: BackgroundTasks) -> str:
        tasks.add_task(ran.append, "ran")
        raise HTTPException(404)

    assert (await request(router)).status_code == 404
    assert ran == []


async def test_ellar_drops_injected_tasks_if_the_endpoint_returns_a_response() -> None:
    """As it does with its own; bgtasks.asgi drops nothing."""
    ran: list[str] = []
    router = ModuleRouter("")

    @router.get("/")
    def endpoint(tasks: BackgroundTasks) -> JSONResponse:
        tasks.add_task(ran.append, "injected")
        return JSONResponse("", background=BackgroundTask(ran.append, "response"))

    await request(router)

    assert ran == ["response"]


async def test_injected_tasks_run_once_if_the_endpoints_response_carries_them() -> None:
    ran: list[str] = []
    router = ModuleRouter("")

    @router.get("/")
    def endpoint(tasks: BackgroundTasks) -> JSONResponse:
        tasks.add_task(ran.append, "injected")
        return JSONResponse("", background=tasks)

    await request(router)

    assert ran == ["injected"]


def websocket_route(router: ModuleRouter) -> Callable[[T], T]:
    route: Any = router.ws_route  # by its types it cannot be called
    decorate: Callable[[T], T] = route("/")
    return decorate


async def test_parameter_of_a_websocket_says_what_to_write() -> None:
    router = ModuleRouter("")

    @websocket_route(router)
    async def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(print)

    with pytest.raises(LookupError, match="write app = BackgroundTasksMiddleware"):
        await connect_websocket(AppFactory.create_app(routers=[router]))


async def test_tasks_of_the_middleware_run_after_a_websocket() -> None:
    ran: list[str] = []
    router = ModuleRouter("")

    @websocket_route(router)
    async def endpoint(websocket: Inject[WebSocket]) -> None:
        await websocket.accept()
        current_tasks().add_task(ran.append, "task")

    app = BackgroundTasksMiddleware(AppFactory.create_app(routers=[router]))
    await connect_websocket(app)

    assert ran == ["task"]


def application_of_before(names: dict[str, Any], note: Callable[..., None]) -> object:
    new_task, new_tasks = names["BackgroundTask"], names["BackgroundTasks"]

    async def note_later(*what: object) -> None:
        note(*what)

    def injected(tasks: Any) -> str:
        tasks.add_task(note, "plain")
        tasks.add_task(note_later, "async")
        return "injected"

    injected.__annotations__["tasks"] = new_tasks

    def by_inject(tasks: Any) -> str:
        return injected(tasks)

    inject: Any = Inject
    by_inject.__annotations__["tasks"] = inject[new_tasks]

    def one() -> JSONResponse:
        return JSONResponse("one", background=new_task(note, "one"))

    def failing(tasks: Any) -> str:
        tasks.add_task(note, 1)
        tasks.add_task(int, "x")
        tasks.add_task(note, 2)
        return "failing"

    failing.__annotations__["tasks"] = new_tasks

    router = ModuleRouter("")
    for endpoint in (injected, by_inject, one, failing):
        router.get(f"/{endpoint.__name__}")(endpoint)
    return AppFactory.create_app(routers=[router])


async def test_application_of_before_does_what_it_did() -> None:
    paths = ["/injected", "/by_inject", "/one", "/failing"]

    before, after = await before_and_after("ellar", application_of_before, paths)

    assert ("one",) in before
    assert after == before
