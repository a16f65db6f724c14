"""A pool of background tasks: they run in this process, beside the requests.

The lifespan of the application enters the pool. All servers wait for the lifespan, so
the tasks are not lost when the server restarts.
"""

# SPDX-License-Identifier: MIT-0

import logging
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from contextvars import Context, copy_context
from math import inf
from traceback import walk_tb
from types import CodeType, TracebackType
from typing import Annotated, Self

from anyio import (
    Event,
    create_task_group,
    current_effective_deadline,
    get_cancelled_exc_class,
    move_on_after,
)
from anyio.abc import TaskGroup
from anyio.lowlevel import RunVar
from typing_extensions import Doc

from ._calls import (
    await_or_drop,
    check_callable,
    check_parameters,
)
from ._notes import notes_of_runs, replace_note
from ._task import BackgroundTask, ThreadHop, name_all, start_by
from ._tasks import BackgroundTasks, note_not_run

__all__ = ["TaskPool"]

logger: logging.Logger = logging.getLogger("bgtasks")

# How many seconds `on_error` gets when tasks are cut off, as the process is to end.
LAST_WORDS = 0.4

# The code that makes plain calls, which stands in the traceback of their failures.
IN_THREAD: CodeType = vars(ThreadHop)["_make_calls"].__code__

CANCELLED_WITH_POOL = "was cancelled together with its pool"


