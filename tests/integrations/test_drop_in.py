"""An application that was there before changes one import, and does what it did.

Then what differs, case by case: the migration guide has it.
"""

import gc
import sys
from abc import abstractmethod
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import contextmanager, suppress
from functools import cache, partialmethod
from importlib import import_module
from inspect import Parameter, Signature
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Protocol, get_type_hints
from unittest.mock import patch

import fastapi
import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from starlette import background
from typing_extensions import override

import bgtasks
import bgtasks.starlette
from bgtasks.fastapi import BackgroundTasks, background_tasks

from . import before_bgtasks
from .serving import get

pytestmark = pytest.mark.anyio


@pytest.fixture
def ran() -> list[object]:
    return []


# One import is changed

BEFORE = Path(before_bgtasks.__file__).read_text("utf-8")
FUTURE = "from __future__ import annotations\n"
PATHS = [*before_bgtasks.app.openapi()["paths"], "/mounted/"]
CHECKS = [name for name in vars(before_bgtasks) if name.startswith("check_")]


def migrated(source: str) -> str:
    return source.replace(
        "from fastapi import APIRouter, BackgroundTasks, ",
        "from bgtasks.fastapi import BackgroundTasks\nfrom fastapi import APIRouter, ",
    )


@contextmanager
def running(source: str) -> Generator[ModuleType]:
    try:
        # Pickle, and annotations when a route is added, look things up there.
        sys.modules["application"] = module = executed(source)
        module.happened.clear()
        yield module
    finally:
        del sys.modules["application"]


@cache  # FastAPI takes long to look at so many endpoints
def executed(source: str) -> ModuleType:
    sys.modules["application"] = module = ModuleType("application")
    module.__file__ = before_bgtasks.__file__
    exec(compile(source, module.__name__, "exec", dont_inherit=True), vars(module))  # noqa: S102
    return module


def test_one_import_is_changed() -> None:
    with running(migrated(BEFORE)) as application:
        assert application.BackgroundTasks is BackgroundTasks
    assert vars(before_bgtasks)["BackgroundTasks"] is fastapi.BackgroundTasks


def answers(source: str, path: str) -> object:
    new_client: Any = import_module("fastapi.testclient").TestClient  # it warns
    with (
        running(source) as application,
        new_client(
            application.app, raise_server_exceptions=False, follow_redirects=False
        ) as client,
    ):
        response = client.get(path)
        return response.status_code, response.text, [*application.happened]


@pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")
@pytest.mark.parametrize("future", ["", FUTURE], ids=["", "postponed annotations"])
@pytest.mark.parametrize("path", PATHS)
def test_request_does_what_it_did(path: str, future: str) -> None:
    docstring = BEFORE.partition('"""\n')[0]
    source = BEFORE.replace(f'{docstring}"""\n', f'{docstring}"""\n{future}', 1)

    before = answers(source, path)

    assert answers(migrated(source), path) == before


def test_openapi_description_is_what_it_was() -> None:
    with running(migrated(BEFORE)) as application:
        assert application.app.openapi() == before_bgtasks.app.openapi()


@pytest.mark.parametrize("name", CHECKS)
def test_class_does_what_it_did(name: str) -> None:
    with running(migrated(BEFORE)) as application:
        after = getattr(application, name)()

    assert repr(after) == repr(getattr(before_bgtasks, name)())


# What applications do with the class, and what differs


async def test_helper_typed_with_starlettes_class_takes_the_tasks(
    ran: list[object],
) -> None:
    def helper(tasks: bgtasks.starlette.BackgroundTasks) -> None:
        assert isinstance(tasks, bgtasks.starlette.BackgroundTasks)
        assert isinstance(tasks, background.BackgroundTasks)
        tasks.add_task(ran.append, "ran")

    app = FastAPI()

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> None:
        helper(tasks)

    await get(app)

    assert ran == ["ran"]


async def test_isinstance_tells_the_tasks_from_something_else(
    ran: list[object],
) -> None:
    app = FastAPI()

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> None:
        given: list[object] = [tasks, None, background.BackgroundTasks()]
        ran.extend(isinstance(each, BackgroundTasks) for each in given)

    await get(app)

    assert ran == [True, False, False]


