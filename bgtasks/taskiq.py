"""taskiq as a runner: each task is sent to a taskiq worker, and not run here.

What taskiq can do is set in taskiq: nothing of it is imitated here.
"""

# SPDX-License-Identifier: MIT-0

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from taskiq import AsyncBroker, AsyncTaskiqDecoratedTask
from typing_extensions import Doc

from ._task import BackgroundTask

__all__ = ["taskiq_runner"]


def taskiq_runner(
    broker: Annotated[
        AsyncBroker,
        Doc(
            """
            The broker that knows the functions: each is registered with it, by
            `broker.register_task(send_email)` or by the decorator `broker.task`. It
            must have been started, by `await broker.startup()`.
            """
        ),
    ],
    /,
    **labels: Annotated[
        str | float,
        Doc("Labels for every task, beside those with which it was registered."),
    ],
) -> Callable[[BackgroundTask], Awaitable[None]]:
    """Return a runner that sends each task to a taskiq worker.

    ``BackgroundTasks(runner=taskiq_runner(broker))`` sends the tasks after the
    response. A task has ended when the broker has it: ``on_error`` hears of what
    sending raises, not of what happens in the worker. Needs asyncio, as taskiq does.

    The runner raises, before anything is sent:

    - LookupError: ``broker`` does not know the function.
    """

    async def run(task: BackgroundTask) -> None:
        kicker = find(broker, task).kicker().with_broker(broker)
        # Not with_labels(), which changes a shared task's labels for everybody.
        kicker.labels = {**kicker.labels, **labels}
        await kicker.kiq(*task.args, **task.kwargs)

    return run


def find(
    broker: AsyncBroker, task: BackgroundTask
) -> AsyncTaskiqDecoratedTask[Any, Any]:
    """Return the broker's own task for what is to be called."""
    func: object = task.func
    if isinstance(func, AsyncTaskiqDecoratedTask):
        func = func.original_func
    for registered in broker.get_all_tasks().values():
        if registered.original_func == func:
            return registered
    msg = (
        f"{task.name} is not registered with the {type(broker).__name__}: write "
        "broker.register_task(send_email) in a module that its workers import, and "
        "then add_task(send_email, ...); a lambda, a closure or a method cannot be sent"
    )
    raise LookupError(msg)
