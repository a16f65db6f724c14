"""bgtasks.starlette: Starlette's own examples over HTTP, and what it does with ours."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from starlette import background
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

import bgtasks
from bgtasks.starlette import BackgroundTask, BackgroundTasks
from examples.starlette_tasks import app

from .migration import before_and_after
from .serving import get, log_lines, serving

ADA = {"username": "ada", "email": "ada@example.org"}


@pytest.mark.parametrize(
    ("path", "lines"),
    [
        ("signup", ["welcome to ada@example.org", "ada signed up"]),
        ("signup-with-one-task", ["welcome to ada@example.org"]),
    ],
)
def test_example_runs_its_tasks_in_order(path: str, lines: list[str]) -> None:
    with serving(app) as client:
        response = client.post(f"/user/{path}", json=ADA)

    assert response.json() == {"status": "Signup successful"}
    assert log_lines() == lines


def test_example_as_group_runs_all_of_its_tasks() -> None:
    with serving(app) as client:
        client.post("/user/signup-as-group", json=ADA)

    assert sorted(log_lines()) == ["ada signed up", "welcome to ada@example.org"]


def test_classes_are_ours_and_starlettes() -> None:
    task, tasks = BackgroundTask(print), BackgroundTasks()

    assert isinstance(task, bgtasks.BackgroundTask)
    assert isinstance(task, background.BackgroundTask)
    assert isinstance(tasks, bgtasks.BackgroundTasks)
    assert isinstance(tasks, background.BackgroundTasks)


def test_task_has_the_attributes_of_starlettes() -> None:
    task = BackgroundTask(print, "sent", sep="")

    assert (task.func, task.args, task.kwargs) == (print, ("sent",), {"sep": ""})
    assert task.is_async is False


@pytest.mark.anyio
async def test_tasks_of_starlette_may_be_in_a_collection_of_ours() -> None:
    ran: list[str] = []

    await BackgroundTasks(
        [
            background.BackgroundTask(ran.append, "theirs"),
            BackgroundTask(ran.append, "ours"),
        ]
    )()

    assert ran == ["theirs", "ours"]


@pytest.mark.anyio
async def test_tasks_of_ours_may_be_in_a_collection_of_starlette() -> None:
    ran: list[str] = []

    await background.BackgroundTasks([BackgroundTask(ran.append, "ours")])()

    assert ran == ["ours"]


@pytest.mark.anyio
async def test_tasks_do_not_run_when_the_endpoint_raises() -> None:
    ran: list[str] = []

    def refuse(tasks: BackgroundTasks) -> Response:
        tasks.add_task(ran.append, "ran")
        raise HTTPException(404)

    async def endpoint(_: Request) -> Response:
        return refuse(BackgroundTasks())

    assert (await get(Starlette(routes=[Route("/", endpoint)]))).status_code == 404
    assert ran == []


@pytest.mark.anyio
async def test_client_has_its_response_though_a_task_fails() -> None:
    ran: list[str] = []

    async def fail() -> None:
        raise ConnectionError

    async def endpoint(_: Request) -> Response:
        tasks = BackgroundTasks([fail, lambda: ran.append("ran")])
        return JSONResponse({"sent": True}, background=tasks)

    assert (
        await get(Starlette(routes=[Route("/", endpoint)]), raises=False)
    ).json() == {"sent": True}
    assert ran == []


def application_of_before(
    names: dict[str, Any], note: Callable[..., None]
) -> Starlette:
    new_task, new_tasks = names["BackgroundTask"], names["BackgroundTasks"]

    async def parts() -> AsyncIterator[str]:
        yield "part"
        note("streamed")

    async def note_later(*what: object) -> None:
        note(*what)

    def added() -> Any:
        tasks = new_tasks()
        tasks.add_task(note, "plain")
        tasks.add_task(note_later, "async")
        return tasks

    def failing() -> Any:
        return new_tasks([new_task(note, 1), new_task(int, "x"), new_task(note, 2)])

    def nested() -> Any:
        tasks = new_tasks([added(), new_task(new_task(note, "in a task"))])
        tasks.tasks.append(new_task(note, "appended"))
        return tasks

    def respond(new_background: Callable[[], Any]) -> Callable[[Request], Response]:
        def endpoint(_: Request) -> Response:
            return StreamingResponse(parts(), background=new_background())

        return endpoint

    def responding_later(_: Request) -> Response:
        response = JSONResponse({})
        response.background = new_task(note_later, "set later")
        return response

    return Starlette(
        routes=[
            Route("/one", respond(lambda: new_task(note, "one"))),
            Route("/added", respond(added)),
            Route("/failing", respond(failing)),
            Route("/nested", respond(nested)),
            Route("/later", responding_later),
        ]
    )


@pytest.mark.anyio
async def test_application_of_before_does_what_it_did() -> None:
    paths = ["/one", "/added", "/failing", "/nested", "/later"]

    before, after = await before_and_after("starlette", application_of_before, paths)

    assert ("one",) in before
    assert after == before
