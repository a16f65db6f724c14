"""A task is checked as in ``add_task``."""

import shutil
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, assert_type

from bgtasks import BackgroundTask

DOCUMENTS = "bgtasks.BackgroundTask"


async def send_email(to: str, *, subject: str, retries: int = 3) -> None: ...


def resize(path: str, width: int, height: int = 600) -> None: ...


def checked_as_a_call() -> None:
    """Pass the function, then its arguments."""
    BackgroundTask(send_email, "ada@example.org", subject="Welcome")
    BackgroundTask(resize, "portrait.png", height=400, width=800)


def wrong_type() -> None:
    """An argument must have the type of its parameter."""
    BackgroundTask(resize, "portrait.png", "800")  # E: `width` is an int
    BackgroundTask(send_email, 42, subject="Hi")  # E: `to` is a str


def missing() -> None:
    """A parameter without a default needs an argument."""
    BackgroundTask(resize, "portrait.png")  # E: `width` is missing
    BackgroundTask(send_email, "ada@example.org")  # E: `subject` is missing


def too_many() -> None:
    """There must not be more arguments than parameters."""
    BackgroundTask(resize, "portrait.png", 800, 600, 3)  # E: it has three parameters


def unknown() -> None:
    """A keyword must be the name of a parameter."""
    BackgroundTask(resize, "portrait.png", 800, hieght=600)  # E: no such parameter


def duplicate() -> None:
    """The same parameter must not get two arguments."""
    BackgroundTask(resize, "portrait.png", 800, path="a.png")  # E: `path` is given


def keyword_only_parameter() -> None:
    """A parameter after the `*` takes its argument by name only."""
    BackgroundTask(send_email, "ada@example.org", "Hi")  # E: `subject` needs its name


def standard_library() -> None:
    """`shutil.copy` is generic, and its arguments are checked too."""
    BackgroundTask(shutil.copy, "report.pdf", "archive")
    # E(not pyrefly, https://github.com/facebook/pyrefly/issues/2355): a path is no int
    BackgroundTask(shutil.copy, "report.pdf", 1)


def with_partial() -> None:
    """A `functools.partial` object needs the arguments that it does not have yet."""
    BackgroundTask(partial(resize, "portrait.png"), 800)
    # E(not mypy, https://github.com/python/mypy/issues/18589): `width` is an int
    BackgroundTask(partial(resize, "portrait.png"), "800")


def as_lambda() -> None:
    """A lambda contains a direct call, which is checked in full."""
    BackgroundTask(lambda: send_email("ada@example.org", subject="Hi"))
    BackgroundTask(lambda: send_email("ada@example.org"))  # E: `subject` is missing


def parameter_called_func() -> None:
    """The function may have parameters called `func` and `self`."""

    def call_later(func: str, self: int) -> None: ...

    BackgroundTask(call_later, func="send", self=1)
    BackgroundTask(call_later, func="send", self="1")  # E: `self` is an int


def function_by_name() -> None:
    """The function is the first argument, and has no name."""
    BackgroundTask(func=resize, path="portrait.png", width=800)  # E: it comes first


def already_called() -> None:
    """Pass the function and its arguments; do not call it here."""
    BackgroundTask(send_email("ada@example.org", subject="Hi"))  # E: already called


def not_callable() -> None:
    """A task must be callable."""
    BackgroundTask()  # E: the function is missing
    BackgroundTask(None)  # E: None cannot be called
    BackgroundTask("send_email", "ada@example.org")  # E: a str cannot be called


def nested(task: BackgroundTask) -> None:
    """A task can itself be a task, without arguments."""
    BackgroundTask(task)
    BackgroundTask(task, "ada@example.org")  # E: it has its arguments already


def attributes(task: BackgroundTask) -> None:
    """You can read the call, in a test or in a `runner`.

    It may be any call, so these types are wide.
    """
    assert_type(task.func, Callable[..., object])
    assert_type(task.args, tuple[Any, ...])
    assert_type(task.kwargs, dict[str, Any])
    del task.result  # E: a task has no result


def not_generic(task: BackgroundTask) -> None:
    """All tasks have the same type, so one list can hold them."""
    tasks = [BackgroundTask(resize, "portrait.png", 800), task]
    assert_type(tasks, list[BackgroundTask])


def equality() -> None:
    """Tasks can be compared, for example in a test."""
    task = BackgroundTask(resize, "portrait.png", 800)
    assert_type(task == BackgroundTask(resize, "portrait.png", 800), bool)


class Response:
    def __init__(
        self, body: str, background: Callable[[], Awaitable[None]] | None = None
    ) -> None: ...


def in_a_framework(task: BackgroundTask) -> None:
    """A framework only needs the type of a callable that returns an awaitable."""
    Response("Welcome", background=task)
    Response("Welcome", background=BackgroundTask(resize, "portrait.png", 800))
    Response("Welcome", background=BackgroundTask)  # E: the class, not a task
