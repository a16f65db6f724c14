"""Background tasks for any ASGI application, added by any code that a request runs.

The middleware gives each request a collection, and runs it after the response, whatever
that response is. Any code that the request calls gets it from ``current_tasks()``.
"""

# SPDX-License-Identifier: MIT-0

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Annotated, Any

from typing_extensions import Doc

from ._tasks import BackgroundTasks, Options, make_tasks, note_not_run

__all__ = ["BackgroundTasksMiddleware", "current_tasks"]

# In a list that is emptied at the end of the request: what a request has started, and
# what outlives it, goes on in a copy of its context.
_current_tasks = ContextVar[list[BackgroundTasks]]("background tasks of the request")


@dataclass(eq=False, repr=False)
class BackgroundTasksMiddleware(Options):
    """ASGI middleware: gives each HTTP request or WebSocket its own background tasks.

    ```python
    app.add_middleware(BackgroundTasksMiddleware)  # in Starlette and FastAPI
    app = BackgroundTasksMiddleware(app)  # around any ASGI application
    ```

    Add tasks with ``current_tasks().add_task(...)``. They run when the application has
    sent its response, or when the client of a WebSocket disconnects
    (``WebSocketDisconnect``). If the application raises anything else, they do not run,
    and a note on the exception names them.

    Make it the outermost middleware if you can. In Litestar it goes into
    ``middleware=[...]``. The options are those of `bgtasks.BackgroundTasks`.

    Raises:
        TypeError: ``on_error`` or ``runner`` is not callable.
    """

    # `Any`: each framework has its own types for these, and refuses the others'.
    app: Annotated[
        Callable[[Any, Any, Any], Awaitable[object]],
        Doc("The ASGI application to wrap."),
    ]

    def __post_init__(self) -> None:
        make_tasks(BackgroundTasks, self)  # refuses wrong options now, not in a request

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401
        """Run the application, then the tasks that it has added.

        Args:
            scope: The connection, as the ASGI specification describes it.
            receive: Returns the next event of the connection.
            send: Sends an event to the connection.
        """
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        tasks = make_tasks(BackgroundTasks, self)
        current = [tasks]
        around = _current_tasks.get([])
        token = _current_tasks.set(current)
        try:
            try:
                await self.app(scope, receive, send)
            except BaseException as exc:
                if scope["type"] != "websocket" or not is_disconnect(exc):
                    note_not_run(exc, current, "because the application failed")
                    if around:  # a middleware around this one, whose note replaces it
                        around.extend(current)
                else:
                    await tasks()
                raise
            # Most requests add none: 0.7 µs each, against 1.0 µs and, as a group,
            # 2.4 µs.
            if tasks.tasks:
                await tasks()
        finally:
            current.clear()
            _current_tasks.reset(token)


def is_disconnect(exc: BaseException) -> bool:
    """Whether the client of a WebSocket has gone, which is no failure."""
    _, others = BaseExceptionGroup("", [exc]).split(is_websocket_disconnect)
    return others is None


def is_websocket_disconnect(exc: BaseException) -> bool:
    # By name: Starlette, Lilya and Litestar have a class of this name each.
    return any(each.__name__ == "WebSocketDisconnect" for each in type(exc).__mro__)


def current_tasks() -> BackgroundTasks:
    """Return the background tasks of the current request.

    ```python
    current_tasks().add_task(send_email, "ada@example.org", subject="Welcome")
    ```

    Any code that runs in the request may call it: endpoints and what they call, async
    or in worker threads, and the tasks themselves.

    Raises:
        LookupError: There is no request, its tasks have run already, or there is no
            ``BackgroundTasksMiddleware`` around it.
    """
    for tasks in _current_tasks.get(()):
        return tasks
    msg = (
        "current_tasks() was called outside of a request or after its end, or there is "
        "no BackgroundTasksMiddleware around the application: write "
        "app = BackgroundTasksMiddleware(app), and call current_tasks() while a "
        "request is handled"
    )
    raise LookupError(msg)
