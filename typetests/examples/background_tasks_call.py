"""``await tasks()`` runs the collection."""

from typing import assert_type

from bgtasks import BackgroundTask, BackgroundTasks

DOCUMENTS = "bgtasks.BackgroundTasks.__call__"


async def run(tasks: BackgroundTasks) -> None:
    """Run the tasks as the collection was told to."""
    assert_type(await tasks(), None)


async def forgotten_await(tasks: BackgroundTasks) -> None:
    """Without `await` nothing runs."""
    await tasks()
    tasks()  # E: not awaited


async def no_arguments(tasks: BackgroundTasks, task: BackgroundTask) -> None:
    """What runs was added before."""
    await tasks(task)  # E: takes no arguments


async def no_call(tasks: BackgroundTasks) -> None:
    """The collection itself is not awaitable: it can be run more than once."""
    await tasks  # E: call it
