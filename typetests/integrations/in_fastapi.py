"""FastAPI passes background tasks to parameters of this type."""

from collections.abc import Callable
from typing import Annotated
from unittest.mock import MagicMock, patch

import fastapi
from fastapi import Depends, FastAPI, WebSocket
from fastapi.responses import JSONResponse
from starlette import background

import bgtasks
import bgtasks.starlette
from bgtasks.fastapi import BackgroundTasks, background_tasks

DOCUMENTS = "bgtasks.fastapi"

app = FastAPI()


async def send_email(to: str, *, subject: str) -> None: ...


def resize(path: str, width: int) -> None: ...


def in_an_endpoint() -> None:
    """A parameter of an endpoint gets the collection of the request."""

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
    tasks.add_task(resize("portrait.png", 800))  # E: it is already called


def in_a_dependency() -> None:
    """A parameter of a dependency gets the same collection."""

    def get_query(tasks: BackgroundTasks, q: str | None = None) -> str | None:
        tasks.add_task(resize, "portrait.png", 800)
        return q

    @app.get("/")
    def read(q: Annotated[str | None, Depends(get_query)]) -> str | None:
        return q

    print(read)


def in_a_response(tasks: BackgroundTasks) -> JSONResponse:
    """A response may carry the collection too; each task still runs only once."""
    return JSONResponse({}, background=tasks)


async def log(task: bgtasks.BackgroundTask, exc: Exception) -> None: ...


async def run(task: bgtasks.BackgroundTask) -> None:
    await task()


def options() -> None:
    """The options are those of the core."""
    background_tasks(as_group=True, on_error=log, runner=run)
    background_tasks(as_group="yes")  # E: `as_group` is a bool
    background_tasks(on_error=run)  # E: `on_error` gets two arguments
    background_tasks(runner=log)  # E: `runner` gets one argument
    background_tasks(on_eror=log)  # E: there is no such option


LoggedTasks = Annotated[BackgroundTasks, Depends(background_tasks(on_error=log))]


def with_options(tasks: LoggedTasks) -> None:
    """A collection with options is checked in the same way."""
    tasks.add_task(resize, "portrait.png", 800)
    tasks.add_task(resize, "portrait.png", "800")  # E: `width` is an int


def in_a_websocket() -> None:
    """A WebSocket's tasks run when its endpoint ends, or the client goes away."""

    @app.websocket("/echo")
    async def echo(websocket: WebSocket, tasks: BackgroundTasks) -> None:
        while True:
            tasks.add_task(resize, await websocket.receive_text(), width=800)

    print(echo)


def endpoint(name: str, tasks: BackgroundTasks) -> None:
    tasks.add_task(resize, name, 800)


def in_a_test() -> None:
    """A test that calls an endpoint directly makes its own collection."""
    tasks = BackgroundTasks()
    endpoint("portrait.png", tasks)
    print(tasks.tasks == [bgtasks.BackgroundTask(resize, "portrait.png", 800)])
    endpoint("portrait.png", bgtasks.BackgroundTasks())  # E: it is not one of FastAPI's
    endpoint("portrait.png", fastapi.BackgroundTasks())  # E: it is not one of ours


def made_by_hand() -> JSONResponse:
    """You can make a collection yourself, and give it to a response."""
    tasks = BackgroundTasks([bgtasks.BackgroundTask(resize, "portrait.png", 800)])
    tasks.add_task(send_email, "ada@example.org", subject="Hi")
    tasks.add_task(send_email, "ada@example.org", subject=None)  # E: `subject` is a str
    BackgroundTasks([resize])  # E: `path` and `width` are missing
    return JSONResponse({}, background=BackgroundTasks([tasks], runner=run))


def save(tasks: BackgroundTasks | None = None) -> None:
    if tasks is not None:
        tasks.add_task(resize, "portrait.png", 800)


def of_the_core(tasks: bgtasks.BackgroundTasks) -> None: ...


def of_starlette(tasks: background.BackgroundTasks) -> None: ...


def of_ours_for_starlette(tasks: bgtasks.starlette.BackgroundTasks) -> None: ...


def of_fastapi(tasks: fastapi.BackgroundTasks) -> None: ...


def in_a_helper(tasks: BackgroundTasks) -> None:
    """A helper's parameter may have our type, Starlette's or FastAPI's, or None."""
    save()
    save(tasks)
    of_the_core(tasks)
    of_starlette(tasks)
    of_ours_for_starlette(tasks)
    of_fastapi(tasks)
    save(bgtasks.starlette.BackgroundTasks())  # E: it is not one of FastAPI's