async def test_what_is_appended_to_the_tasks_of_the_response_runs(
    ran: list[object],
) -> None:
    async def function() -> None:
        ran.append("async function")

    class Appending(APIRoute):
        @override
        def get_route_handler(self) -> Callable[[Request], Any]:
            handler = super().get_route_handler()

            async def handle(request: Request) -> Response:
                response = await handler(request)
                of_response: Any = response.background
                of_response.tasks.append(BackgroundTasks([lambda: ran.append("ours")]))
                of_response.tasks.append(background.BackgroundTask(ran.append, "task"))
                of_response.tasks.append(function)
                return response

            return handle

    app = FastAPI()
    router = APIRouter(route_class=Appending)

    @router.get("/")
    async def endpoint(tasks: BackgroundTasks) -> JSONResponse:
        tasks.add_task(ran.append, "added")
        return JSONResponse({}, background=tasks)

    app.include_router(router)

    await get(app)

    assert ran == ["added", "ours", "task", "async function"]


async def test_function_by_keyword_is_refused_in_the_request() -> None:
    app = FastAPI()

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> None:
        untyped: Any = tasks
        untyped.add_task(func=print)

    with pytest.raises(TypeError, match="func"):
        await get(app)


async def test_starlettes_class_of_ours_as_a_parameter_gets_fastapis_own(
    ran: list[object],
) -> None:
    app = FastAPI()

    @app.get("/")
    async def endpoint(tasks: bgtasks.starlette.BackgroundTasks) -> None:
        ran.append(type(tasks))

    await get(app)

    assert ran == [fastapi.BackgroundTasks]


async def test_assignment_to_add_task_is_what_requests_use_until_it_is_taken_back(
    ran: list[object],
) -> None:
    app = FastAPI()
    cls: Any = BackgroundTasks

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(ran.append, "task")

    def fake(_: object, *given: object) -> None:
        ran.append(("fake", *given[1:]))

    add_task = cls.add_task
    cls.add_task = fake
    try:
        await get(app)
    finally:
        cls.add_task = add_task
    await get(app)

    assert ran == [("fake", "task"), "task"]
    del cls.add_task  # the class had inherited it
    await get(app)
    assert ran[2:] == ["task"]


async def test_depends_as_a_default_is_refused_and_in_annotated_works(
    ran: list[object],
) -> None:
    def get_tasks(tasks: BackgroundTasks) -> BackgroundTasks:
        return tasks

    app = FastAPI()

    with pytest.raises(AssertionError, match="`Depends` in `Annotated` and default"):

        @app.get("/refused")
        async def refused(tasks: BackgroundTasks = Depends(get_tasks)) -> None: ...  # noqa: B008, FAST002

    @app.get("/")
    async def endpoint(tasks: Annotated[BackgroundTasks, Depends(get_tasks)]) -> None:
        tasks.add_task(ran.append, "ran")

    await get(app)

    assert ran == ["ran"]


# A class-based view makes parameters of annotations, as fastapi-utils does.


def view(cls: type[Any]) -> type[Any]:
    def init(self: Any, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)

    parameters = [
        Parameter(
            name,
            Parameter.KEYWORD_ONLY,
            annotation=hint,
            default=getattr(cls, name, Parameter.empty),
        )
        for name, hint in get_type_hints(cls).items()
    ]
    return type(
        "View", (cls,), {"__init__": init, "__signature__": Signature(parameters)}
    )


async def test_view_whose_hints_have_no_extras_needs_depends(
    ran: list[object],
) -> None:
    class Bare:
        tasks: BackgroundTasks

    class WithDepends:
        tasks: BackgroundTasks = Depends(background_tasks())

    bare, with_depends = view(Bare), view(WithDepends)
    app = FastAPI()

    @app.get("/")
    async def endpoint(
        one: Annotated[Any, Depends(bare)],
        other: Annotated[Any, Depends(with_depends)],
        tasks: BackgroundTasks,
    ) -> None:
        ran.append(one.tasks.__class__)
        ran.append(other.tasks is tasks)

    await get(app)

    assert ran == [fastapi.BackgroundTasks, True]


