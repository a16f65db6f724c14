"""bgtasks.fastapi.BackgroundTasks is a class, wherever applications use it as one."""

import copy
import inspect
import os
import pickle
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any, get_type_hints
from unittest.mock import MagicMock, create_autospec, patch

import fastapi
import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, params
from fastapi.responses import JSONResponse
from starlette import background
from typing_extensions import Doc, override

import bgtasks
import bgtasks.starlette
from bgtasks.fastapi import BackgroundTasks, InjectedTasks, background_tasks

from . import postponed
from .serving import get

pytestmark = pytest.mark.anyio

CLASSES = [
    bgtasks.BackgroundTasks,
    bgtasks.starlette.BackgroundTasks,
    fastapi.BackgroundTasks,
    background.BackgroundTasks,
    background.BackgroundTask,
    InjectedTasks,
]


def send_email(to: str, *, subject: str) -> None: ...


@pytest.mark.parametrize("cls", CLASSES)
def test_it_is_a_subclass_of_ours_of_starlettes_and_of_fastapis(cls: type) -> None:
    assert isinstance(BackgroundTasks, type)
    assert issubclass(BackgroundTasks, cls)
    assert isinstance(BackgroundTasks(), cls)
    assert not issubclass(cls, BackgroundTasks)


# As a parameter

Alias = BackgroundTasks
DEFAULT = BackgroundTasks()
NONE: Any = None  # as it stands in applications


def plain(tasks: BackgroundTasks) -> object:
    return tasks


def quoted(tasks: "BackgroundTasks") -> object:
    return tasks


def default_none(tasks: BackgroundTasks = NONE) -> object:
    return tasks


def default_object(tasks: BackgroundTasks = DEFAULT) -> object:
    assert tasks is not DEFAULT
    return tasks


def described(tasks: Annotated[BackgroundTasks, Doc("What to do later.")]) -> object:
    return tasks


def alias(tasks: Alias) -> object:
    return tasks


def keyword_only(*, tasks: BackgroundTasks) -> object:
    return tasks


async def asynchronous(tasks: BackgroundTasks) -> object:
    return tasks


class ByConstructor:
    def __init__(self, tasks: BackgroundTasks) -> None:
        self.tasks = tasks


class ByCall:
    def __call__(self, tasks: BackgroundTasks) -> object:
        return tasks


def by_constructor(made: Annotated[ByConstructor, Depends()]) -> object:
    return made.tasks


def by_call(tasks: Annotated[object, Depends(ByCall())]) -> object:
    return tasks


WAYS: list[Callable[..., object]] = [
    plain,
    quoted,
    default_none,
    default_object,
    described,
    alias,
    keyword_only,
    asynchronous,
    by_constructor,
    by_call,
]


@pytest.mark.parametrize("way", WAYS)
async def test_parameter_gets_the_tasks_of_the_request(
    way: Callable[..., object],
) -> None:
    app = FastAPI()
    router = APIRouter()
    ran: list[object] = []

    @router.get("/")
    async def endpoint(
        by_way: Annotated[BackgroundTasks, Depends(way)], tasks: BackgroundTasks
    ) -> None:
        assert by_way is tasks
        assert type(tasks) is BackgroundTasks
        by_way.add_task(ran.append, "ran")

    app.include_router(router)

    await get(app)

    assert ran == ["ran"]


async def test_parameter_of_postponed_annotations_gets_the_tasks() -> None:
    postponed.got.clear()

    await get(postponed.app)

    first, second = postponed.got
    assert type(first) is BackgroundTasks
    assert first is second


async def test_optional_parameter_of_a_helper_takes_them_or_none() -> None:
    def helper(tasks: BackgroundTasks | None = None) -> bool:
        return isinstance(tasks, BackgroundTasks)

    app = FastAPI()

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> list[bool]:
        return [helper(tasks), helper()]

    assert (await get(app)).json() == [True, False]


