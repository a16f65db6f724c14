"""bgtasks.lilya: Lilya's own examples over HTTP, and its options."""

from collections.abc import Callable
from typing import Any

import pytest
from lilya import background
from lilya.apps import Lilya
from lilya.exceptions import HTTPException
from lilya.responses import Response
from lilya.routing import Path as Route

import bgtasks
from bgtasks.lilya import Task, Tasks
from examples.lilya_tasks import app

from .migration import before_and_after
from .serving import get, log_lines, serving


@pytest.mark.parametrize(
    ("path", "texts"),
    [
        (
            "/register",
            ["Thank you for registering. (example@lilya.dev)", "called: /register"],
        ),
        (
            "/register-with-list",
            ["Thank you for registering. (example@lilya.dev)", "sent"],
        ),
        ("/register-with-one-task", ["one"]),
    ],
)
def test_example_runs_its_tasks(path: str, texts: list[str]) -> None:
    with serving(app) as client:
        assert client.post(path).is_success

    lines = log_lines()
    # Of a group the order is not certain.
    assert sorted(line[len("2026-11-21 00:00:00 ") :] for line in lines) == texts


def test_classes_are_ours_and_lilyas() -> None:
    task, tasks = Task(print), Tasks()

    assert isinstance(task, bgtasks.BackgroundTask)
    assert isinstance(task, background.Task)
    assert isinstance(tasks, bgtasks.BackgroundTasks)
    assert isinstance(tasks, background.Task)


@pytest.mark.parametrize("tasks", [Tasks([], True), Tasks(as_group=True)])
def test_as_group_is_taken_by_position_and_by_name(tasks: Tasks) -> None:
    assert tasks.as_group is True
    assert repr(tasks) == "Tasks([], as_group=True)"


def test_lilyas_own_ways_to_show_an_object_work() -> None:
    assert "sent" in str(Task(print, "sent"))
    assert "as_group=False" in str(Tasks())


@pytest.mark.anyio
async def test_failure_in_a_group_cancels_no_sibling() -> None:
    ran: list[str] = []
    failures: list[Exception] = []

    async def fail() -> None:
        raise ConnectionError

    def on_error(_: bgtasks.BackgroundTask, exc: Exception) -> None:
        failures.append(exc)

    tasks = Tasks([fail, lambda: ran.append("ran")], as_group=True, on_error=on_error)
    await tasks()

    assert ran == ["ran"]
    assert [type(exc) for exc in failures] == [ConnectionError]


@pytest.mark.anyio
async def test_runner_runs_each_task() -> None:
    seen: list[str] = []

    async def runner(task: bgtasks.BackgroundTask) -> None:
        seen.append(task.name)

    await Tasks([print], runner=runner)()

    assert seen == ["builtins.print"]


@pytest.mark.anyio
async def test_tasks_do_not_run_when_the_endpoint_raises() -> None:
    ran: list[str] = []

    def refuse(tasks: Tasks) -> Response:
        tasks.add_task(ran.append, "ran")
        raise HTTPException(status_code=404)

    async def endpoint() -> Response:
        return refuse(Tasks())

    application = Lilya(routes=[Route("/", endpoint)])

    assert (await get(application)).status_code == 404
    assert ran == []


def application_of_before(names: dict[str, Any], note: Callable[..., None]) -> Lilya:
    new_task, new_tasks = names["Task"], names["Tasks"]

    async def note_later(*what: object) -> None:
        note(*what)

    async def one() -> Response:
        return Response("one", background=new_task(note, "one"))

    async def added() -> Response:
        tasks = new_tasks()
        tasks.add_task(note, "plain")
        tasks.add_task(note_later, "async")
        return Response("added", background=tasks)

    async def failing() -> Response:
        tasks = [new_task(note, 1), new_task(int, "x"), new_task(note, 2)]
        return Response("failing", background=new_tasks(tasks))

    async def group() -> Response:
        tasks = new_tasks([new_task(note_later, "alone")], as_group=True)
        return Response("group", background=tasks)

    return Lilya(
        routes=[
            Route("/one", one),
            Route("/added", added),
            Route("/failing", failing),
            Route("/group", group),
        ]
    )


@pytest.mark.anyio
async def test_application_of_before_does_what_it_did() -> None:
    paths = ["/one", "/added", "/failing", "/group"]

    before, after = await before_and_after("lilya", application_of_before, paths)

    assert ("one",) in before
    assert after == before
