"""Where a task will run."""

from typing import assert_type

from bgtasks import BackgroundTask

DOCUMENTS = "bgtasks.BackgroundTask.is_async"


def ask(task: BackgroundTask) -> None:
    """It is a property, not a method."""
    assert_type(task.is_async, bool)
    task.is_async()  # E: a bool cannot be called


def read_only(task: BackgroundTask) -> None:
    """It follows from the function, and cannot be set."""
    task.is_async = True  # E: it cannot be set
