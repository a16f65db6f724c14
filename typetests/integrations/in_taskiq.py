"""Calls that taskiq workers make, checked as those made here."""

from taskiq import AsyncBroker, AsyncTaskiqDecoratedTask

from bgtasks import BackgroundTasks
from bgtasks.taskiq import taskiq_runner

DOCUMENTS = "bgtasks.taskiq"


async def send_email(to: str, *, subject: str) -> None: ...


def resize(path: str, width: int, height: int | None = None) -> None: ...


def checked(broker: AsyncBroker) -> None:
    """A call is checked against the function, wherever it will be made."""
    tasks = BackgroundTasks(runner=taskiq_runner(broker))
    tasks.add_task(send_email, "ada@example.org", subject="Hi")
    tasks.add_task(resize, "portrait.png", 800)
    tasks.add_task(resize, "portrait.png", "800")  # E: the width is an int
    tasks.add_task(resize, "portrait.png")  # E: `width` is missing
    tasks.add_task(resize, "portrait.png", 800, 600, 3)  # E: too many
    tasks.add_task(send_email, "ada@example.org", subjet="Hi")  # E: no `subjet`


def decorated(
    broker: AsyncBroker, resize: AsyncTaskiqDecoratedTask[[str, int], None]
) -> None:
    """Task objects of taskiq are checked as well."""
    tasks = BackgroundTasks(runner=taskiq_runner(broker))
    tasks.add_task(resize, "portrait.png", 800)
    tasks.add_task(resize, "portrait.png", "800")  # E: the width is an int
    tasks.add_task(resize, "portrait.png")  # E: the width is missing


def labels(broker: AsyncBroker) -> None:
    """Labels have names, and are what taskiq can send."""
    BackgroundTasks(runner=taskiq_runner(broker, queue_name="mails", priority=3))
    BackgroundTasks(runner=taskiq_runner(broker, "mails"))  # E: which label?
    BackgroundTasks(runner=taskiq_runner(broker, tags=["mail"]))  # E: a list


def not_called(broker: AsyncBroker) -> None:
    """`taskiq_runner` makes a runner of a broker; it is none itself."""
    BackgroundTasks(runner=taskiq_runner(broker))
    BackgroundTasks(runner=taskiq_runner)  # E: of which broker?
    BackgroundTasks(runner=broker)  # E: write `taskiq_runner(broker)`
