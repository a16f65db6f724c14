"""Whether a task runs in the event loop."""

from typing import assert_type

from bgtasks import BackgroundTask

DOCUMENTS = "bgtasks.BackgroundTask.is_async"


def ask(task: BackgroundTask) -> None:
    """It is a property, not a method."""
    assert_type(task.is_async, bool)
    task.is_async()  # E: a bool cannot be called


def read_only(task: BackgroundTask) -> None:
    """It depends on the function, and cannot be set."""
    task.is_async = True  # E: it cannot be set