async def test_tasks_run_though_somebody_removes_the_responses_background(
    ran: list[object],
) -> None:
    class Removing(APIRoute):
        @override
        def get_route_handler(self) -> Callable[[Request], Any]:
            handler = super().get_route_handler()

            async def handle(request: Request) -> Response:
                response = await handler(request)
                response.background = None
                return response

            return handle

    app = FastAPI()
    router = APIRouter(route_class=Removing)

    @router.get("/")
    async def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(ran.append, "ran")

    app.include_router(router)

    await get(app)

    assert ran == ["ran"]


class Answering(APIRoute):
    """Turns a failure into a response."""

    @override
    def get_route_handler(self) -> Callable[[Request], Any]:
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except LookupError:
                return Response(status_code=404)

        return handle


def answer_not_found(_request: Request, _exc: Exception) -> Response:
    return Response(status_code=404)


async def catching() -> AsyncGenerator[None]:
    with suppress(LookupError):
        yield


@pytest.mark.parametrize(
    ("tasks_type", "answer", "runs"),
    [
        (fastapi.BackgroundTasks, "by a route class", []),
        (fastapi.BackgroundTasks, "by nobody", []),
        (BackgroundTasks, "by a route class", ["ran"]),
        (BackgroundTasks, "by nobody", ["ran"]),
        (BackgroundTasks, "by an exception handler", []),
    ],
)
async def test_tasks_run_though_somebody_hides_the_endpoints_failure(
    ran: list[object], tasks_type: Any, answer: str, runs: list[object]
) -> None:
    by_class = answer == "by a route class"
    app = FastAPI()
    router = APIRouter(route_class=Answering if by_class else APIRoute)
    if answer == "by an exception handler":
        app.add_exception_handler(LookupError, answer_not_found)

    async def endpoint(tasks: Any, _: Annotated[None, Depends(catching)]) -> None:
        tasks.add_task(ran.append, "ran")
        raise LookupError

    async def without_dependency(tasks: Any) -> None:
        await endpoint(tasks, None)

    route = endpoint if answer == "by nobody" else without_dependency
    route.__annotations__["tasks"] = tasks_type
    router.get("/")(route)
    app.include_router(router)

    response = await get(app, raises=False)

    assert response.status_code == (500 if answer == "by nobody" else 404)
    assert ran == runs


def test_tasks_in_the_list_are_of_our_class_and_no_keys() -> None:
    tasks = BackgroundTasks([background.BackgroundTask(print, "theirs")])
    tasks.add_task(print, "ours")

    for task in tasks.tasks:
        assert isinstance(task, bgtasks.BackgroundTask)
        assert not isinstance(task, background.BackgroundTask)
        with pytest.raises(TypeError, match="unhashable"):
            hash(task)
    assert isinstance(tasks.tasks[0].func, background.BackgroundTask)


async def test_mock_in_place_of_the_call_is_called_once(
    ran: list[object],
) -> None:
    app = FastAPI()

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(ran.append, "ran")

    with patch.object(BackgroundTasks, "__call__") as call:
        await get(app)

    call.assert_awaited_once()
    assert ran == []


# Subclasses


class Careful(BackgroundTasks):
    """A subclass that applications have: it runs the tasks by itself."""

    failures: list[str] = []  # noqa: RUF012 (as applications write it)

    @override
    async def __call__(self) -> None:
        """Go on after a failure."""
        for task in self.tasks:
            try:
                await task()
            except Exception as exc:
                self.failures.append(repr(exc))


@pytest.mark.parametrize("own", [None, "tasks", "another"])
async def test_subclass_that_runs_the_tasks_itself_runs_them_once(
    own: str | None, ran: list[object], recwarn: pytest.WarningsRecorder
) -> None:
    gc.collect()  # what other tests have left warns now
    recwarn.clear()
    app = FastAPI()
    Careful.failures.clear()

    @app.get("/")
    async def endpoint(tasks: Careful) -> Response:
        tasks.add_task(int, "not a number")
        tasks.add_task(ran.append, "ran")
        another = background.BackgroundTask(ran.append, "another")
        backgrounds = {None: None, "tasks": tasks, "another": another}
        return JSONResponse({}, background=backgrounds[own])

    await get(app)

    assert ran == [*(["another"] if own == "another" else []), "ran"]
    assert len(Careful.failures) == 1
    assert recwarn.list == []


