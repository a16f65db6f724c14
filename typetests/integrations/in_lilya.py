"""Lilya's responses and handlers accept these classes."""

from lilya import background
from lilya.responses import JSONResponse

import bgtasks
from bgtasks.lilya import Task, Tasks

DOCUMENTS = "bgtasks.lilya"


async def send_email(to: str, *, subject: str) -> None: ...


def resize(path: str, width: int) -> None: ...


def one_task() -> None:
    """A response takes a task."""
    JSONResponse("sent", background=Task(send_email, "ada@example.org", subject="Hi"))
    JSONResponse("sent", background=Task(resize, "portrait.png", width=800))
    JSONResponse("sent", background=send_email)  # E: a function, not a task


def wrong_arguments_of_a_task() -> None:
    """The arguments are checked against the function."""
    Task(send_email, 42, subject="Hi")  # E: `to` is a str
    Task(send_email, "ada@example.org")  # E: `subject` is missing
    Task(send_email, "ada@example.org", subjet="Hi")  # E: there is no such parameter
    Task(resize, "portrait.png", 800, 600)  # E: it has two parameters
    Task(resize("portrait.png", 800))  # E: it is already called


def several_tasks() -> None:
    """A response takes a collection."""
    tasks = Tasks()
    tasks.add_task(send_email, "ada@example.org", subject="Hi")
    tasks.add_task(resize, "portrait.png", width=800)
    JSONResponse("sent", background=tasks)
    JSONResponse("sent", background=tasks())  # E: it is already called


def wrong_arguments_in_a_collection(tasks: Tasks) -> None:
    """The arguments of each task are checked."""
    tasks.add_task(send_email, 42, subject="Hi")  # E: `to` is a str
    tasks.add_task(send_email, "ada@example.org")  # E: `subject` is missing
    tasks.add_task(send_email, "ada@example.org", subjet="Hi")  # E: no such parameter
    tasks.add_task(resize, "portrait.png", "800")  # E: `width` is an int
    tasks.add_task(resize("portrait.png", 800))  # E: it is already called


def list_of_tasks(tasks: Tasks) -> None:
    """The first tasks may be ours, Lilya's or collections."""
    Tasks([Task(resize, "portrait.png", 800), tasks])
    Tasks([background.Task(resize, "portrait.png", 800)])
    Tasks([resize])  # E: `path` and `width` are missing
    Tasks(Task(resize, "portrait.png", 800))  # E: it is not a list


async def log(task: bgtasks.BackgroundTask, exc: Exception) -> None: ...


async def run(task: bgtasks.BackgroundTask) -> None:
    await task()


def options() -> None:
    """The options are the core's. `as_group` may come second, as in Lilya."""
    Tasks(as_group=True, on_error=log, runner=run)
    Tasks([], True)
    Tasks(as_group="yes")  # E: `as_group` is a bool
    Tasks(on_error=run)  # E: `on_error` gets two arguments
    Tasks(runner=log)  # E: `runner` gets one argument


def both_ours_and_theirs(task: Task, tasks: Tasks) -> None:
    """They are subclasses of Lilya's classes and of the core's."""
    theirs: list[background.Task] = [task]
    ours: list[bgtasks.BackgroundTask] = [task]
    their_tasks: list[background.Tasks] = [tasks]
    our_tasks: list[bgtasks.BackgroundTasks] = [tasks]
    print(theirs, ours, their_tasks, our_tasks)
