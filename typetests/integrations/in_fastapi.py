"""FastAPI passes background tasks to parameters of this type."""

from typing import Annotated

from fastapi import Depends, FastAPI, background
from fastapi.responses import JSONResponse

import bgtasks
from bgtasks.fastapi import BackgroundTasks, InjectedTasks, background_tasks

DOCUMENTS = "bgtasks.fastapi"

app = FastAPI()


async def send_email(to: str, *, subject: str) -> None: ...


def resize(path: str, width: int) -> None: ...


def in_an_endpoint() -> None:
    """A parameter of an endpoint is a collection."""

    @app.post("/send/{email}")
    async def send(email: str, tasks: BackgroundTasks) -> dict[str, str]:
        tasks.add_task(send_email, email, subject="Hi")
        tasks.add_task(resize, "portrait.png", width=800)
        return {"message": "sent"}

    print(send)


def wrong_arguments(tasks: BackgroundTasks) -> None:
    """The arguments are checked against the function."""
    tasks.add_task(send_email, 42, subject="Hi")  # E: `to` is a str
    tasks.add_task(send_email, "ada@example.org")  # E: `subject` is missing
    tasks.add_task(send_email, "ada@example.org", subjet="Hi")  # E: no such parameter
    tasks.add_task(resize, "portrait.png", "800")  # E: `width` is an int
    tasks.add_task(resize("portrait.png", 800))  # E: already called


def in_a_dependency() -> None:
    """A parameter of a dependency is the same collection."""

    def get_query(tasks: BackgroundTasks, q: str | None = None) -> str | None:
        tasks.add_task(resize, "portrait.png", 800)
        return q

    @app.get("/")
    def read(q: Annotated[str | None, Depends(get_query)]) -> str | None:
        return q

    print(read)


def in_a_response(tasks: BackgroundTasks) -> JSONResponse:
    """A response takes the collection, which still runs each task only once."""
    return JSONResponse({}, background=tasks)


async def log(task: bgtasks.BackgroundTask, exc: Exception) -> None: ...


async def run(task: bgtasks.BackgroundTask) -> None:
    await task()


def options() -> None:
    """The options are those of the core."""
    background_tasks(as_group=True, on_error=log, runner=run)
    background_tasks(as_group="yes")  # E: a bool
    background_tasks(on_error=run)  # E: gets two arguments
    background_tasks(runner=log)  # E: gets one argument
    background_tasks(on_eror=log)  # E: no such option


LoggedTasks = Annotated[BackgroundTasks, Depends(background_tasks(on_error=log))]


def with_options(tasks: LoggedTasks) -> None:
    """A collection with options is checked alike."""
    tasks.add_task(resize, "portrait.png", 800)
    tasks.add_task(resize, "portrait.png", "800")  # E: `width` is an int


def in_a_test(endpoint_under_test: str) -> None:
    """A test that calls an endpoint directly makes its own tasks."""

    def endpoint(name: str, tasks: BackgroundTasks) -> None:
        tasks.add_task(resize, name, 800)

    tasks = InjectedTasks()
    endpoint(endpoint_under_test, tasks)
    print(tasks.tasks == [bgtasks.BackgroundTask(resize, endpoint_under_test, 800)])


def both_ours_and_theirs(tasks: BackgroundTasks) -> None:
    """They go wherever FastAPI's or the core's class is asked for."""
    their_tasks: list[background.BackgroundTasks] = [tasks]
    our_tasks: list[bgtasks.BackgroundTasks] = [tasks]
    print(their_tasks, our_tasks)
