"""Run all tasks at once, whatever ``as_group`` is."""

from typing import assert_type

from bgtasks import BackgroundTask, BackgroundTasks

DOCUMENTS = "bgtasks.BackgroundTasks.run_as_group"


async def run(tasks: BackgroundTasks) -> None:
    """Run all tasks at once, and wait for them."""
    assert_type(await tasks.run_as_group(), None)


async def forgotten_await(tasks: BackgroundTasks) -> None:
    """Without `await` nothing runs."""
    tasks.run_as_group()  # E: it is not awaited


async def no_arguments(tasks: BackgroundTasks, task: BackgroundTask) -> None:
    """Add the tasks before the run; it takes no arguments."""
    await tasks.run_as_group(task)  # E: it takes no arguments