DEFAULT = BackgroundTasks()


def as_a_default(tasks: BackgroundTasks = DEFAULT) -> None:
    """A collection may be a default value; FastAPI passes that of the request."""
    tasks.add_task(resize, "portrait.png", 800)
    tasks.add_task(resize, "portrait.png")  # E: `width` is missing


def in_isinstance(given: BackgroundTasks | str) -> str:
    """The class works in `isinstance`."""
    if not isinstance(given, BackgroundTasks):
        return given
    given.add_task(resize, "portrait.png", 800)
    given.add_task(resize, "portrait.png", "800")  # E: `width` is an int
    return "added"


class Mailing(BackgroundTasks):
    def send(self, to: str) -> None:
        self.add_task(send_email, to, subject="Hi")


def subclass(mailing: Mailing) -> BackgroundTasks:
    """A parameter of a subclass gets an object of the subclass."""
    mailing.send("ada@example.org")
    mailing.send(42)  # E: `to` is a str
    mailing.add_task(send_email, "ada@example.org")  # E: `subject` is missing
    return mailing


def patched() -> None:
    """A test may patch a method of the class, or pass a mock."""
    with patch.object(BackgroundTasks, "add_task") as add_task:
        add_task.assert_not_called()
    mock = MagicMock(spec=BackgroundTasks)
    subclass(mock)


def patched_by_name() -> None:
    """A patch names the class of bgtasks: requests do not use that of fastapi."""
    with patch("bgtasks.fastapi.BackgroundTasks.add_task") as add_task:
        add_task.assert_called_once_with(resize, "portrait.png", 800)


def assigned(fake: Callable[..., None]) -> None:
    """Patch a method, do not assign it. FastAPI's own class is the same."""
    # E(not pyright, gaps/pyright_method_assigned.py): a method cannot be assigned
    BackgroundTasks.add_task = fake
    # E(not pyright, gaps/pyright_method_assigned.py): a method cannot be assigned
    fastapi.BackgroundTasks.add_task = fake


def overridden() -> None:
    """An override replaces the collection of each request, or sets its options."""
    collected = BackgroundTasks()
    app.dependency_overrides[background_tasks()] = lambda: collected
    app.dependency_overrides[background_tasks()] = background_tasks(on_error=log)


def by_keyword(tasks: BackgroundTasks) -> None:
    """The function stands first, and has no name to pass it by."""
    tasks.add_task(resize, path="portrait.png", width=800)
    tasks.add_task(func=resize, path="portrait.png", width=800)  # E: it comes first


def appended(tasks: BackgroundTasks, others: BackgroundTasks) -> None:
    """The list holds tasks; a collection or a function becomes one by `add_task`."""
    tasks.tasks.append(bgtasks.BackgroundTask(resize, "portrait.png", 800))
    tasks.tasks.append(bgtasks.BackgroundTask(others))
    tasks.tasks.append(others)  # E: a collection, not a task
    tasks.tasks.append(send_email)  # E: a function, not a task
    tasks.add_task(others)


def of_another_import(tasks: bgtasks.starlette.BackgroundTasks) -> None:
    """FastAPI passes its own tasks to a parameter of this type; no checker sees it."""
    print(app.get("/")(of_another_import))
    tasks.add_task(resize, "portrait.png", 800)
    tasks.add_task(resize, "portrait.png")  # E: `width` is missing


def depends_on_the_class(tasks: Annotated[BackgroundTasks, Depends()]) -> None:
    """Depends() on the class is refused when the route is added, not by checkers."""
    tasks.add_task(resize, "portrait.png", 800)
    tasks.add_task(resize, "portrait.png", "800")  # E: `width` is an int


class Mailer:
    def __init__(self, tasks: BackgroundTasks) -> None:
        self.tasks = tasks


def in_a_class(
    mailer: Annotated[Mailer, Depends()], tasks: "BackgroundTasks | None" = None
) -> None:
    """A class may be the dependency, and the annotation a string or optional."""
    mailer.tasks.add_task(send_email, "ada@example.org", subject="Hi")
    mailer.tasks.add_task(send_email, "ada@example.org")  # E: `subject` is missing
    save(tasks)
    Mailer(bgtasks.BackgroundTasks())  # E: it is not one of FastAPI's
