"""Calls that run in a Celery worker are checked here."""

from celery import Celery  # pyright: ignore[reportMissingTypeStubs]

from bgtasks import BackgroundTasks
from bgtasks.celery import celery_runner

DOCUMENTS = "bgtasks.celery"


def resize(path: str, width: int, height: int | None = None) -> None: ...


def send_email(to: str, *, subject: str) -> None: ...


def checked(app: Celery) -> None:
    """A call is checked against the function, wherever it runs."""
    tasks = BackgroundTasks(runner=celery_runner(app))
    tasks.add_task(send_email, "ada@example.org", subject="Hi")
    tasks.add_task(resize, "portrait.png", 800)
    tasks.add_task(resize, "portrait.png", "800")  # E: the width is an int
    tasks.add_task(resize, "portrait.png")  # E: `width` is missing
    tasks.add_task(resize, "portrait.png", 800, 600, 3)  # E: there are too many
    tasks.add_task(send_email, "ada@example.org", subjet="Hi")  # E: no `subjet`


def options(app: Celery) -> None:
    """The options are those of Celery's `apply_async`. Pass them by name."""
    BackgroundTasks(runner=celery_runner(app, queue="mails", retry=False))
    BackgroundTasks(runner=celery_runner(app, countdown="5"))  # E: a number
    # E(optional ty, https://github.com/astral-sh/ty/issues/4212): no `quue`
    BackgroundTasks(runner=celery_runner(app, quue="mails"))
    BackgroundTasks(runner=celery_runner(app, "mails"))  # E: write `queue="mails"`


def not_called(app: Celery) -> None:
    """Call `celery_runner` with an application: it returns the runner."""
    BackgroundTasks(runner=celery_runner(app))
    BackgroundTasks(runner=celery_runner)  # E: the application is missing
    BackgroundTasks(runner=celery_runner())  # E: the application is missing
