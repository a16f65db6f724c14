"""The name of a task, for logs."""

from typing import assert_type

from bgtasks import BackgroundTask

DOCUMENTS = "bgtasks.BackgroundTask.name"


def ask(task: BackgroundTask) -> None:
    """It is a property, not a method."""
    assert_type(task.name, str)
    task.name()  # E: a str cannot be called


def read_only(task: BackgroundTask) -> None:
    """It is the name of the function, and cannot be set."""
    print(task.name)
    task.name = "send_email"  # E: it cannot be set