# Made by hand


async def test_collection_made_by_hand_is_as_that_of_the_core() -> None:
    ran: list[str] = []
    tasks = BackgroundTasks([lambda: ran.append("first")])
    tasks.add_task(ran.append, "second")

    await tasks()
    await tasks()

    assert ran == ["first", "second"] * 2
    assert tasks.tasks[1] == bgtasks.BackgroundTask(ran.append, "second")
    assert repr(BackgroundTasks()) == "BackgroundTasks([])"


async def test_own_response_takes_a_collection_made_by_hand() -> None:
    app = FastAPI()
    ran: list[str] = []

    @app.get("/")
    async def endpoint(injected: BackgroundTasks) -> JSONResponse:
        injected.add_task(ran.append, "injected")
        tasks = BackgroundTasks()
        tasks.add_task(ran.append, "by hand")
        return JSONResponse({}, background=tasks)

    await get(app)

    assert ran == ["by hand", "injected"]


# Tests of applications


def application() -> tuple[FastAPI, list[str]]:
    app = FastAPI()
    ran: list[str] = []

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(ran.append, "ran")

    return app, ran


@pytest.mark.parametrize(
    "patching",
    [
        lambda: patch.object(BackgroundTasks, "add_task"),
        lambda: patch.object(BackgroundTasks, "add_task", autospec=True),
        lambda: patch("bgtasks.fastapi.BackgroundTasks.add_task"),
    ],
    ids=["patch.object", "autospec", "patch"],
)
async def test_patch_is_what_requests_use_and_is_taken_back(
    patching: Callable[[], AbstractContextManager[MagicMock]],
) -> None:
    app, ran = application()

    with patching() as add_task:
        await get(app)
        assert add_task.call_args.args[-2:] == (ran.append, "ran")
        assert ran == []

    await get(app)
    assert ran == ["ran"]
    assert "add_task" not in vars(BackgroundTasks)


async def test_assigned_method_is_what_requests_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app, ran = application()
    added: list[object] = []

    def fake(self: object, func: object, /, *args: object) -> None:
        added.append(args)

    monkeypatch.setattr(BackgroundTasks, "add_task", fake)
    await get(app)
    monkeypatch.undo()

    assert (added, ran) == ([("ran",)], [])


async def test_patch_of_fastapis_class_does_not_reach_ours() -> None:
    app, ran = application()

    with patch("fastapi.BackgroundTasks.add_task") as add_task:
        await get(app)

    assert not [call for call in add_task.call_args_list if "ran" in call.args]
    assert ran == ["ran"]  # as the migration guide says, in bold


@pytest.mark.parametrize(
    "mock",
    [
        MagicMock(spec=BackgroundTasks),
        MagicMock(spec_set=BackgroundTasks),
        create_autospec(BackgroundTasks, instance=True),
    ],
)
def test_mock_with_it_as_its_spec_is_an_instance(mock: Any) -> None:
    assert all(isinstance(mock, cls) for cls in [BackgroundTasks, *CLASSES])
    mock.add_task(send_email, "ada@example.org", subject="Hi")
    mock.add_task.assert_called_once_with(send_email, "ada@example.org", subject="Hi")
    with pytest.raises(AttributeError):
        mock.ad_task(send_email)


async def test_override_of_the_dependency_replaces_the_tasks() -> None:
    app, ran = application()
    collected = BackgroundTasks()

    app.dependency_overrides[background_tasks()] = lambda: collected
    await get(app)

    assert collected.tasks == [bgtasks.BackgroundTask(ran.append, "ran")]
    assert ran == []


async def test_override_of_the_dependency_sets_options_for_the_application() -> None:
    app, _ = application()
    seen: list[str] = []

    async def runner(task: bgtasks.BackgroundTask) -> None:
        seen.append(task.name)

    app.dependency_overrides[background_tasks()] = background_tasks(runner=runner)
    await get(app)

    assert seen == ["list.append"]


