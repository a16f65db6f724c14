"""``await tasks()`` runs the collection."""

from typing import assert_type

from bgtasks import BackgroundTask, BackgroundTasks

DOCUMENTS = "bgtasks.BackgroundTasks.__call__"


async def run(tasks: BackgroundTasks) -> None:
    """Run the tasks, all at once if `as_group` is true."""
    assert_type(await tasks(), None)


async def forgotten_await(tasks: BackgroundTasks) -> None:
    """Without `await` nothing runs."""
    await tasks()
    tasks()  # E: it is not awaited


async def no_arguments(tasks: BackgroundTasks, task: BackgroundTask) -> None:
    """Add the tasks before the run; it takes no arguments."""
    await tasks(task)  # E: it takes no arguments


async def no_call(tasks: BackgroundTasks) -> None:
    """Call the collection to run it; the collection itself cannot be awaited."""
    await tasks  # E: it must be called
