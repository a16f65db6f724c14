"""One call, with the same checks as in ``add_task``."""

import shutil
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, assert_type

from bgtasks import BackgroundTask

DOCUMENTS = "bgtasks.BackgroundTask"


async def send_email(to: str, *, subject: str, retries: int = 3) -> None: ...


def resize(path: str, width: int, height: int = 600) -> None: ...


def checked_as_a_call() -> None:
    """Name the function, then its arguments as in a call."""
    BackgroundTask(send_email, "ada@example.org", subject="Welcome")
    BackgroundTask(resize, "portrait.png", height=400, width=800)


def wrong_type() -> None:
    """An argument must have the type of its parameter."""
    BackgroundTask(resize, "portrait.png", "800")  # E: `width` is an int
    BackgroundTask(send_email, 42, subject="Hi")  # E: `to` is a str


def missing() -> None:
    """A parameter without a default must get its argument."""
    BackgroundTask(resize, "portrait.png")  # E: `width` is missing
    BackgroundTask(send_email, "ada@example.org")  # E: `subject` is missing


def too_many() -> None:
    """There must not be more arguments than parameters."""
    BackgroundTask(resize, "portrait.png", 800, 600, 3)  # E: three parameters


def unknown() -> None:
    """A keyword must be the name of a parameter."""
    BackgroundTask(resize, "portrait.png", 800, hieght=600)  # E: no such parameter


def duplicate() -> None:
    """An argument must not be given twice."""
    BackgroundTask(resize, "portrait.png", 800, path="a.png")  # E: `path` is given


def keyword_only_parameter() -> None:
    """What stands after the asterisk must be named."""
    BackgroundTask(send_email, "ada@example.org", "Hi")  # E: `subject` needs its name


def standard_library() -> None:
    """`shutil.copy` is generic; its arguments are checked all the same."""
    BackgroundTask(shutil.copy, "report.pdf", "archive")
    # E(not pyrefly, https://github.com/facebook/pyrefly/issues/2355): a path is no int
    BackgroundTask(shutil.copy, "report.pdf", 1)


def with_partial() -> None:
    """A `functools.partial` object goes with the arguments that it lacks."""
    BackgroundTask(partial(resize, "portrait.png"), 800)
    # E(not mypy, https://github.com/python/mypy/issues/18589): `width` is an int
    BackgroundTask(partial(resize, "portrait.png"), "800")


def as_lambda() -> None:
    """In a lambda the call is written out, and so checked in full."""
    BackgroundTask(lambda: send_email("ada@example.org", subject="Hi"))
    BackgroundTask(lambda: send_email("ada@example.org"))  # E: `subject` is missing


def parameter_called_func() -> None:
    """The function's parameters may have any name, `func` and `self` included."""

    def call_later(func: str, self: int) -> None: ...

    BackgroundTask(call_later, func="send", self=1)
    BackgroundTask(call_later, func="send", self="1")  # E: `self` is an int


def function_by_name() -> None:
    """The function itself has no name: it stands first."""
    BackgroundTask(func=resize, path="portrait.png", width=800)  # E: it stands first


def already_called() -> None:
    """Write the arguments after the function, not in parentheses of its own."""
    BackgroundTask(send_email("ada@example.org", subject="Hi"))  # E: already called


def not_callable() -> None:
    """What cannot be called is no task."""
    BackgroundTask()  # E: there is no function
    BackgroundTask(None)  # E: None cannot be called
    BackgroundTask("send_email", "ada@example.org")  # E: a name cannot be called


def nested(task: BackgroundTask) -> None:
    """A task is itself a function without arguments."""
    BackgroundTask(task)
    BackgroundTask(task, "ada@example.org")  # E: it has its arguments


def attributes(task: BackgroundTask) -> None:
    """The call can be looked at, in tests and in a `runner`.

    What is stored could be any call, so the types of its parts are wide.
    """
    assert_type(task.func, Callable[..., object])
    assert_type(task.args, tuple[Any, ...])
    assert_type(task.kwargs, dict[str, Any])
    del task.result  # E: a task has no result


def not_generic(task: BackgroundTask) -> None:
    """Tasks of all functions have one type, so a list can hold them."""
    tasks = [BackgroundTask(resize, "portrait.png", 800), task]
    assert_type(tasks, list[BackgroundTask])


def equality() -> None:
    """Tasks can be compared, which makes tests easy."""
    task = BackgroundTask(resize, "portrait.png", 800)
    assert_type(task == BackgroundTask(resize, "portrait.png", 800), bool)


class Response:
    def __init__(
        self, body: str, background: Callable[[], Awaitable[None]] | None = None
    ) -> None: ...


def in_a_framework(task: BackgroundTask) -> None:
    """A framework needs to know no more than that it can be called and awaited."""
    Response("Welcome", background=task)
    Response("Welcome", background=BackgroundTask(resize, "portrait.png", 800))
    Response("Welcome", background=BackgroundTask)  # E: the class, not a task