# Subclasses


class Mailing(BackgroundTasks):
    def __init__(self) -> None:
        super().__init__(as_group=True)

    def send(self, to: str) -> None:
        self.add_task(self.sent.append, to)

    sent: list[str] = []  # noqa: RUF012 (as applications write it)


async def test_parameter_of_a_subclass_gets_an_object_of_the_subclass() -> None:
    app = FastAPI()
    Mailing.sent.clear()

    def dependency(mailing: Mailing) -> Mailing:
        return mailing

    @app.get("/")
    async def endpoint(
        mailing: Mailing,
        again: Annotated[Mailing, Depends(dependency)],
        tasks: BackgroundTasks,
    ) -> str:
        assert mailing is again
        assert type(tasks) is BackgroundTasks
        mailing.send("ada@example.org")
        return repr(mailing)

    assert (await get(app)).json().endswith("as_group=True)")
    assert Mailing.sent == ["ada@example.org"]


async def test_subclass_may_have_an_abstract_class_beside_it() -> None:
    class Queue(ABC):
        @abstractmethod
        def put(self, text: str) -> None: ...

    class Unfinished(BackgroundTasks, Queue):  # type: ignore[misc]  # ty: ignore[lost-keyword-for-regular-parameter]  # as ours is
        pass

    class Finished(BackgroundTasks, Queue):  # type: ignore[misc]  # ty: ignore[lost-keyword-for-regular-parameter]  # as ours is
        @override
        def put(self, text: str) -> None:
            self.add_task(ran.append, text)

    ran: list[str] = []
    app = FastAPI()

    @app.get("/")
    async def endpoint(tasks: Finished) -> None:
        tasks.put("put")

    await get(app)

    assert ran == ["put"]
    with pytest.raises(TypeError, match="abstract"):
        Unfinished()  # type: ignore[abstract]  # ty: ignore[abstract-class-instantiation]  # pyright: ignore[reportAbstractUsage]  # refused at run time, too


class Silent(BackgroundTasks):  # with the constructor of its base class
    pass


class Audited(BackgroundTasks):
    def __init__(self, request: Request, priority: int = 1) -> None:
        super().__init__()
        self.written = [request.url.path, priority]

    def audit(self, ran: list[object]) -> None:
        self.add_task(ran.extend, self.written)


AuditedByName = Annotated[Audited, Depends(Audited)]


@pytest.mark.parametrize("annotation", [AuditedByName, Annotated[Audited, Depends()]])
@pytest.mark.parametrize("carried", ["nothing", "the tasks", "other tasks"])
async def test_tasks_of_a_class_whose_constructor_fastapi_fills_run_once(
    annotation: Any, carried: str
) -> None:
    app = FastAPI()
    ran: list[object] = []

    async def endpoint(tasks: Any) -> Any:
        assert type(tasks) is Audited
        tasks.audit(ran)
        match carried:
            case "nothing":
                return None
            case "the tasks":
                return JSONResponse({}, background=tasks)
            case _:
                return JSONResponse({}, background=BackgroundTasks([lambda: None]))

    endpoint.__annotations__["tasks"] = annotation
    app.get("/sign-up")(endpoint)

    await get(app, "/sign-up?priority=5")

    assert ran == ["/sign-up", 5]


async def test_tasks_of_a_class_as_dependency_are_named_if_the_request_fails() -> None:
    app = FastAPI()

    @app.get("/")
    async def endpoint(tasks: AuditedByName) -> None:
        tasks.audit([])
        raise LookupError

    with pytest.raises(LookupError) as raised:
        await get(app)
    assert raised.value.__notes__ == [
        "Not run, because the request failed: list.extend."
    ]


