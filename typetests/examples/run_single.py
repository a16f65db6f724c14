"""Run the tasks one after another, whatever ``as_group`` is."""

from typing import assert_type

from bgtasks import BackgroundTask, BackgroundTasks

DOCUMENTS = "bgtasks.BackgroundTasks.run_single"


async def run(tasks: BackgroundTasks) -> None:
    """Run the tasks in the order added."""
    assert_type(await tasks.run_single(), None)


async def forgotten_await(tasks: BackgroundTasks) -> None:
    """Without `await` nothing runs."""
    tasks.run_single()  # E: it is not awaited


async def no_arguments(tasks: BackgroundTasks, task: BackgroundTask) -> None:
    """Add the tasks before the run; it takes no arguments."""
    await tasks.run_single(task)  # E: it takes no arguments