class TaskPool:
    """Runs tasks beside the requests, and waits for them when the server stops.

    It is a ``runner`` that takes each task over at once, and an async context manager
    for the lifespan of the application. When it is left, it takes no more tasks, and
    waits up to ``drain`` seconds for those it has. Then it cancels the rest.

    Each task that fails is reported to ``on_error``, or without one to the logger
    ``bgtasks``. So is each task that has not ended, with an ``InterruptedError``.

    It may be entered again after it was left. Its tasks do not survive the process.

    Raises:
        TypeError: An option has the wrong type.
        ValueError: ``limit`` is below 1, or ``drain`` below 0.
    """

    def __init__(
        self,
        *,
        limit: Annotated[
            int | None,
            Doc(
                """
                How many tasks run at the same time. The others wait, and start in their
                order. `None` means no limit.
                """
            ),
        ] = None,
        drain: Annotated[
            float,
            Doc(
                """
                How many seconds to wait for the tasks when the pool is left. Kubernetes
                kills a process after 30 seconds: stay well below that.
                """
            ),
        ] = 20,
        on_error: Annotated[
            Callable[[BackgroundTask, Exception], object] | None,
            Doc(
                """
                A plain or async function that is called in the event loop with each
                task that fails or does not end, and with its exception. If it fails
                itself, both failures go to the logger `bgtasks`.
                """
            ),
        ] = None,
        runner: Annotated[
            Callable[[BackgroundTask], Awaitable[object]] | None,
            Doc("Runs each task, by `await runner(task)` in place of `await task()`."),
        ] = None,
    ) -> None:
        check_limit(limit)
        check_drain(drain)
        if on_error is not None:
            check_callable("on_error", on_error, "on_error={}", "on_error={}(...)")
            check_parameters("on_error", on_error, "task", "exc")
        if runner is not None:
            check_callable("runner", runner, "runner={}", "runner={}(...)")
            check_parameters("runner", runner, "task")
        self._limit = inf if limit is None else limit
        self._drain = float(drain)
        self._on_error = on_error
        self._runner = runner
        self._open: OpenPool | None = None
        self._exit_stack = AsyncExitStack()
        self._is_here = RunVar[bool]("the pool is open here", default=False)

    @property
    def running(self) -> int:
        """How many tasks run now. A failed task counts until it has been reported."""
        return 0 if self._open is None else len(self._open.running)

    @property
    def waiting(self) -> int:
        """How many tasks wait for others to end, because of ``limit``."""
        return 0 if self._open is None else len(self._open.waiting)

    async def __call__(
        self,
        task: Annotated[
            Callable[[], object],
            Doc(
                """
                A `BackgroundTask`, or anything that can be called without arguments,
                such as a collection, whose tasks then run in their order.
                """
            ),
        ],
        /,
    ) -> None:
        """Take a task over, and return at once. It runs in a copy of the context.

        Raises:
            RuntimeError: The pool is not open, is closing, or is open in another
                event loop. The task does not run, and a note names it.
        """
        if not isinstance(task, BackgroundTask):
            check_callable("a background task", task, "pool({})", "pool({}(...))")
            task = BackgroundTask(task)
        pool = self._open
        if pool is None:
            msg = (
                "the pool is not open: write `async with pool: yield` in the lifespan "
                "of the application, and check that the server or test client runs it"
            )
        elif not self._is_here.get():
            msg = (
                "the pool is open in another event loop: make a pool for each event "
                "loop, or write anyio.from_thread.run(pool, task) in a worker thread"
            )
        elif pool.is_left:
            msg = (
                "the pool is closing and takes no more tasks: write `await task()` "
                "to run the task at once"
            )
        else:
            pool.waiting.append(HandedOver(task))
            pool.start_waiting()
            return
        refusal = RuntimeError(msg)
        if isinstance(task.func, BackgroundTasks):
            note_not_run(refusal, [task.func], "because the pool refused them")
        else:
            replace_note(refusal, "Not run: ", f"{task.name}.")
        raise refusal

    async def __aenter__(self) -> Self:
        """Open the pool.

        Raises:
            RuntimeError: It is open already.
        """
        if self._open is not None:
            msg = (
                "the pool is open already: enter it once, in the lifespan of the "
                "outermost application, or make a pool for each lifespan"
            )
            raise RuntimeError(msg)
        await self._exit_stack.enter_async_context(self._opened())
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Wait for the tasks, then cancel and report those that have not ended.

        It does not wait if the block was cancelled, or raised an exception that is not
        an ``Exception``.

        Args:
            exc_type: The type of the exception that leaves the block, if there is one.
            exc: That exception, which goes on.
            traceback: Its traceback.
        """
        await self._exit_stack.__aexit__(exc_type, exc, traceback)

    @asynccontextmanager
    async def _opened(self) -> AsyncGenerator[None]:
        group = create_task_group()
        pool = OpenPool(group, self._limit, self._on_error, self._runner)
        token = self._is_here.set(True)
        left_by: BaseException | None = None
        try:
            async with group:
                self._open = pool
                why = CANCELLED_WITH_POOL
                try:
                    try:
                        yield
                    except get_cancelled_exc_class():
                        raise
                    except BaseException as exc:
                        left_by = exc  # the group would put it into an ExceptionGroup
                    pool.is_left = True
                    if left_by is None or isinstance(left_by, Exception):
                        with move_on_after(self._drain) as draining:
                            await pool.wait_until_idle()
                        if draining.cancelled_caught:
                            why = f"did not end within {self._drain:g} seconds"
                finally:
                    pool.is_left = True
                    await pool.cut_off(why)
        finally:
            self._open = None
            self._is_here.reset(token)
            if pool.interrupt is not None:
                raise pool.interrupt
        if left_by is not None:
            raise left_by


class HandedOver:
    """A task, the context in which it is to run, and what there is to report of it."""

    __slots__ = ("context", "failure", "is_reported", "task")

    def __init__(self, task: BackgroundTask) -> None:
        self.task: BackgroundTask = task
        self.context: Context = copy_context()
        self.failure: Exception | None = None
        self.is_reported: bool = False


class OpenPool:
    """What a pool has, from when it is entered until it is left."""

    def __init__(
        self,
        group: TaskGroup,
        limit: float,
        on_error: Callable[[BackgroundTask, Exception], object] | None,
        runner: Callable[[BackgroundTask], Awaitable[object]] | None,
    ) -> None:
        self.waiting: deque[HandedOver] = deque()
        self.running: set[HandedOver] = set()
        self.is_left: bool = False  # takes no more tasks
        self.interrupt: KeyboardInterrupt | None = None
        self._group = group
        self._limit = limit
        self._on_error = on_error
        self._runner = runner
        self._is_starting = False
        self._idle = Event()
        self._unreported = set[HandedOver]()  # of those that were cut off
        self._all_reported = Event()

    def start_waiting(self) -> None:
        """Start as many of the waiting tasks as the limit allows."""
        if self._is_starting:
            return  # an eager task ended inside of start_soon(): the loop below goes on
        self._is_starting = True
        try:
            while self.waiting and len(self.running) < self._limit:
                handed = self.waiting.popleft()
                self.running.add(handed)
                try:
                    # It gets a copy of the context in which it is started.
                    handed.context.run(self._start, handed)
                except Exception as exc:  # there is no event loop any more
                    self.running.discard(handed)
                    handed.failure = exc
                    self._log(handed)
        finally:
            self._is_starting = False

    def _start(self, handed: HandedOver) -> None:
        self._group.start_soon(self._run, handed, name=handed.task.name)

    async def wait_until_idle(self) -> None:
        if self.waiting or self.running:
            await self._idle.wait()

    async def cut_off(self, why: str) -> None:
        """Cancel the tasks that have not ended, and report them in a short time."""
        waiting = {*self.waiting}
        tasks = [*self.waiting, *self.running]
        self.waiting.clear()
        if not tasks:
            return
        self._unreported.update(tasks)
        self._all_reported = Event()
        try:
            self._group.cancel_scope.cancel()
            for handed in tasks:
                if handed.failure is None:
                    handed.failure = interrupted(
                        handed.task, why, has_begun=handed not in waiting
                    )
                    if self._on_error is not None:
                        handed.context.run(
                            self._group.start_soon, self._report_in_time, handed
                        )
            if self._on_error is not None:
                with move_on_after(2 * LAST_WORDS, shield=True):
                    await self._all_reported.wait()
        finally:
            for handed in tasks:
                handed.context.run(self._log, handed)

    async def _run(self, handed: HandedOver) -> None:
        # Nothing may be raised: the group would cancel all other tasks.
        try:
            if handed.failure is None:  # else it was cut off before it began
                await self._call(handed.task)
        except KeyboardInterrupt as exc:
            self._end_by(exc, handed)
        except GeneratorExit as exc:
            # Perhaps this coroutine is being closed: then it must not await anything.
            handed.failure = handed.failure or as_failure(exc)
            self._log(handed)
        except BaseException as exc:
            if handed.failure is None:
                handed.failure = failure_of(exc)
                if isinstance(handed.failure, InterruptedError):
                    await self._report_in_time(handed)
                else:
                    await self._report(handed)
            else:
                self._log_after_cut_off(handed, exc)
        if handed.is_reported:
            handed.failure = None  # its traceback refers to this frame: no cycle
        self.running.discard(handed)
        self.start_waiting()
        if self.is_left and not self.running and not self.waiting:
            self._idle.set()

    async def _call(self, task: BackgroundTask) -> None:
        if self._runner is None:
            await task()
            return
        await start_by(self._runner, task)

    async def _report_in_time(self, handed: HandedOver) -> None:
        with move_on_after(LAST_WORDS, shield=True):
            await self._report(handed)

    async def _report(self, handed: HandedOver) -> None:
        if self._on_error is None or handed.failure is None:
            self._log(handed)
            return
        try:
            outcome = self._on_error(handed.task, handed.failure)
            await await_or_drop(self._on_error, outcome)
        except KeyboardInterrupt as exc:
            self._log(handed)
            self._end_by(exc, handed)
        except BaseException as exc:
            self._log(handed, exc)
        else:
            self._reported(handed)

    def _log(self, handed: HandedOver, also: BaseException | None = None) -> None:
        """Report to the logger, unless the task is reported already."""
        if handed.is_reported:
            return
        is_cut_off = isinstance(handed.failure, InterruptedError)
        what = "did not end" if is_cut_off else "failed"
        name = handed.task.name
        with suppress(Exception):  # the application's handlers and filters may fail
            logger.error("background task %s %s", name, what, exc_info=handed.failure)
            if isinstance(also, Exception):
                logger.error("on_error failed for task %s", name, exc_info=also)
        self._reported(handed)

    def _log_after_cut_off(self, handed: HandedOver, exc: BaseException) -> None:
        """Log the failure of a task that was reported already, as it did not end.

        Not to `on_error`, which gets each task once. What an async function raises
        because of its cancellation is no news.
        """
        _, failure = BaseExceptionGroup("", [exc]).split(is_of_cancellation)
        if failure is not None:
            name = handed.task.name
            replace_note(exc, "In background task ", f"{name}, after cancellation.")
            with suppress(Exception):  # as above
                logger.error(
                    "background task %s failed after its cancellation",
                    name,
                    exc_info=exc,
                )

    def _reported(self, handed: HandedOver) -> None:
        handed.is_reported = True
        self._unreported.discard(handed)
        if not self._unreported:
            self._all_reported.set()

    def _end_by(self, interrupt: KeyboardInterrupt, handed: HandedOver) -> None:
        """Cancel all tasks; the pool raises the exception when it has been left."""
        replace_note(interrupt, "In background task ", f"{handed.task.name}.")
        handed.is_reported = True
        self.interrupt = interrupt
        self._group.cancel_scope.cancel()


def failure_of(exc: BaseException) -> Exception:
    """Return what to report of a task that has ended with ``exc``."""
    # Tasks may end before or after their pool knows that it is cancelled.
    with_pool = current_effective_deadline() == -inf
    if not with_pool and not isinstance(exc, get_cancelled_exc_class()):
        return as_failure(exc)
    why = CANCELLED_WITH_POOL if with_pool else "was cancelled"
    failure = InterruptedError(f"the background task {why}")
    failure.__cause__ = exc
    for note in notes_of_runs(exc):
        failure.add_note(note)
    return failure


def is_of_cancellation(exc: BaseException) -> bool:
    """Whether it is a cancellation, or was raised while one was handled."""
    cancelled, seen = get_cancelled_exc_class(), set[int]()
    if isinstance(exc, cancelled):
        return True  # between two calls, a thread looks for it, too
    if any(frame.f_code is IN_THREAD for frame, _ in walk_tb(exc.__traceback__)):
        return False  # cancellations do not reach the calls in threads
    context: BaseException | None = exc
    while context is not None and id(context) not in seen:
        if isinstance(context, cancelled):
            return True
        seen.add(id(context))
        context = context.__context__
    return False


def interrupted(task: BackgroundTask, why: str, *, has_begun: bool) -> Exception:
    """Return the report of a task that does not end: it names a collection's tasks."""
    failure = InterruptedError(f"the background task {why}")
    if isinstance(task.func, BackgroundTasks):
        if has_begun:
            # Not how far it is now: it may go on until it is cancelled.
            replace_note(failure, "Not all finished: ", f"{name_all(task.func.tasks)}.")
        else:
            note_not_run(failure, [task.func], f"because it {why}")
    return failure


def as_failure(exc: BaseException) -> Exception:
    if isinstance(exc, Exception):
        return exc
    failure = RuntimeError(f"the background task raised {type(exc).__name__}")
    failure.__cause__ = exc
    return failure


def check_limit(limit: object) -> None:
    if limit is None:
        return
    if not isinstance(limit, int) or isinstance(limit, bool):
        msg = f"limit must be an int, got {limit!r}: write limit=100, or limit=None"
        raise TypeError(msg)
    if limit < 1:
        msg = f"limit must be at least 1, got {limit}: write limit=None for no limit"
        raise ValueError(msg)


def check_drain(drain: object) -> None:
    if not isinstance(drain, int | float) or isinstance(drain, bool):
        msg = (
            f"drain must be a number of seconds, got {drain!r}: write drain=20, or "
            "drain=math.inf to wait without a limit"
        )
        raise TypeError(msg)
    if not drain >= 0:  # nor is NaN
        msg = f"drain must be at least 0 seconds, got {drain}"
        raise ValueError(msg)
