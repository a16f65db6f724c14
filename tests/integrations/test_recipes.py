"""docs/recipes.md: what it says is so, and its snippets do what they should."""

import logging
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Annotated, Any

import anyio
import httpx
import litestar
import pytest
import stamina
from anyio import CancelScope, Event, create_task_group
from anyio.lowlevel import checkpoint
from fastapi import Depends, FastAPI
from litestar import Litestar
from litestar import Response as LitestarResponse
from sqlalchemy import select
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.exc import DetachedInstanceError
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import bgtasks.litestar
from bgtasks import BackgroundTask, BackgroundTasks, starlette
from bgtasks.fastapi import BackgroundTasks as FastAPITasks

from .page import imported
from .serving import get

pytestmark = pytest.mark.anyio


@contextmanager
def recipe(name: str) -> Generator[ModuleType]:
    with imported(name, "recipes") as page:
        yield page


async def post(app: Any, path: str, **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        return await client.post(path, headers=headers)


# A database session for each task


@pytest.fixture
async def shop() -> AsyncIterator[ModuleType]:
    """Return the recipe's application, with an empty database."""
    with recipe("sign_up") as page:
        async with page.engine.begin() as connection:
            await connection.run_sync(page.Base.metadata.create_all)
        yield page
        await page.engine.dispose()


only_asyncio = pytest.mark.parametrize("anyio_backend", ["asyncio"])


@only_asyncio
async def test_task_with_its_own_session_finds_what_the_endpoint_committed(
    shop: ModuleType,
) -> None:
    response = await post(shop.app, "/sign-up?email=ada@example.org")

    async with shop.new_session() as session:
        user = await session.get_one(shop.User, response.json())
        assert (user.email, user.is_welcomed) == ("ada@example.org", True)


@only_asyncio
async def test_tasks_of_a_group_cannot_share_a_session(shop: ModuleType) -> None:
    async def count_users(session: AsyncSession) -> None:
        await session.scalars(select(shop.User))

    await shop.engine.dispose()  # both tasks wait for a connection
    tasks = BackgroundTasks(as_group=True)
    async with shop.new_session() as session:
        tasks.add_task(count_users, session)
        tasks.add_task(count_users, session)
        with pytest.RaisesGroup(pytest.RaisesExc(InvalidRequestError)):
            await tasks()


@only_asyncio
async def test_object_of_a_closed_session_cannot_load_what_it_has_not(
    shop: ModuleType,
) -> None:
    seen: list[object] = []

    async def endpoint(_: Request) -> Response:
        async with shop.new_session.begin() as session:
            user = shop.User(email="ada@example.org")
            session.add(user)
            await session.flush()
            session.expire(user)

        async def greet() -> None:
            try:
                seen.append(user.email)
            except DetachedInstanceError as exc:
                seen.append(type(exc))

        return Response(background=starlette.BackgroundTasks([greet]))

    await get(Starlette(routes=[Route("/", endpoint)]))

    assert seen == [DetachedInstanceError]


@only_asyncio
@pytest.mark.parametrize(("scope", "seen"), [("request", 0), ("function", 1)])
async def test_task_sees_what_is_committed_after_yield_only_in_function_scope(
    scope: Any, seen: int, shop: ModuleType
) -> None:
    counts: list[int] = []

    async def committing_session() -> AsyncIterator[AsyncSession]:
        async with shop.new_session() as session:
            yield session
            await session.commit()

    async def count_users() -> None:
        async with shop.new_session() as session:
            counts.append(len((await session.scalars(select(shop.User))).all()))

    app = FastAPI()

    @app.get("/")
    async def endpoint(
        session: Annotated[AsyncSession, Depends(committing_session, scope=scope)],
        tasks: FastAPITasks,
    ) -> None:
        session.add(shop.User(email="ada@example.org"))
        await session.flush()
        tasks.add_task(count_users)

    await get(app)

    assert counts == [seen]


@only_asyncio
@pytest.mark.parametrize(("scope", "is_open"), [("request", True), ("function", False)])
async def test_dependency_with_yield_is_open_while_tasks_run_unless_function_scope(
    *, scope: Any, is_open: bool
) -> None:
    opened: list[bool] = []
    seen: list[bool] = []

    async def dependency() -> AsyncIterator[None]:
        opened.append(True)
        yield
        opened.clear()

    app = FastAPI(dependencies=[Depends(dependency, scope=scope)])

    @app.get("/")
    async def endpoint(tasks: FastAPITasks) -> None:
        tasks.add_task(lambda: seen.append(bool(opened)))

    await get(app)

    assert seen == [is_open]


# A limit


async def test_no_more_than_ten_tasks_run_at_once_in_all_requests() -> None:
    running: list[int] = []
    most: list[int] = []
    all_may_end = Event()

    async def work(number: int) -> None:
        running.append(number)
        most.append(len(running))
        if len(most) == 10:
            for _ in range(10):  # may an eleventh start?
                await checkpoint()
            all_may_end.set()
        await all_may_end.wait()
        running.remove(number)

    with recipe("ten_at_once") as page:
        async with create_task_group() as requests:
            for request in range(4):
                tasks = BackgroundTasks(as_group=True, runner=page.ten_at_once)
                for task in range(4):
                    tasks.add_task(work, 4 * request + task)
                requests.start_soon(tasks)

    assert len(most) == 16
    assert max(most) == 10


# A time limit


async def test_task_that_reaches_the_time_limit_is_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def at_once(_: float) -> object:
        return anyio.fail_after(0)

    async def fail() -> None:
        raise ConnectionError

    with recipe("within_a_second") as page:
        tasks = BackgroundTasks(
            [anyio.Event().wait, fail],
            runner=page.within_a_second,
            on_error=page.report,
        )
        vars(page)["anyio"] = SimpleNamespace(fail_after=at_once)
        await tasks()

    assert [record.getMessage().rpartition(".")[2] for record in caplog.records] == [
        "wait took longer than a second",
        "fail failed",
    ]


async def test_plain_function_ends_before_its_time_limit_is_reported() -> None:
    done: list[str] = []
    scopes: list[CancelScope] = []

    @contextmanager
    def fail_after(_: float) -> Generator[None]:
        with anyio.fail_after(60) as scope:
            scopes.append(scope)
            yield

    def reach_time_limit() -> None:
        scopes[0].deadline = anyio.current_time()

    def slow() -> None:
        anyio.from_thread.run_sync(reach_time_limit)
        done.append("slow")

    def report(_: BackgroundTask, exc: Exception) -> None:
        done.append(type(exc).__name__)

    with recipe("within_a_second") as page:
        tasks = BackgroundTasks([slow], runner=page.within_a_second, on_error=report)
        vars(page)["anyio"] = SimpleNamespace(fail_after=fail_after)
        await tasks()

    assert done == ["slow", "TimeoutError"]


# Retries


@only_asyncio
@pytest.mark.parametrize(("failures", "reported"), [(2, 0), (3, 1)])
async def test_task_has_three_attempts_and_the_last_failure_is_reported(
    failures: int, reported: int, caplog: pytest.LogCaptureFixture
) -> None:
    attempts: list[int] = []
    caplog.set_level(logging.ERROR)

    async def send_email() -> None:
        attempts.append(len(attempts))
        if len(attempts) <= failures:
            raise ConnectionError

    with (
        stamina.set_testing(True, attempts=10, cap=True),
        recipe("up_to_three_times") as page,
    ):
        tasks = BackgroundTasks(
            [send_email], runner=page.up_to_three_times, on_error=page.report
        )
        await tasks()

    assert attempts == [0, 1, 2]
    assert len(caplog.records) == reported


# The request's user


async def test_plain_endpoint_passes_the_user_as_an_argument() -> None:
    lines: list[tuple[str, str]] = []

    def write_line(text: str, *, user: str) -> None:
        lines.append((text, user))

    with recipe("order") as page:
        vars(page)["write_line"] = write_line
        await post(page.app, "/orders", user="ada")

    assert lines == [("ordered", "ada")]


async def test_async_dependency_sets_the_user_for_the_tasks_of_a_plain_endpoint(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with recipe("set_user") as page:
        await post(page.app, "/orders", user="ada")
        await post(page.app, "/orders", user="alan")

    assert capsys.readouterr().out == "ada ordered\nalan ordered\n"


variable = ContextVar[str]("variable")


def set_variable() -> None:
    variable.set("set")


@dataclass
class Seen:
    """What tasks of a request see of the variable."""

    by_tasks: list[str] = field(default_factory=list[str])

    async def look(self) -> None:
        self.by_tasks.append(variable.get("not set"))

    def look_in_thread(self) -> None:
        self.by_tasks.append(variable.get("not set"))

    @property
    def tasks(self) -> list[Callable[[], object]]:
        return [self.look, self.look_in_thread]


SEEN = ["set", "set"]
NOT_SEEN = ["not set", "not set"]


def starlette_app(*, is_async: bool, seen: Seen, sets: bool = True) -> Starlette:
    def endpoint(_: Request) -> Response:
        if sets:
            set_variable()
        return Response(background=starlette.BackgroundTasks(seen.tasks))

    async def async_endpoint(request: Request) -> Response:
        return endpoint(request)

    return Starlette(routes=[Route("/", async_endpoint if is_async else endpoint)])


def fastapi_app(*, is_async: bool, seen: Seen) -> FastAPI:
    app = FastAPI()

    def endpoint(tasks: FastAPITasks) -> None:
        set_variable()
        for task in seen.tasks:
            tasks.add_task(task)

    async def async_endpoint(tasks: FastAPITasks) -> None:
        endpoint(tasks)

    app.get("/")(async_endpoint if is_async else endpoint)
    return app


def litestar_app(*, is_async: bool, seen: Seen) -> Litestar:
    def handler() -> LitestarResponse[None]:
        set_variable()
        tasks = bgtasks.litestar.BackgroundTasks(
            [bgtasks.litestar.BackgroundTask(task) for task in seen.tasks]
        )
        return LitestarResponse(None, background=tasks)

    async def async_handler() -> LitestarResponse[None]:
        return handler()

    if is_async:
        return Litestar([litestar.get("/")(async_handler)])
    return Litestar([litestar.get("/", sync_to_thread=True)(handler)])


@pytest.mark.parametrize("new_app", [starlette_app, fastapi_app, litestar_app])
@pytest.mark.parametrize(("is_async", "expected"), [(True, SEEN), (False, NOT_SEEN)])
async def test_tasks_see_what_an_async_endpoint_sets_but_not_what_a_plain_one_sets(
    *, new_app: Callable[..., object], is_async: bool, expected: list[str]
) -> None:
    seen = Seen()

    await get(new_app(is_async=is_async, seen=seen))

    assert seen.by_tasks == expected


async def test_tasks_see_what_a_handler_of_litestar_sets_in_the_event_loop() -> None:
    seen = Seen()

    @litestar.get("/", sync_to_thread=False)
    def handler() -> LitestarResponse[None]:
        set_variable()
        task = bgtasks.litestar.BackgroundTask(seen.look)
        return LitestarResponse(None, background=task)

    await get(Litestar([handler]))

    assert seen.by_tasks == ["set"]


@pytest.mark.parametrize(("is_async", "expected"), [(True, SEEN), (False, NOT_SEEN)])
async def test_tasks_see_what_an_async_dependency_sets_but_not_what_a_plain_one_sets(
    *, is_async: bool, expected: list[str]
) -> None:
    seen = Seen()

    async def async_set_variable() -> None:
        set_variable()

    app = FastAPI(
        dependencies=[Depends(async_set_variable if is_async else set_variable)]
    )

    @app.get("/")
    def endpoint(tasks: FastAPITasks) -> None:
        for task in seen.tasks:
            tasks.add_task(task)

    await get(app)

    assert seen.by_tasks == expected


async def by_base_http(_: Request, call_next: RequestResponseEndpoint) -> Response:
    set_variable()
    return await call_next(_)


@pytest.mark.parametrize("of_starlette", [True, False])
async def test_tasks_see_what_middleware_sets(*, of_starlette: bool) -> None:
    seen = Seen()
    app = starlette_app(is_async=False, seen=seen, sets=False)

    async def middleware(scope: Any, receive: Any, send: Any) -> None:
        set_variable()
        await app(scope, receive, send)

    await get(BaseHTTPMiddleware(app, by_base_http) if of_starlette else middleware)

    assert seen.by_tasks == SEEN