async def test_class_as_a_dependency_is_made_once_unless_it_is_not_to_be_cached() -> (
    None
):
    app = FastAPI()
    ran: list[object] = []

    def dependency(tasks: AuditedByName) -> Audited:
        return tasks

    @app.get("/")
    async def endpoint(
        first: AuditedByName,
        second: Annotated[Audited, Depends(dependency)],
        other: Annotated[Audited, Depends(Audited, use_cache=False)],
    ) -> None:
        assert first is second
        assert first is not other
        first.audit(ran)
        other.audit(ran)

    await get(app)

    assert ran == ["/", 1] * 2


async def test_override_of_a_class_as_a_dependency_replaces_it() -> None:
    app = FastAPI()
    ran: list[object] = []

    class Fake:
        def audit(self, ran: list[object]) -> None:
            ran.append("fake")

    @app.get("/")
    async def endpoint(tasks: AuditedByName) -> None:
        tasks.audit(ran)

    app.dependency_overrides[Audited] = Fake
    await get(app)

    assert ran == ["fake"]


async def test_override_of_a_class_as_a_dependency_collects_its_tasks() -> None:
    app = FastAPI()
    ran: list[object] = []
    collected = Mailing()

    @app.get("/")
    async def endpoint(tasks: Annotated[Mailing, Depends(Mailing)]) -> None:
        tasks.add_task(ran.append, "ran")

    app.dependency_overrides[Mailing] = lambda: collected
    await get(app)

    assert collected.tasks == [bgtasks.BackgroundTask(ran.append, "ran")]
    assert ran == []


async def test_class_as_the_dependency_of_another_kind_of_depends_runs_too() -> None:
    app = FastAPI()
    ran: list[object] = []

    class Inject(params.Depends):
        def __init__(self, dependency: type) -> None:
            super().__init__(dependency=dependency)

    class Tasks(BackgroundTasks):
        filled = dependency = "its own"

        def __init__(self, user: str = "ada") -> None:
            super().__init__()
            self.user = user

    def endpoint(tasks: Any) -> None:
        tasks.add_task(ran.extend, [tasks.user, tasks.filled, tasks.dependency])

    endpoint.__annotations__["tasks"] = Annotated[Tasks, Inject(Tasks)]
    app.get("/")(endpoint)
    await get(app)

    assert ran == ["ada", "its own", "its own"]


async def test_other_dependency_of_a_class_is_called_as_it_is() -> None:
    app = FastAPI()
    ran: list[object] = []

    def audited(request: Request, tasks: BackgroundTasks) -> Audited:
        made = Audited(request)
        tasks.add_task(made)
        return made

    @app.get("/")
    async def endpoint(
        tasks: Annotated[Audited, "described", Depends(audited)],
    ) -> None:
        tasks.audit(ran)

    await get(app)

    assert ran == ["/", 1]


# As an object


def test_class_is_picklable_copiable_hashable_and_equal_to_itself() -> None:
    assert pickle.loads(pickle.dumps(BackgroundTasks)) is BackgroundTasks  # noqa: S301
    assert copy.copy(BackgroundTasks) is BackgroundTasks
    assert copy.deepcopy(BackgroundTasks) is BackgroundTasks
    assert {BackgroundTasks: 1}[BackgroundTasks] == 1
    assert BackgroundTasks != InjectedTasks
    assert repr(BackgroundTasks) == "<class 'bgtasks.fastapi.BackgroundTasks'>"


def test_collection_is_picklable_and_copiable() -> None:
    tasks = BackgroundTasks()
    tasks.add_task(send_email, "ada@example.org", subject="Hi")

    for again in (
        pickle.loads(pickle.dumps(tasks)),  # noqa: S301
        copy.copy(tasks),
        copy.deepcopy(tasks),
    ):
        assert type(again) is BackgroundTasks
        assert again.tasks == tasks.tasks


