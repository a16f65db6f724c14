"""The run of a collection as a group: its tasks all at once, each to its end."""

# SPDX-License-Identifier: MIT-0

from collections.abc import Awaitable, Callable, Sequence
from math import inf

from anyio import (
    CancelScope,
    create_task_group,
    current_effective_deadline,
    get_cancelled_exc_class,
)
from anyio.lowlevel import checkpoint_if_cancelled

from ._calls import await_or_drop
from ._notes import add_note, notes_of_runs, run_codes, run_numbers
from ._task import BackgroundTask, as_task, name_all, note_place


class GroupRun:
    """One run of all tasks in a list at once, and of those added meanwhile after them.

    Args:
        start: Runs one task.
        on_error: Gets a task's failure; without it, failures are raised at the end.
    """

    def __init__(
        self,
        tasks: Sequence[object],
        start: Callable[[BackgroundTask], Awaitable[None]],
        on_error: Callable[[BackgroundTask, Exception], object] | None,
    ) -> None:
        self._tasks = tasks
        self._start = start
        self._on_error = on_error
        self._run = next(run_numbers)
        self._started = 0  # how many of the tasks
        self._unfinished: dict[int, BackgroundTask] = {}  # of those started, by place
        self._failures: list[BaseException] = []
        self._cancellations: dict[int, BaseException] = {}  # by place
        self._reported = set[int]()  # places of the tasks that on_error got
        # Notes of collections among the tasks, by place: the task group does not raise
        # the cancellation that they are on.
        self._notes: dict[int, list[str]] = {}

    async def run(self) -> None:
        end: BaseException | None = None
        try:
            while self._started < len(self._tasks):
                await checkpoint_if_cancelled()
                if not await self._run_round():
                    break
        except BaseException as exc:
            end = exc
        # As in asyncio.TaskGroup, failures come before the cancellation of the group.
        if self._failures:
            if end is not None and not is_cancellation(end):
                self._failures.append(end)  # Ctrl-C on trio, sys.exit() in on_error
            end = self._combined_failures()
        if end is None:
            return
        not_finished = [*self._unfinished.values(), *self._tasks[self._started :]]
        if not_finished:
            add_note(end, f"Not finished: {name_all(not_finished)}.", self._run)
            for place in self._unfinished:
                for note in self._notes.get(place, ()):
                    add_note(end, note, self._run)
        try:
            raise end
        finally:
            # No cycle through its traceback, which holds this frame.
            del end
            self._failures.clear()
            self._cancellations.clear()

    async def _run_round(self) -> bool:
        """Run the tasks not started yet; return whether another round may follow."""
        async with create_task_group() as group:
            for item in self._tasks[self._started :]:
                self._started += 1
                self._unfinished[self._started] = as_task(item)
                group.start_soon(self.run_one, self._started, group.cancel_scope)
        for place, exc in self._cancellations.items():
            task = self._unfinished[place]
            try:
                raise_failure(exc, of_on_error=place in self._reported)
            except RuntimeError as failure:
                await self._report(failure, task, place)
            del self._unfinished[place]
        self._cancellations.clear()
        return not group.cancel_scope.cancel_called

    async def run_one(self, place: int, scope: CancelScope) -> None:
        task = self._unfinished[place]
        try:
            try:
                await checkpoint_if_cancelled()
                await self._start(task)
            except Exception as exc:
                await self._report(exc, task, place)
        except BaseException as exc:
            if is_cancellation(exc):
                self._notes[place] = notes_of_runs(exc)
                if current_effective_deadline() == -inf:
                    raise  # a cancel scope's: the group's own, or one around it
                # asyncio's own cancel(), of this task alone or, when asyncio.run()
                # ends, of the group too: the end of the round shows which. Raised, it
                # would cancel the others, and the task group would not say why.
                self._cancellations[place] = exc
                return
            self._note_place(exc, task, place)
            self._failures.append(exc)
            scope.cancel()
        del self._unfinished[place]

    async def _report(self, exc: Exception, task: BackgroundTask, place: int) -> None:
        self._note_place(exc, task, place)
        if self._on_error is None or place in self._reported:
            self._failures.append(exc)
            return
        self._reported.add(place)
        try:
            await await_or_drop(self._on_error, self._on_error(task, exc))
        except Exception as raised:
            self._failures.append(raised)
        finally:
            del exc  # no cycle, if on_error raises it again

    def _note_place(self, exc: BaseException, task: BackgroundTask, place: int) -> None:
        note_place(exc, task, place, len(self._tasks), self._run)

    def _combined_failures(self) -> BaseException:
        match self._failures:
            case [failure] if not isinstance(failure, Exception):
                return failure
            case failures:
                count = f"{len(failures)} of {self._started}"
                message = f"{count} background tasks failed"
                # A copy: its `args` show and pickle the list that it is given.
                return BaseExceptionGroup(message, [*failures])


def raise_failure(cancellation: BaseException, *, of_on_error: bool) -> None:
    """Raise the failure of a task that was cancelled, when its run was not.

    Raised, not only made: so it becomes the context of what ``on_error`` raises.
    """
    what = "on_error" if of_on_error else "the background task"
    msg = f"{what} was cancelled, but the run was not"
    raise RuntimeError(msg) from cancellation


def is_cancellation(exc: BaseException) -> bool:
    """Whether it is a cancellation, or a group of them only, as of a trio nursery."""
    return BaseExceptionGroup("", [exc]).split(get_cancelled_exc_class())[1] is None


run_codes.update({GroupRun.run.__code__, GroupRun.run_one.__code__})
