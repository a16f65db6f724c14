"""The collection: calls put aside, run one after another or all at once."""

# SPDX-License-Identifier: MIT-0

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from inspect import CO_COROUTINE, isawaitable
from itertools import chain
from math import inf
from operator import length_hint
from reprlib import recursive_repr
from types import FunctionType
from typing import Annotated, Any

from anyio import (
    create_task_group,
    current_effective_deadline,
    get_cancelled_exc_class,
)
from anyio.lowlevel import checkpoint_if_cancelled
from typing_extensions import Doc

from ._calls import add_note, check_callable, check_parameters, close, finish
from ._task import GENERATOR, BackgroundTask, P, ThreadHop


class BackgroundTasks:
    """Calls put aside, to be run by ``await tasks()``, usually after a response.

    They run in the order added, or all at once with ``as_group=True``, also those that
    a running task adds. Each run runs all of them: nothing is removed.

    When a task fails, its exception leaves ``await tasks()``, with a note that names
    the tasks that were not run; with ``on_error``, it goes there and the run goes on.

    Attributes:
        tasks: The tasks, in the order added. It may be read and changed.

    Raises:
        TypeError: ``tasks`` is not an iterable of callables, or ``on_error`` or
            ``runner`` is not callable.
    """

    def __init__(
        self,
        tasks: Annotated[
            Iterable[Callable[[], object]] | None,
            Doc(
                """
                What to run first: tasks, or anything callable without arguments, such
                as another collection. It is copied.
                """
            ),
        ] = None,
        *,
        as_group: Annotated[
            bool,
            Doc(
                """
                Whether `await tasks()` runs the tasks all at once, as
                `run_as_group()` does, and not one after another.
                """
            ),
        ] = False,
        on_error: Annotated[
            Callable[[BackgroundTask, Exception], object] | None,
            Doc(
                """
                Called in the event loop with each task that fails and its exception,
                and awaited if it returns an awaitable; then the run goes on. What it
                raises itself ends the run.
                """
            ),
        ] = None,
        runner: Annotated[
            Callable[[BackgroundTask], Awaitable[object]] | None,
            Doc(
                """
                Runs each task, by `await runner(task)` in place of `await task()`: the
                place for time limits, retries, spans, or an engine that runs the task
                elsewhere. Plain functions then make a hop to a worker thread each.
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
        self.tasks: list[BackgroundTask] = [] if tasks is None else as_tasks(tasks)
        self._as_group = as_group
        self._on_error = on_error
        self._runner = runner

    def add_task(
        self,
        func: Annotated[
            Callable[P, object],
            Doc(
                """
                The function to call later: plain or async, a method, a class, a
                lambda, any callable. Positional-only, so that the function may have
                parameters called `func` and `self`.
                """
            ),
        ],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """Put ``func(*args, **kwargs)`` aside, to be called when the collection runs.

        Args:
            *args: Positional arguments of ``func``.
            **kwargs: Keyword arguments of ``func``.

        Raises:
            TypeError: ``func`` is not callable, or is a generator function, whose call
                would run nothing.
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
        """Run the tasks, as a group if ``as_group`` was given."""
        if self._as_group:
            await self.run_as_group()
        else:
            await self.run_single()

    async def run_single(self) -> None:
        """Run the tasks one after another, in the order added.

        Consecutive plain functions share one hop to a worker thread.

        Raises:
            Exception: What the first task to fail raised, if there is no ``on_error``,
                or what ``on_error`` raised. A note names the task and those not run.
        """
        tasks = iter(self.tasks)
        task = next(tasks, None)
        last: BackgroundTask | None = None  # to be started
        try:
            while task is not None:
                last, task = task, None
                try:
                    func: Any = last.func
                    if (
                        self._runner is not None
                        or type(last).__call__ is not BackgroundTask.__call__
                    ):
                        await self._start(last)
                    elif type(func) is FunctionType and (
                        func.__code__.co_flags & CO_COROUTINE
                    ):
                        # As in the next branch, in a third of the time.
                        await func(*last.args, **last.kwargs)
                    elif last.is_async:
                        await last()
                    else:
                        hop = ThreadHop(chain([last], tasks))
                        try:
                            await hop.run()
                        finally:
                            last, task = hop.last, hop.left_over
                except BaseException as exc:
                    # Cancelled before the thread began. (pyright overlooks `finally`.)
                    if last is None:  # pyright: ignore[reportUnnecessaryComparison]
                        raise
                    not_started = length_hint(tasks) + (task is not None)
                    add_note(exc, self._at(len(self.tasks) - not_started, last))
                    if self._on_error is None or not isinstance(exc, Exception):
                        raise
                    await finish(self._on_error(last, exc))
                    # Nothing starts after a cancellation: it may have come meanwhile.
                    await checkpoint_if_cancelled()
                if task is None:
                    task = next(tasks, None)
        except BaseException as exc:
            not_run = [*([] if task is None else [task]), *tasks]
            if not_run:
                add_note(exc, f"Not run: {names(not_run)}.")
            raise

    async def run_as_group(self) -> None:
        """Run the tasks all at once, and wait for all of them.

        A task that fails does not cancel the others. Tasks that are added meanwhile run
        after these, all at once in their turn.

        Raises:
            ExceptionGroup: Of what tasks raised, if there is no ``on_error``, or of
                what ``on_error`` raised. A note on each names the task.
        """
        tasks = self.tasks
        place = 0  # of the last task to be started
        running: dict[int, BackgroundTask] = {}
        failures: list[BaseException] = []
        cancelled = get_cancelled_exc_class()

        async def run(place: int, task: BackgroundTask) -> None:
            try:
                await self._start_in_group(place, task)
            except Exception as exc:
                failures.append(exc)
            except cancelled as exc:
                if current_effective_deadline() == -inf:
                    raise
                # By itself. A task group takes that for its own doing, and is silent.
                failure = RuntimeError("the background task cancelled itself")
                failure.__cause__ = exc
                add_note(failure, self._at(place, task))
                failures.append(failure)
            except BaseException as exc:
                add_note(exc, self._at(place, task))
                failures.append(exc)
                group.cancel_scope.cancel()
            del running[place]

        end: BaseException | None = None
        try:
            while place < len(tasks):
                async with create_task_group() as group:
                    for task in tasks[place:]:
                        place += 1
                        running[place] = task
                        group.start_soon(run, place, task)
                if group.cancel_scope.cancel_called:
                    break
        except BaseException as exc:
            end = exc
        # As in asyncio.TaskGroup, failures come before the cancellation of the group.
        end = as_one(failures, place) or end
        if end is not None:
            if unfinished := [*running.values(), *tasks[place:]]:
                add_note(end, f"Not finished: {names(unfinished)}.")
            raise end

    async def _start_in_group(self, place: int, task: BackgroundTask) -> None:
        try:
            await self._start(task)
        except Exception as exc:
            add_note(exc, self._at(place, task))
            if self._on_error is None:
                raise
            await finish(self._on_error(task, exc))

    async def _start(self, task: BackgroundTask) -> None:
        if self._runner is None:
            await task()
            return
        running = self._runner(task)
        if not isawaitable(running):
            msg = (
                f"runner must return an awaitable, got {running!r}: "
                "write it as `async def runner(task)`"
            )
            raise TypeError(msg)
        await running

    def _at(self, place: int, task: BackgroundTask) -> str:
        return f"At background task {place} of {len(self.tasks)}, {task.name}."

    @recursive_repr()
    def __repr__(self) -> str:
        as_group = ", as_group=True" if self._as_group else ""
        return f"{type(self).__name__}({self.tasks!r}{as_group})"


def as_tasks(items: Iterable[Callable[[], object]]) -> list[BackgroundTask]:
    given: object = items
    if isinstance(given, str | bytes) or not hasattr(type(given), "__iter__"):
        close(given)
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
        # Not what is only made on the way, perhaps without an end.
        for item in () if iterator is given else iterator:
            close(item)
        raise
    return tasks


def as_one(failures: list[BaseException], count: int) -> BaseException | None:
    match failures:
        case []:
            return None
        case [failure] if not isinstance(failure, Exception):
            return failure
        case _:
            msg = f"{len(failures)} of {count} background tasks failed"
            return BaseExceptionGroup(msg, failures)


def names(tasks: Sequence[BackgroundTask]) -> str:
    counts = Counter(task.name for task in tasks)
    return ", ".join(
        name if count == 1 else f"{name} ({count} times)"
        for name, count in counts.items()
    )