def test_type_hints_of_what_takes_them_can_be_asked_for() -> None:
    def helper(
        tasks: BackgroundTasks,
        quoted: "BackgroundTasks | None" = None,
        *more: list[BackgroundTasks],
    ) -> BackgroundTasks:
        return tasks

    with_extras = get_type_hints(helper, include_extras=True)
    assert with_extras == {
        "tasks": BackgroundTasks,
        "quoted": BackgroundTasks | None,
        "more": list[BackgroundTasks],
        "return": BackgroundTasks,
    }
    assert get_type_hints(helper)["tasks"] is InjectedTasks
    annotations = inspect.signature(helper, eval_str=True).parameters
    assert annotations["tasks"].annotation is BackgroundTasks


def test_signature_is_that_of_the_core() -> None:
    ours = inspect.signature(BackgroundTasks)
    core = inspect.signature(bgtasks.BackgroundTasks)

    assert [
        (each.name, each.kind, each.default) for each in ours.parameters.values()
    ] == [(each.name, each.kind, each.default) for each in core.parameters.values()]


# What would inject something else

REFUSED: list[tuple[Any, str]] = [
    (Annotated[BackgroundTasks, Depends()], "without Depends()"),
    (Annotated[BackgroundTasks, Depends(BackgroundTasks)], "without Depends()"),
    (Annotated[fastapi.BackgroundTasks, Depends(BackgroundTasks)], "without Depends()"),
    (Annotated[Silent, Depends()], "without Depends()"),
    (Annotated[Silent, Depends(Silent)], "without Depends()"),
    (Annotated[InjectedTasks, Depends()], "without Depends()"),
    (
        Annotated[BackgroundTasks, Depends(background_tasks)],
        "write Depends(background_tasks(...))",
    ),
]


@pytest.mark.parametrize("path", ["/", "/{tasks}/{as_group}"])
@pytest.mark.parametrize(("annotation", "remedy"), REFUSED)
def test_wrong_dependency_is_refused_when_the_route_is_added(
    annotation: Any, remedy: str, path: str
) -> None:
    app = FastAPI()

    def endpoint(given: Any) -> None: ...

    endpoint.__annotations__["given"] = annotation

    with pytest.raises(TypeError) as raised:
        app.get(path)(endpoint)
    assert remedy in str(raised.value)


def test_depends_as_a_default_is_refused_when_the_route_is_added() -> None:
    app = FastAPI()

    with pytest.raises(AssertionError, match="Depends"):

        @app.get("/")
        def endpoint(tasks: BackgroundTasks = Depends()) -> None: ...  # noqa: B008, FAST002


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(Path(bgtasks.__file__).parents[1])},
    )


def test_a_fastapi_that_is_too_old_is_refused_at_import() -> None:
    ran = python(
        "import fastapi\n"
        "fastapi.__version__ = '0.128.8'\n"
        "try:\n"
        "    import bgtasks.fastapi\n"
        "except ImportError as exc:\n"
        "    print(exc)"
    )

    assert "needs FastAPI 0.129 or newer" in ran.stdout, ran.stderr


# On a Python whose typing does not believe `__class__`

STRICT = """
import typing

AnnotatedAlias = type(typing.Annotated[int, ""])
lenient = typing.get_origin

def strict(tp):
    if isinstance(tp, AnnotatedAlias) and not issubclass(type(tp), AnnotatedAlias):
        return None
    return lenient(tp)

typing.get_origin = strict

import asyncio
import httpx
from fastapi import FastAPI
from bgtasks.fastapi import BackgroundTasks

app = FastAPI()

@app.get("/")
async def endpoint(tasks: BackgroundTasks):
    tasks.add_task(print, "ran")
    return type(tasks).__module__

async def main():
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        print((await client.get("/")).json())

asyncio.run(main())
print(type(BackgroundTasks) is AnnotatedAlias)
BackgroundTasks().add_task(print)
"""


def test_it_is_an_annotated_alias_where_typing_asks_for_one() -> None:
    ran = python(STRICT)

    assert ran.stdout.splitlines() == ["ran", "bgtasks.fastapi", "True"], ran.stderr
