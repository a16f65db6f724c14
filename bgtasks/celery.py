"""Celery as a runner: each task is sent to a Celery worker, and not run here.

What Celery can do is set in Celery: nothing of it is imitated here.
"""

# SPDX-License-Identifier: MIT-0
# pyright: reportMissingTypeStubs=false

from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction, unwrap
from typing import Annotated, Any

from anyio import to_thread
from celery import Celery, Task
from typing_extensions import Doc

from ._task import BackgroundTask, current_thread_limiter

__all__ = ["celery_runner"]


def celery_runner(
    app: Annotated[
        Celery,
        Doc(
            """
            The application that knows the functions: each is registered with it, by
            `app.task(send_email)` or as a decorator.
            """
        ),
    ],
    /,
    **send_options: Annotated[
        object,
        Doc(
            """
            Options of Celery's `apply_async`, for every task: `queue`, `countdown`,
            `expires`, `retry` and so on.
            """
        ),
    ],
) -> Callable[[BackgroundTask], Awaitable[None]]:
    """Return a runner that sends each task to a Celery worker.

    ``BackgroundTasks(runner=celery_runner(app))`` sends the tasks after the response,
    from a worker thread. A task has ended when the broker has it: ``on_error`` hears of
    what sending raises, not of what happens in the worker.

    The runner raises, before anything is sent:

    - LookupError: ``app`` does not know the function.
    - TypeError: the function is ``async def``, which a Celery worker does not await, or
      its arguments are wrong.
    """

    def send(task: BackgroundTask) -> None:
        apply_async = find(app, task)
        apply_async(task.args, task.kwargs, **send_options)

    async def run(task: BackgroundTask) -> None:
        # Sending blocks, and so may the first look at the application's tasks.
        await to_thread.run_sync(send, task, limiter=current_thread_limiter())

    return run


def find(app: Celery, task: BackgroundTask) -> Callable[..., object]:
    """Return what sends the application's own task for the function."""
    application: Any = app  # Celery has no types, and celery-types is not everywhere
    task_class: Any = Task
    func: Any = task.func
    name = task.name
    known: dict[str, Any] = application.tasks
    if isinstance(func, task_class):
        name = func.name
        found = known.get(name)
    else:
        found = next((each for each in [*known.values()] if runs(each, func)), None)
    if found is None:
        msg = (
            f"{name} is not registered with the Celery app {application.main!r}: "
            "write app.task(send_email) in a module that its workers import, and then "
            "add_task(send_email, ...); a lambda, a closure or a method cannot be sent"
        )
        raise LookupError(msg)
    # A base class with a __call__ of its own may await what it calls.
    if type(found).__call__ is task_class.__call__ and iscoroutinefunction(
        unwrap(found)
    ):
        msg = (
            f"{name} is an async function, which a Celery worker calls but does "
            "not await, so that it would never run: register a plain function, which "
            "may use asyncio.run(), or use taskiq"
        )
        raise TypeError(msg)
    apply_async: Callable[..., object] = found.apply_async
    return apply_async


def runs(registered: Callable[..., object], func: object) -> bool:
    """Whether it is ``func`` that was registered, also if Celery has wrapped it."""
    function: object = unwrap(registered, stop=lambda step: step == func)
    return function == func
