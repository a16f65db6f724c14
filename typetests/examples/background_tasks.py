"""The collection, its first tasks and its options."""

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import assert_type

from bgtasks import BackgroundTask, BackgroundTasks

DOCUMENTS = "bgtasks.BackgroundTasks"


async def send_email(to: str, *, subject: str = "Hi") -> None: ...


async def clean_up() -> None: ...


def rotate_logs(keep: int = 7) -> bool:
    return keep > 0


def empty() -> None:
    """A new collection is empty."""
    assert_type(BackgroundTasks(), BackgroundTasks)
    BackgroundTasks(None)


def begin_with_tasks(task: BackgroundTask, tasks: BackgroundTasks) -> None:
    """The first tasks: anything that can be called without arguments."""
    BackgroundTasks([task])
    BackgroundTasks([clean_up, rotate_logs])
    BackgroundTasks([tasks, BackgroundTasks([task], as_group=True)])
    BackgroundTasks([lambda: send_email("ada@example.org"), partial(rotate_logs, 3)])
    BackgroundTasks(tasks=[task])


def any_iterable(task: BackgroundTask, many: Iterable[Callable[[], None]]) -> None:
    """The first tasks may be in any iterable, such as a tuple or a generator."""
    BackgroundTasks((task, clean_up))
    BackgroundTasks(BackgroundTask(send_email, to) for to in ("ada", "alan"))
    BackgroundTasks(many)


def function_with_parameters() -> None:
    """A function that needs arguments must be in a `BackgroundTask`."""
    BackgroundTasks([BackgroundTask(send_email, "ada@example.org")])
    BackgroundTasks([send_email])  # E: `to` is missing
    BackgroundTasks([BackgroundTask(send_email, 42)])  # E: `to` is a str


def already_called() -> None:
    """A coroutine is not a task: pass the function, and do not call it."""
    BackgroundTasks([clean_up()])  # E: it is already called


def one_task(task: BackgroundTask, tasks: BackgroundTasks) -> None:
    """Put a single task into a list."""
    BackgroundTasks([task])
    BackgroundTasks(task)  # E: it is not a list
    BackgroundTasks(clean_up)  # E: it is not a list
    BackgroundTasks(tasks)  # E: it is not a list


def not_callable() -> None:
    """Each item must be callable."""
    BackgroundTasks([None])  # E: None cannot be called
    BackgroundTasks("clean_up")  # E: a str is not a list of tasks
    BackgroundTasks([("clean_up",)])  # E: a tuple cannot be called


def at_once() -> None:
    """With `as_group`, `await tasks()` runs all tasks at once."""
    BackgroundTasks(as_group=True)
    BackgroundTasks(as_group="yes")  # E: `as_group` is a bool


def log_failure(task: BackgroundTask, exc: Exception) -> None: ...


async def report_failure(task: BackgroundTask, exc: Exception) -> None: ...


def handle_errors() -> None:
    """`on_error` gets the task and its exception. It may be async."""
    BackgroundTasks(on_error=log_failure)
    BackgroundTasks(on_error=report_failure)
    BackgroundTasks(on_error=lambda task, exc: print(task, exc))
    BackgroundTasks(on_error=None)


def handle_any_error() -> None:
    """A handler may have wider types, and more parameters with a default."""

    def log(task: object, exc: BaseException, *, level: int = 40) -> None: ...

    BackgroundTasks(on_error=log)


def wrong_error_handler() -> None:
    """A handler must accept the task and any exception, in this order."""
    BackgroundTasks(on_error=log_failure)

    def without_task(exc: Exception) -> None: ...

    def other_order(exc: Exception, task: BackgroundTask) -> None: ...

    def value_errors(task: BackgroundTask, exc: ValueError) -> None: ...

    BackgroundTasks(on_error=without_task)  # E: `on_error` gets two arguments
    BackgroundTasks(on_error=other_order)  # E: the task comes first
    BackgroundTasks(on_error=value_errors)  # E: not every error is a ValueError
    BackgroundTasks(on_error="log")  # E: a str cannot be called


async def retry(task: BackgroundTask) -> None:
    await task()


def run_tasks_your_way() -> None:
    """`runner` gets each task. The run awaits what it returns."""
    BackgroundTasks(runner=retry)
    BackgroundTasks(runner=lambda task: task())
    BackgroundTasks(runner=None)

    async def count(task: BackgroundTask) -> int:
        await task()
        return 1

    BackgroundTasks(runner=count)


def wrong_runner(runner: Callable[[BackgroundTask], Awaitable[None] | None]) -> None:
    """A runner must return an awaitable, and needs no argument but the task."""
    BackgroundTasks(runner=retry)

    def synchronous(task: BackgroundTask) -> None: ...

    async def with_limit(task: BackgroundTask, seconds: float) -> None: ...

    async def of_functions(function: Callable[[str], None]) -> None: ...

    BackgroundTasks(runner=synchronous)  # E: None cannot be awaited
    BackgroundTasks(runner=runner)  # E: it may return None
    BackgroundTasks(runner=with_limit)  # E: `seconds` is missing
    BackgroundTasks(runner=of_functions)  # E: a task takes no arguments
    BackgroundTasks(runner=lambda: clean_up())  # E: the runner gets the task


def options_by_name() -> None:
    """Pass options by name. `as_group` may come second, as in Lilya and Esmerald."""
    BackgroundTasks([clean_up], as_group=True, on_error=log_failure, runner=retry)
    BackgroundTasks([clean_up], True)
    BackgroundTasks([clean_up], True, log_failure)  # E: write `on_error=log_failure`
    BackgroundTasks(on_eror=log_failure)  # E: there is no such option


def the_list(tasks: BackgroundTasks, task: BackgroundTask) -> None:
    """`tasks.tasks` is the list of tasks, in the order added."""
    assert_type(tasks.tasks, list[BackgroundTask])
    tasks.tasks.append(task)
    tasks.tasks.append(clean_up)  # E: a function, not a task


def the_way_to_run(tasks: BackgroundTasks) -> None:
    """`as_group` is an attribute too. You may set it before a run."""
    assert_type(tasks.as_group, bool)
    tasks.as_group = True
    tasks.as_group = "yes"  # E: `as_group` is a bool


def no_single_call(tasks: BackgroundTasks) -> None:
    """A collection is not a subclass of a task, and has no function of its own."""
    del tasks.func  # E: it has many functions
    task: BackgroundTask = tasks  # E: not a subclass
    print(task)


def no_length(tasks: BackgroundTasks) -> None:
    """A collection has no length, because an empty one must not be false."""
    len(tasks.tasks)
    len(tasks)  # E: write `len(tasks.tasks)`


class Response:
    def __init__(
        self, body: str, background: Callable[[], Awaitable[None]] | None = None
    ) -> None: ...


def in_a_framework(tasks: BackgroundTasks) -> None:
    """A framework only needs the type of a callable that returns an awaitable."""
    Response("Welcome", background=tasks)
    Response("Welcome", background=tasks())  # E: it is already called
    Response("Welcome", background=BackgroundTasks)  # E: the class, not a collection