class RunsTasks:
    async def __call__(self) -> None:
        for task in vars(self)["tasks"]:
            await task()


# Not by a statement, which mypy and ty refuse, as for Starlette's own class.
WithMixin: Any = type("WithMixin", (RunsTasks, BackgroundTasks), {})


class Patched(BackgroundTasks):
    pass


setattr(Patched, "__call__", RunsTasks.__call__)  # noqa: B010 (as a tracer does)


class ByAnother(BackgroundTasks):
    async def run_all(self, times: int) -> None:
        for task in self.tasks * times:
            await task()

    __call__: Any = partialmethod(run_all, 1)


@pytest.mark.parametrize("kind", [WithMixin, Patched, ByAnother])
async def test_call_runs_the_tasks_once_wherever_it_comes_from(
    kind: Any, ran: list[object]
) -> None:
    app = FastAPI()

    async def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(ran.append, "ran")

    endpoint.__annotations__["tasks"] = kind
    app.get("/")(endpoint)
    await get(app)

    assert ran == ["ran"]


class Announces(BackgroundTasks):
    said: list[str] = []  # noqa: RUF012 (as applications write it)

    @override
    async def __call__(self, word: str = "Start") -> None:
        self.said.append(word)
        await super().__call__()


@pytest.mark.parametrize("has_own", [False, True])
async def test_call_that_does_more_is_called_once(
    *, has_own: bool, ran: list[object]
) -> None:
    app = FastAPI()
    Announces.said.clear()

    @app.get("/")
    async def endpoint(tasks: Announces) -> Response:
        tasks.add_task(ran.append, "ran")
        own = background.BackgroundTask(ran.append, "own") if has_own else None
        return JSONResponse({}, background=own)

    await get(app)

    assert Announces.said == ["Start"]
    assert ran == (["own", "ran"] if has_own else ["ran"])
    await Announces()("Again")
    assert Announces.said == ["Start", "Again"]


async def test_subclass_made_by_hand_runs_its_tasks_each_time(
    ran: list[object],
) -> None:
    tasks = Careful([lambda: ran.append("ran")])

    await tasks()
    await tasks()

    assert ran == ["ran", "ran"]


class NeedsName(BackgroundTasks):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


@pytest.mark.parametrize("path", ["/", "/{tasks}"])
def test_subclass_that_fastapi_cannot_make_is_refused_when_the_route_is_added(
    path: str,
) -> None:
    app = FastAPI()

    with pytest.raises(TypeError, match="cannot make the NeedsName of"):

        @app.get(path)
        async def endpoint(tasks: NeedsName) -> None: ...


class Sends(BackgroundTasks):
    @abstractmethod
    def send(self) -> None: ...


def test_abstract_subclass_is_refused_when_the_route_is_added() -> None:
    app = FastAPI()

    with pytest.raises(TypeError, match=r"cannot make the Sends of .* it is abstract"):

        @app.get("/")
        async def endpoint(tasks: Sends) -> None: ...


def test_unknown_option_is_refused_in_the_name_of_the_function() -> None:
    wrong: dict[str, Any] = {"on_eror": print}

    with pytest.raises(TypeError, match=r"^background_tasks\(\) got an .* 'on_eror'"):
        background_tasks(**wrong)


async def test_subclass_that_fastapi_cannot_make_may_come_from_a_dependency(
    ran: list[object],
) -> None:
    def named(tasks: BackgroundTasks) -> NeedsName:
        made = NeedsName("mail")
        tasks.add_task(made)
        return made

    app = FastAPI()

    @app.get("/")
    async def endpoint(tasks: Annotated[NeedsName, Depends(named)]) -> None:
        tasks.add_task(ran.append, tasks.name)

    await get(app)

    assert ran == ["mail"]


def test_protocol_beside_it_is_left_out_of_the_bases() -> None:
    class Puts(Protocol):
        def put(self, what: str) -> None: ...

    bases: Any = (BackgroundTasks, Puts)

    with pytest.raises(TypeError, match="metaclass conflict"):
        type("Mine", bases, {})
