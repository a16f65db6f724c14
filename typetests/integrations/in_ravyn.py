"""Ravyn's responses and handlers accept these classes."""

from ravyn import JSONResponse, background, post

import bgtasks
from bgtasks.ravyn import BackgroundTask, BackgroundTasks

DOCUMENTS = "bgtasks.ravyn"


async def send_email(to: str, *, subject: str) -> None: ...


def resize(path: str, width: int) -> None: ...


def one_task() -> None:
    """A response takes a task."""
    JSONResponse(
        "sent", background=BackgroundTask(send_email, "ada@example.org", subject="Hi")
    )
    JSONResponse("sent", background=BackgroundTask(resize, "portrait.png", width=800))
    JSONResponse("sent", background=send_email)  # E: a function, not a task


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
    JSONResponse("sent", background=tasks)
    JSONResponse("sent", background=tasks())  # E: it is already called


def wrong_arguments_in_a_collection(tasks: BackgroundTasks) -> None:
    """The arguments of each task are checked."""
    tasks.add_task(send_email, 42, subject="Hi")  # E: `to` is a str
    tasks.add_task(send_email, "ada@example.org")  # E: `subject` is missing
    tasks.add_task(send_email, "ada@example.org", subjet="Hi")  # E: no such parameter
    tasks.add_task(resize, "portrait.png", "800")  # E: `width` is an int
    tasks.add_task(resize("portrait.png", 800))  # E: it is already called


def list_of_tasks(tasks: BackgroundTasks) -> None:
    """The first tasks may be ours, Ravyn's or collections."""
    BackgroundTasks([BackgroundTask(resize, "portrait.png", 800), tasks])
    BackgroundTasks([background.BackgroundTask(resize, "portrait.png", 800)])
    BackgroundTasks([resize])  # E: `path` and `width` are missing
    BackgroundTasks(BackgroundTask(resize, "portrait.png", 800))  # E: it is not a list


async def log(task: bgtasks.BackgroundTask, exc: Exception) -> None: ...


async def run(task: bgtasks.BackgroundTask) -> None:
    await task()


def options() -> None:
    """The options are the core's. `as_group` may come second, as in Ravyn."""
    BackgroundTasks(as_group=True, on_error=log, runner=run)
    BackgroundTasks([], True)
    BackgroundTasks(as_group="yes")  # E: `as_group` is a bool
    BackgroundTasks(on_error=run)  # E: `on_error` gets two arguments
    BackgroundTasks(runner=log)  # E: `runner` gets one argument


def both_ours_and_theirs(task: BackgroundTask, tasks: BackgroundTasks) -> None:
    """They are subclasses of Ravyn's classes and of the core's."""
    theirs: list[background.BackgroundTask] = [task]
    ours: list[bgtasks.BackgroundTask] = [task]
    their_tasks: list[background.BackgroundTasks] = [tasks]
    our_tasks: list[bgtasks.BackgroundTasks] = [tasks]
    print(theirs, ours, their_tasks, our_tasks)


def task_of_a_handler(task: BackgroundTask, tasks: BackgroundTasks) -> None:
    """A handler accepts them too, and runs them for each request."""
    # Ravyn's decorators accept any type here, so a wrong one is no error.
    with_task = post("/task", background=task)
    with_tasks = post("/tasks", background=tasks)
    print(with_task, with_tasks)
