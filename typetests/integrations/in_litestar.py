"""Litestar's responses and handlers accept these classes."""

from litestar import Response, background_tasks, post

import bgtasks
from bgtasks.litestar import BackgroundTask, BackgroundTasks

DOCUMENTS = "bgtasks.litestar"


async def send_email(to: str, *, subject: str) -> None: ...


def resize(path: str, width: int) -> None: ...


def one_task() -> None:
    """A response takes a task."""
    Response(
        "sent", background=BackgroundTask(send_email, "ada@example.org", subject="Hi")
    )
    Response("sent", background=BackgroundTask(resize, "portrait.png", width=800))
    Response("sent", background=send_email)  # E: a function, not a task


def wrong_arguments_of_a_task() -> None:
    """The arguments are checked against the function."""
    BackgroundTask(send_email, 42, subject="Hi")  # E: `to` is a str
    BackgroundTask(send_email, "ada@example.org")  # E: `subject` is missing
    BackgroundTask(send_email, "ada@example.org", subjet="Hi")  # E: no such parameter
    BackgroundTask(resize, "portrait.png", 800, 600)  # E: it has two parameters
    BackgroundTask(resize("portrait.png", 800))  # E: it is already called


def several_tasks() -> None:
    """A response takes a collection."""
    tasks = BackgroundTasks()
    tasks.add_task(send_email, "ada@example.org", subject="Hi")
    tasks.add_task(resize, "portrait.png", width=800)
    Response("sent", background=tasks)
    Response("sent", background=tasks())  # E: it is already called


def wrong_arguments_in_a_collection(tasks: BackgroundTasks) -> None:
    """The arguments of each task are checked."""
    tasks.add_task(send_email, 42, subject="Hi")  # E: `to` is a str
    tasks.add_task(send_email, "ada@example.org")  # E: `subject` is missing
    tasks.add_task(send_email, "ada@example.org", subjet="Hi")  # E: no such parameter
    tasks.add_task(resize, "portrait.png", "800")  # E: `width` is an int
    tasks.add_task(resize("portrait.png", 800))  # E: it is already called


def list_of_tasks(tasks: BackgroundTasks) -> None:
    """The first tasks may be ours, Litestar's or collections."""
    BackgroundTasks([BackgroundTask(resize, "portrait.png", 800), tasks])
    BackgroundTasks([background_tasks.BackgroundTask(resize, "portrait.png", 800)])
    BackgroundTasks([resize])  # E: `path` and `width` are missing
    BackgroundTasks(BackgroundTask(resize, "portrait.png", 800))  # E: it is not a list


async def log(task: bgtasks.BackgroundTask, exc: Exception) -> None: ...


async def run(task: bgtasks.BackgroundTask) -> None:
    await task()


def options() -> None:
    """The options are those of the core, with Litestar's name for `as_group`."""
    BackgroundTasks(run_in_task_group=True, on_error=log, runner=run)
    BackgroundTasks([], True)
    BackgroundTasks(run_in_task_group="yes")  # E: it is a bool
    BackgroundTasks(on_error=run)  # E: `on_error` gets two arguments
    BackgroundTasks(runner=log)  # E: `runner` gets one argument
    BackgroundTasks(on_eror=log)  # E: there is no such option


def both_ours_and_theirs(task: BackgroundTask, tasks: BackgroundTasks) -> None:
    """They are subclasses of Litestar's classes and of the core's."""
    theirs: list[background_tasks.BackgroundTask] = [task]
    ours: list[bgtasks.BackgroundTask] = [task]
    their_tasks: list[background_tasks.BackgroundTasks] = [tasks]
    our_tasks: list[bgtasks.BackgroundTasks] = [tasks]
    print(theirs, ours, their_tasks, our_tasks)


def task_of_a_handler(task: BackgroundTask, tasks: BackgroundTasks) -> None:
    """A handler accepts them too, and runs them for each request."""

    @post("/task", background=task)
    async def with_task() -> dict[str, str]:
        return {}

    @post("/tasks", background=tasks)
    async def with_tasks() -> dict[str, str]:
        return {}


class Audit:
    def audit(self) -> None: ...


class Mailing(BackgroundTasks, Audit):
    def send(self, to: str) -> None:
        self.add_task(send_email, to, subject="Hi")


class Email(BackgroundTask, Audit): ...


def subclass_with_a_mixin(mailing: Mailing) -> None:
    """A subclass may have a class of yours beside ours."""
    mailing.audit()
    mailing.tasks.append(Email(send_email, "ada@example.org", subject="Hi"))
    mailing.send(42)  # E: `to` is a str
    mailing.add_task(send_email, "ada@example.org")  # E: `subject` is missing
    Email(send_email, "ada@example.org")  # E: `subject` is missing
