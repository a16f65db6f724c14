"""bgtasks.litestar: Litestar's own examples over HTTP, and its options."""

from collections.abc import Callable
from typing import Any

import pytest
from litestar import Litestar, Response, background_tasks, get
from litestar.exceptions import NotFoundException

import bgtasks
from bgtasks.litestar import BackgroundTask, BackgroundTasks
from examples.litestar_tasks import app

from .migration import before_and_after
from .serving import get as get_page
from .serving import log_lines, serving

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("path", "lines"),
    [
        ("/?name=Ada", ["greeter: was called with name Ada"]),
        ("/handler", ["greeter: was called"]),
        ("/list?name=Ada", ["list: Ada", "Ada"]),
    ],
)
def test_example_runs_its_tasks_in_order(path: str, lines: list[str]) -> None:
    with serving(app) as client:
        assert client.get(path).is_success

    assert log_lines() == lines


def test_example_with_group_runs_all_of_its_tasks() -> None:
    with serving(app) as client:
        assert client.get("/group?name=Ada").is_success

    assert sorted(log_lines()) == ["Ada", "group: Ada"]


def test_handlers_task_runs_for_each_of_its_requests() -> None:
    with serving(app) as client:
        client.get("/handler")
        client.get("/handler")

    assert log_lines() == ["greeter: was called"] * 2


def test_classes_are_ours_and_litestars() -> None:
    task, tasks = BackgroundTask(print), BackgroundTasks()

    assert isinstance(task, bgtasks.BackgroundTask)
    assert isinstance(task, background_tasks.BackgroundTask)
    assert isinstance(tasks, bgtasks.BackgroundTasks)
    assert isinstance(tasks, background_tasks.BackgroundTasks)


def test_run_in_task_group_may_be_set_later() -> None:
    tasks = BackgroundTasks()

    tasks.run_in_task_group = True
    assert tasks.as_group is True

    tasks.as_group = False
    assert tasks.run_in_task_group is False


@pytest.mark.parametrize(
    "tasks", [BackgroundTasks([], True), BackgroundTasks(run_in_task_group=True)]
)
def test_run_in_task_group_is_taken_by_position_and_by_name(
    tasks: BackgroundTasks,
) -> None:
    assert tasks.run_in_task_group is True
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

    @get("/", background=BackgroundTask(ran.append, "ran"), sync_to_thread=False)
    def handler() -> None:
        raise NotFoundException

    assert (await get_page(Litestar([handler]))).status_code == 404
    assert ran == []


async def test_background_of_the_response_takes_the_place_of_the_handlers() -> None:
    ran: list[str] = []

    @get("/", background=BackgroundTask(ran.append, "handler"), sync_to_thread=False)
    def handler() -> Response[str]:
        return Response("", background=BackgroundTask(ran.append, "response"))

    await get_page(Litestar([handler]))

    assert ran == ["response"]


async def test_background_of_the_response_may_hold_the_handlers() -> None:
    ran: list[str] = []
    of_the_handler = BackgroundTasks([lambda: ran.append("handler")])

    @get("/", background=of_the_handler, sync_to_thread=False)
    def handler() -> Response[str]:
        tasks = BackgroundTasks([of_the_handler])
        tasks.add_task(ran.append, "response")
        return Response("", background=tasks)

    await get_page(Litestar([handler]))

    assert ran == ["handler", "response"]


def application_of_before(names: dict[str, Any], note: Callable[..., None]) -> Litestar:
    new_task, new_tasks = names["BackgroundTask"], names["BackgroundTasks"]

    async def note_later(*what: object) -> None:
        note(*what)

    @get("/one")
    async def one() -> Response[str]:
        return Response("one", background=new_task(note, "one"))

    @get("/several")
    async def several() -> Response[str]:
        tasks = [new_task(note, "plain"), new_task(note_later, "async")]
        return Response("several", background=new_tasks(tasks))

    @get("/handler", background=new_tasks([new_task(note_later, "of the handler")]))
    async def handler() -> str:
        return "handler"

    @get("/failing")
    async def failing() -> Response[str]:
        tasks = [new_task(note, 1), new_task(int, "x"), new_task(note, 2)]
        return Response("failing", background=new_tasks(tasks))

    @get("/group")
    async def group() -> Response[str]:
        tasks = new_tasks([new_task(note_later, "alone")], run_in_task_group=True)
        return Response("group", background=tasks)

    handlers = [one, several, handler, failing, group]
    return Litestar(handlers)


async def test_application_of_before_does_what_it_did() -> None:
    paths = ["/one", "/several", "/handler", "/handler", "/failing", "/group"]

    before, after = await before_and_after("litestar", application_of_before, paths)

    assert ("one",) in before
    assert after == before
