"""bgtasks.ravyn: Ravyn's own examples over HTTP, and its options."""

# pyright: reportUnknownVariableType=false
# (what Esmerald decorates with: `make test-esmerald` makes a copy of this for it)

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from ravyn import Gateway, JSONResponse, Ravyn, background, get
from ravyn.exceptions import NotFound

import bgtasks
from bgtasks.ravyn import BackgroundTask, BackgroundTasks
from examples.ravyn_tasks import app

from .migration import before_and_after
from .serving import get as get_page
from .serving import log_lines, serving

pytestmark = pytest.mark.anyio

ADA = {"email": "ada@example.org", "password": "secret"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize(
    ("path", "lines"),
    [
        ("handler-with-one-task", ["Account created to everybody"]),
        (
            "handler-with-list",
            ["Account created to everybody", "Notification sent"],
        ),
        ("response-with-one-task", ["Thank you to ada@example.org"]),
        (
            "response-with-list",
            ["Notification sent", "Thank you to ada@example.org"],
        ),
        ("register", ["Notification sent", "Thank you to ada@example.org"]),
    ],
)
def test_example_runs_its_tasks(path: str, lines: list[str]) -> None:
    with serving(app) as client:
        assert client.post(f"/{path}", json=ADA).is_success

    # Of a group the order is not certain.
    assert sorted(log_lines()) == lines


def test_handlers_tasks_run_for_each_of_its_requests() -> None:
    with serving(app) as client:
        client.post("/handler-with-list", json=ADA)
        client.post("/handler-with-list", json=ADA)

    # The server begins the second while the tasks of the first run.
    assert Counter(log_lines()) == {
        "Account created to everybody": 2,
        "Notification sent": 2,
    }


def test_classes_are_ours_and_ravyns() -> None:
    task, tasks = BackgroundTask(print), BackgroundTasks()

    assert isinstance(task, bgtasks.BackgroundTask)
    assert isinstance(task, background.BackgroundTask)
    assert isinstance(tasks, bgtasks.BackgroundTasks)
    assert isinstance(tasks, background.BackgroundTasks)


@pytest.mark.parametrize(
    "tasks", [BackgroundTasks([], True), BackgroundTasks(as_group=True)]
)
def test_as_group_is_taken_by_position_and_by_name(tasks: BackgroundTasks) -> None:
    assert tasks.as_group is True
    assert repr(tasks) == "BackgroundTasks([], as_group=True)"


async def test_options_reach_the_tasks() -> None:
    seen: list[str] = []

    async def runner(task: bgtasks.BackgroundTask) -> None:
        seen.append("runner")
        await task()

    def on_error(_: bgtasks.BackgroundTask, exc: Exception) -> None:
        seen.append(type(exc).__name__)

    async def fail() -> None:
        raise ConnectionError

    await BackgroundTasks([fail], on_error=on_error, runner=runner)()

    assert seen == ["runner", "ConnectionError"]


async def test_handlers_tasks_do_not_run_when_it_raises() -> None:
    ran: list[str] = []

    @get("/", background=BackgroundTask(ran.append, "ran"))
    async def handler() -> None:
        raise NotFound

    response = await get_page(Ravyn(routes=[Gateway(handler=handler)]))

    assert response.status_code == 404
    assert ran == []


async def test_background_of_the_response_takes_the_place_of_the_handlers() -> None:
    ran: list[str] = []

    @get("/", background=BackgroundTask(ran.append, "handler"))
    async def handler() -> JSONResponse:
        return JSONResponse("", background=BackgroundTask(ran.append, "response"))

    await get_page(Ravyn(routes=[Gateway(handler=handler)]))

    assert ran == ["response"]


async def test_background_of_the_response_may_hold_the_handlers() -> None:
    ran: list[str] = []
    of_the_handler = BackgroundTasks([lambda: ran.append("handler")])

    @get("/", background=of_the_handler)
    async def handler() -> JSONResponse:
        tasks = BackgroundTasks([of_the_handler])
        tasks.add_task(ran.append, "response")
        return JSONResponse("", background=tasks)

    await get_page(Ravyn(routes=[Gateway(handler=handler)]))

    assert ran == ["handler", "response"]


def application_of_before(names: dict[str, Any], note: Callable[..., None]) -> Ravyn:
    new_task, new_tasks = names["BackgroundTask"], names["BackgroundTasks"]

    async def note_later(*what: object) -> None:
        note(*what)

    @get("/one")
    async def one() -> JSONResponse:
        return JSONResponse("one", background=new_task(note, "one"))

    @get("/several")
    async def several() -> JSONResponse:
        tasks = [new_task(note, "plain"), new_task(note_later, "async")]
        return JSONResponse("several", background=new_tasks(tasks))

    @get("/handler", background=new_tasks([new_task(note_later, "of the handler")]))
    async def handler() -> str:
        return "handler"

    @get("/failing")
    async def failing() -> JSONResponse:
        tasks = [new_task(note, 1), new_task(int, "x"), new_task(note, 2)]
        return JSONResponse("failing", background=new_tasks(tasks))

    @get("/group")
    async def group() -> JSONResponse:
        tasks = new_tasks([new_task(note_later, "alone")], as_group=True)
        return JSONResponse("group", background=tasks)

    handlers = [one, several, handler, failing, group]
    return Ravyn(routes=[Gateway(handler=each) for each in handlers])


async def test_application_of_before_does_what_it_did() -> None:
    paths = ["/one", "/several", "/handler", "/handler", "/failing", "/group"]

    before, after = await before_and_after("ravyn", application_of_before, paths)

    assert ("one",) in before
    assert after == before
