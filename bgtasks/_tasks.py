"""The collection: function calls to run later, one after another or all at once."""

# SPDX-License-Identifier: MIT-0

import sys
import warnings
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from reprlib import recursive_repr
from types import FunctionType
from typing import Annotated, Any, TypeVar

from anyio.lowlevel import checkpoint_if_cancelled
from typing_extensions import Doc

from ._calls import (
    ASYNC,
    GENERATOR,
    await_or_drop,
    check_callable,
    check_flag,
    check_parameters,
    close_coroutine,
    let_func_be_missing,
)
from ._group import GroupRun
from ._notes import add_note, replace_note, run_codes, run_numbers
from ._task import (
    MAKE_CALL,
    BackgroundTask,
    BlockingRunner,
    P,
    ThreadHop,
    as_task,
    is_plain,
    name_all,
    note_place,
    start_by,
)


class BackgroundTasks:
    """Function calls to run later, usually after a response.

    ```python
    tasks = BackgroundTasks()
    tasks.add_task(send_email, "ada@example.org", subject="Welcome")
    ```

    The framework runs them after the response, by ``await tasks()``: in the order
    added, or all at once with ``as_group=True``. Async functions run in the event loop,
    plain functions in a worker thread. A run removes nothing from the list.

    If a task fails, its exception leaves ``await tasks()``, the following tasks do not
    run, and a note on the exception names them. With ``on_error``, they run.

    Attributes:
        tasks: The tasks, in the order added. You may read and change the list.
        as_group: Whether ``await tasks()`` runs the tasks all at once.

    Raises:
        TypeError: ``tasks`` is not an iterable of callables, or ``on_error`` or
            ``runner`` is not callable.
    """

    # Whether the tasks are accounted for: a run has begun, or an exception names them.
    _begun = False

    def __init__(
        self,
        tasks: Annotated[
            Iterable[Callable[[], object]] | None,
            Doc(
                """
                The first tasks: an iterable of tasks, or of anything that can be called
                without arguments, such as another collection. It is copied.
                """
            ),
        ] = None,
        as_group: Annotated[  # noqa: FBT002 (by position too, as in Lilya and Esmerald)
            bool,
            Doc(
                """
                Run the tasks all at once, not one after another. A task that fails does
                not cancel the others.
                """
            ),
        ] = False,
        *,
        on_error: Annotated[
            Callable[[BackgroundTask, Exception], object] | None,
            Doc(
                """
                A plain or async function that is called in the event loop with each
                task that fails, and with its exception. Then the run goes on. An
                exception that it raises ends the run.
                """
            ),
        ] = None,
        runner: Annotated[
            Callable[[BackgroundTask], Awaitable[object]] | None,
            Doc(
                """
                An async function that is called with each task and runs it by
                `await task()`: for time limits, retries or spans, or to send the task
                to an engine. Each plain function then takes its own thread hop.
                """
            ),
        ] = None,
    ) -> None:
        if on_error is not None:
            check_callable("on_error", on_error, "on_error={}", "on_error={}(...)")
            check_parameters("on_error", on_error, "task", "exc")
        if runner is not None:
            check_callable("runner", runner, "runner={}", "runner={}(...)")
            check_parameters("runner", runner, "task")
        if as_group:
            check_flag("as_group", as_group)
        self.tasks: list[BackgroundTask] = [] if tasks is None else checked_tasks(tasks)
        self.as_group = as_group
        self._on_error = on_error
        self._runner = runner

    def add_task(
        self,
        func: Annotated[
            Callable[P, object],
            Doc(
                """
                The function to call later: async or plain, a method, a class, a
                lambda, any callable. Positional-only, so that the function may have
                parameters called `func` and `self`.
                """
            ),
        ],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """Add the call ``func(*args, **kwargs)``, to run after the response.

        Nothing is called yet. An async function will run in the event loop, a plain
        one in a worker thread. The type checker checks the arguments now.

        Args:
            *args: Positional arguments of ``func``.
            **kwargs: Keyword arguments of ``func``.

        Raises:
            TypeError: ``func`` is not callable, or is a generator function, whose call
                would run nothing. Wrong arguments are an error when the task runs.
        """
        if type(func) is not FunctionType or func.__code__.co_flags & GENERATOR:
            check_callable(
                "a background task", func, "add_task({}, ...)", "add_task({}(...))"
            )
        # BackgroundTask(func, *args, **kwargs) would pack the arguments once more and
        # check again: 660 ns, against 440 ns.
        task = BackgroundTask.__new__(BackgroundTask)
        task.func, task.args, task.kwargs = func, args, kwargs
        self.tasks.append(task)

    async def __call__(self) -> None:
        """Run the tasks: all at once if ``as_group``, else one after another."""
        if self.as_group:
            await self.run_as_group()
        else:
            await self.run_single()

    async def run_single(self) -> None:
        """Run the tasks one after another, in the order added.

        Consecutive plain functions share one hop to a worker thread.

        Raises:
            Exception: The exception of the first task that fails. With ``on_error``,
                what ``on_error`` raises, with the task's exception as ``__context__``.
                Notes name the task and the tasks that were not run.
        """
        run = next(run_numbers)
        # Not as in `for task in tasks`: an iterator that has once found the end of the
        # list stays there, and misses what is added while a thread still works.
        tasks, runner = self.tasks, self._runner
        blocking = runner if isinstance(runner, BlockingRunner) else None
        started = 0  # how many of them; none of the rest has been
        self._begun = True  # last, as Ctrl-C may come before
        try:
            if runner is not None and tasks:  # it may shield the first one
                await checkpoint_if_cancelled()
            while started < len(tasks):
                before = started
                try:
                    task = tasks[started]
                except IndexError:
                    continue  # another thread has made the list shorter
                if type(task) is not BackgroundTask:
                    task = as_task(task)
                started += 1
                try:
                    func: Any = task.func
                    if blocking is None and (
                        runner is not None or type(task).__call__ is not MAKE_CALL
                    ):
                        await self._start(task)
                        # It may have been shielded from a cancellation.
                        await checkpoint_if_cancelled()
                    elif (
                        blocking is None
                        and type(func) is FunctionType
                        and func.__code__.co_flags & ASYNC
                    ):
                        # As in the next branch, in a third of the time.
                        await func(*task.args, **task.kwargs)
                    elif blocking is None and task.is_async:
                        await task()
                    else:
                        hop = ThreadHop(task, tasks, before, blocking)
                        try:
                            await hop.run()
                        finally:
                            started, task = hop.started, hop.task
                        # A cancellation had to wait for the thread.
                        await checkpoint_if_cancelled()
                except BaseException as exc:
                    if started == before:
                        raise  # cancelled before the thread began
                    note_place(exc, task, started, len(tasks), run)
                    if self._on_error is None or not isinstance(exc, Exception):
                        raise
                    await await_or_drop(self._on_error, self._on_error(task, exc))
                    # The notes of this failure are not about the next one, which may be
                    # the same object.
                    run = next(run_numbers)
                    # Nothing starts after a cancellation: it may have come meanwhile.
                    await checkpoint_if_cancelled()
        except BaseException as exc:
            if not_run := tasks[started:]:
                add_note(exc, f"Not run: {name_all(not_run)}.", run)
            raise

    async def run_as_group(self) -> None:
        """Run the tasks all at once, and wait for all of them.

        A task that fails does not cancel the others. Tasks that are added during the
        run are run after these, as a group of their own.

        Raises:
            ExceptionGroup: The exceptions of the tasks, each with a note that names
                the task. With ``on_error``, what ``on_error`` raises, each with the
                task's exception as ``__context__``.
        """
        group = GroupRun(self.tasks, self._start, self._on_error)
        self._begun = True
        await group.run()

    async def _start(self, task: BackgroundTask) -> None:
        runner = self._runner
        blocking = runner if isinstance(runner, BlockingRunner) else None
        if blocking is not None or (runner is None and is_plain(task)):
            # Not task(): if it was cancelled meanwhile, it would raise that after the
            # call has finished, and the group would name the task as not finished.
            await ThreadHop(task, [task], 0, blocking).run()
        elif runner is None:
            await task()
        else:
            await start_by(runner, task)

    # A default, as this module's names may be gone already when Python ends.
    def __del__(self, is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        """Warn about tasks that were never run, as Python does about unclosed files."""
        if not self._begun and getattr(self, "tasks", None) and not is_finalizing():
            msg = (
                f"background tasks were never run: {name_all(self.tasks)}: give their "
                "collection to a response, or write `await tasks()`"
            )
            warnings.warn(msg, ResourceWarning, stacklevel=1, source=self)

    @recursive_repr()
    def __repr__(self) -> str:
        as_group = ", as_group=True" if self.as_group else ""
        return f"{type(self).__name__}({self.tasks!r}{as_group})"


run_codes.add(BackgroundTasks.run_single.__code__)
let_func_be_missing(vars(BackgroundTasks)["add_task"])

TasksT = TypeVar("TasksT", bound=BackgroundTasks)


# The options of integrations that make collections: classes inherit them. No docstring:
# pyright would show it for a function that has these parameters.
@dataclass(kw_only=True, eq=False, repr=False)
class Options:
    as_group: Annotated[
        bool, Doc("Whether the tasks run all at once, not one after another.")
    ] = False
    on_error: Annotated[
        Callable[[BackgroundTask, Exception], object] | None,
        Doc("Called with each task that fails and its exception; the run goes on."),
    ] = None
    runner: Annotated[
        Callable[[BackgroundTask], Awaitable[object]] | None,
        Doc("Runs each task, by `await runner(task)` in place of `await task()`."),
    ] = None


def make_tasks(kind: type[TasksT], options: Options) -> TasksT:
    """Return a new collection with the options, for what makes one for each request."""
    return kind(
        as_group=options.as_group,
        on_error=options.on_error,
        runner=options.runner,
    )


def checked_tasks(items: Iterable[Callable[[], object]]) -> list[BackgroundTask]:
    given: object = items
    if isinstance(given, str | bytes) or not hasattr(type(given), "__iter__"):
        close_coroutine(given)
        msg = (
            f"tasks must be an iterable of tasks, got '{type(given).__name__}' object: "
            "write BackgroundTasks([task])"
        )
        raise TypeError(msg)
    iterator = iter(items)
    tasks: list[BackgroundTask] = []
    try:
        for item in iterator:
            if isinstance(item, BackgroundTask):
                tasks.append(item)
            else:
                check_callable(
                    "each of the tasks",
                    item,
                    "BackgroundTasks([BackgroundTask({}, ...)])",
                    "BackgroundTasks([{}(...)])",
                )
                tasks.append(BackgroundTask(item))
    except TypeError:
        # Not the rest of an iterator: it makes its items only now, perhaps endlessly.
        for item in () if iterator is given else iterator:
            close_coroutine(item)
        raise
    return tasks


def note_not_run(
    exc: BaseException, collections: Sequence[BackgroundTasks], why: str
) -> None:
    """Note on an exception that collections will not be run because of it."""
    if not_run := [task for each in collections for task in each.tasks]:
        replace_note(exc, f"Not run, {why}: ", f"{name_all(not_run)}.")
    for each in collections:
        vars(each)["_begun"] = True  # accounted for; private to type checkers
