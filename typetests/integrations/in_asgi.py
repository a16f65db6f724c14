"""The middleware wraps an application. `current_tasks()` returns a collection."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, assert_type

import bgtasks
from bgtasks.asgi import BackgroundTasksMiddleware, current_tasks

DOCUMENTS = "bgtasks.asgi"

Message = MutableMapping[str, Any]


async def app(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None: ...


async def send_email(to: str, *, subject: str) -> None: ...


async def log(task: bgtasks.BackgroundTask, exc: Exception) -> None: ...


async def run(task: bgtasks.BackgroundTask) -> None:
    await task()


def around_an_application() -> None:
    """The middleware wraps an ASGI application, and is one itself."""
    BackgroundTasksMiddleware(BackgroundTasksMiddleware(app))
    BackgroundTasksMiddleware(send_email)  # E: not an ASGI application
    BackgroundTasksMiddleware()  # E: the application is missing


def options() -> None:
    """The options are those of the core."""
    BackgroundTasksMiddleware(app, as_group=True, on_error=log, runner=run)
    BackgroundTasksMiddleware(app, True)  # E: write `as_group=True`
    BackgroundTasksMiddleware(app, on_error=run)  # E: `on_error` gets two arguments
    BackgroundTasksMiddleware(app, runner=log)  # E: `runner` gets one argument
    BackgroundTasksMiddleware(app, on_eror=log)  # E: there is no such option


def deep_inside_of_a_request() -> None:
    """Any code in a request can add tasks, and the arguments are checked."""
    assert_type(current_tasks(), bgtasks.BackgroundTasks)
    current_tasks().add_task(send_email, "ada@example.org", subject="Hi")
    current_tasks().add_task(send_email, 42, subject="Hi")  # E: `to` is a str
    current_tasks().add_task(send_email, "ada@example.org")  # E: `subject` is missing
    current_tasks(app)  # E: it takes no arguments
