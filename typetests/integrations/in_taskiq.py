"""Calls that run in a taskiq worker are checked here."""

from taskiq import AsyncBroker, AsyncTaskiqDecoratedTask

from bgtasks import BackgroundTasks
from bgtasks.taskiq import taskiq_runner

DOCUMENTS = "bgtasks.taskiq"


async def send_email(to: str, *, subject: str) -> None: ...


def resize(path: str, width: int, height: int | None = None) -> None: ...


def checked(broker: AsyncBroker) -> None:
    """A call is checked against the function, wherever it runs."""
    tasks = BackgroundTasks(runner=taskiq_runner(broker))
    tasks.add_task(send_email, "ada@example.org", subject="Hi")
    tasks.add_task(resize, "portrait.png", 800)
    tasks.add_task(resize, "portrait.png", "800")  # E: the width is an int
    tasks.add_task(resize, "portrait.png")  # E: `width` is missing
    tasks.add_task(resize, "portrait.png", 800, 600, 3)  # E: there are too many
    tasks.add_task(send_email, "ada@example.org", subjet="Hi")  # E: no `subjet`


def decorated(
    broker: AsyncBroker, resize: AsyncTaskiqDecoratedTask[[str, int], None]
) -> None:
    """Task objects of taskiq are checked too."""
    tasks = BackgroundTasks(runner=taskiq_runner(broker))
    tasks.add_task(resize, "portrait.png", 800)
    tasks.add_task(resize, "portrait.png", "800")  # E: the width is an int
    tasks.add_task(resize, "portrait.png")  # E: the width is missing


def labels(broker: AsyncBroker) -> None:
    """Pass labels by name. A value must be a str or a number."""
    BackgroundTasks(runner=taskiq_runner(broker, queue_name="mails", priority=3))
    BackgroundTasks(runner=taskiq_runner(broker, "mails"))  # E: the label has no name
    BackgroundTasks(runner=taskiq_runner(broker, tags=["mail"]))  # E: not a list


def not_called(broker: AsyncBroker) -> None:
    """Call `taskiq_runner` with a broker: it returns the runner."""
    BackgroundTasks(runner=taskiq_runner(broker))
    BackgroundTasks(runner=taskiq_runner)  # E: the broker is missing
    BackgroundTasks(runner=broker)  # E: write `taskiq_runner(broker)`
