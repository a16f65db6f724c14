"""``await task()`` makes the call."""

from typing import assert_type

from bgtasks import BackgroundTask

DOCUMENTS = "bgtasks.BackgroundTask.__call__"


async def run(task: BackgroundTask) -> None:
    """Call the task and await it. The result of its function is dropped."""
    await task()
    assert_type(await task(), None)


async def forgotten_await(task: BackgroundTask) -> None:
    """Without `await` nothing runs."""
    task()  # E: it is not awaited


async def no_arguments(task: BackgroundTask) -> None:
    """The task already has its arguments."""
    await task("ada@example.org")  # E: it takes no arguments
    await task(subject="Hi")  # E: it takes no arguments


async def no_call(task: BackgroundTask) -> None:
    """Call the task to run it; the task itself cannot be awaited."""
    await task  # E: it must be called
