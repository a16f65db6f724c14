"""One function call to run later, and the worker thread that makes plain calls."""

# SPDX-License-Identifier: MIT-0

import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from contextvars import copy_context
from time import perf_counter
from types import FunctionType
from typing import Annotated, Any, ParamSpec, Self

from anyio import CapacityLimiter, WouldBlock, to_thread
from anyio.lowlevel import RunVar, checkpoint_if_cancelled
from typing_extensions import Doc, override

from ._calls import (
    ASYNC,
    GENERATOR,
    await_or_drop,
    check_callable,
    close_coroutine,
    is_async_callable,
    is_awaitable,
    let_func_be_missing,
    qualified_name,
    warn_of_generator,
)
from ._notes import add_note, replace_note

P = ParamSpec("P")


class BackgroundTask:  # noqa: PLW1641 (its arguments may be unhashable)
    """A function call to run later, usually after a response.

    ```python
    task = BackgroundTask(send_email, "ada@example.org", subject="Welcome")
    JSONResponse({"ok": True}, background=task)
    ```

    ``await task()`` makes the call. An async function runs in the event loop, a plain
    one in a worker thread of ``current_thread_limiter()``, in a copy of the context. If
    a plain function or a lambda returns a coroutine, that is awaited in the event loop.
    The result is dropped; an exception is raised.

    Tasks are equal if their ``func``, ``args`` and ``kwargs`` are equal.

    Args:
        *args: Positional arguments of ``func``.
        **kwargs: Keyword arguments of ``func``.

    Attributes:
        func: The function to call.
        args: Its positional arguments.
        kwargs: Its keyword arguments.

    Raises:
        TypeError: ``func`` is not callable, or is a generator function, whose call
            would run nothing.
    """

    def __init__(
        self,
        # `object`, not `Any`, as what it returns: with `Any`, checkers solve the type
        # variables of a generic function as `Any` and stop checking its arguments.
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
        if type(func) is not FunctionType or func.__code__.co_flags & GENERATOR:
            check_callable(
                "a background task",
                func,
                "BackgroundTask({}, ...)",
                "BackgroundTask({}(...))",
            )
        self.func: Callable[..., object] = func
        self.args: tuple[Any, ...] = args
        self.kwargs: dict[str, Any] = kwargs

    @property
    def name(self) -> str:
        """The qualified name of ``func``, for logs. It never shows an argument."""
        return qualified_name(self.func)

    @property
    def is_async(self) -> bool:
        """Whether the call runs in the event loop, not in a worker thread.

        True for async functions and methods, for objects with an async ``__call__``,
        and for ``functools.partial`` objects of these.
        """
        func = self.func
        # For a function its flags say the same as iscoroutinefunction() ten times
        # faster, unless markcoroutinefunction() has left something in its dictionary.
        if type(func) is FunctionType and not func.__dict__:
            return bool(func.__code__.co_flags & ASYNC)
        return is_async_callable(func)

    async def __call__(self) -> None:
        """Make the call, and wait until it has ended."""
        if self.is_async:
            await await_or_drop(self.func, self.func(*self.args, **self.kwargs))
        else:
            await ThreadHop(self, [self]).run_alone()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BackgroundTask):
            return NotImplemented
        mine = self.func, self.args, self.kwargs
        return mine == (other.func, other.args, other.kwargs)

    def __repr__(self) -> str:
        arguments = [
            self.name,
            *map(repr, self.args),
            *(f"{name}={value!r}" for name, value in self.kwargs.items()),
        ]
        return f"{type(self).__name__}({', '.join(arguments)})"


def current_thread_limiter() -> CapacityLimiter:
    """Return the limiter of the worker threads that run plain functions as tasks.

    Each event loop has its own limiter, of 40 threads. Set ``total_tokens`` to change
    that. It is not anyio's default limiter, which the framework's plain endpoints use,
    so slow background tasks do not block these endpoints.

    Raises:
        RuntimeError: no event loop runs in this thread.
    """
    try:
        return _thread_limiter.get()
    except LookupError:
        limiter = CapacityLimiter(40)
        _thread_limiter.set(limiter)
        return limiter


_thread_limiter = RunVar[CapacityLimiter]("background task thread limiter")


class EagerLimiter(CapacityLimiter):
    """A limiter that, on asyncio, gives a free token at once.

    anyio's own lets the event loop turn first: a tenth of the time of a hop, and
    ``to_thread.run_sync`` has done so already.
    """

    _limiter: CapacityLimiter

    def __new__(cls, limiter: CapacityLimiter) -> Self:
        self = object.__new__(cls)  # anyio's would make one of the event loop's
        self._limiter = limiter
        return self

    @override
    async def __aenter__(self) -> None:
        try:
            self._limiter.acquire_on_behalf_of_nowait(self)
        except WouldBlock:
            await self._limiter.acquire_on_behalf_of(self)

    @override
    async def __aexit__(
        self, exc_type: object, exc_val: object, exc_tb: object
    ) -> None:
        self._limiter.release_on_behalf_of(self)

    # trio's own to_thread.run_sync() calls these, not the two above.

    @override
    async def acquire_on_behalf_of(self, borrower: object) -> None:
        await self._limiter.acquire_on_behalf_of(borrower)

    @override
    def release_on_behalf_of(self, borrower: object) -> None:
        self._limiter.release_on_behalf_of(borrower)


# To see whether a subclass, or a patch by a tracing library, has another __call__.
MAKE_CALL = BackgroundTask.__call__

let_func_be_missing(vars(BackgroundTask)["__init__"])


def is_plain(task: BackgroundTask, previous: BackgroundTask | None = None) -> bool:
    """Whether a ``ThreadHop`` may make the call; a subclass may have its own way.

    If the ``previous`` task was plain and calls the same function, so is this one.
    """
    try:
        # Often so, and a sixth of each call's time saved.
        if (
            previous is not None
            and type(task) is type(previous) is BackgroundTask
            and task.func is previous.func
        ):
            return True
        return type(task).__call__ is MAKE_CALL and not task.is_async
    except Exception:  # its own failure, when it is its turn
        return False


def as_task(item: object) -> BackgroundTask:
    """Return an item of a list of tasks as a task; never fail."""
    if type(item) is BackgroundTask:
        return item
    with suppress(Exception):  # an object's __class__ may raise
        if isinstance(item, BackgroundTask):
            return item
    # Appended to the list by hand. What cannot be called fails when it is its turn.
    func: Any = item
    task = BackgroundTask.__new__(BackgroundTask)
    task.func, task.args, task.kwargs = func, (), dict[str, Any]()
    return task


class ThreadHop:
    """One hop to a worker thread and back, for consecutive plain calls of a list.

    A hop takes a thousand times as long as a call, so the calls share it. It ends
    after a call that raised or returned an awaitable, before a task that is not a plain
    call, and where the list ends for the moment.
    """

    def __init__(
        self,
        task: BackgroundTask,
        tasks: list[BackgroundTask],
        started: int = 0,
        runner: "BlockingRunner | None" = None,
    ) -> None:
        self._tasks = tasks
        self._runner = runner
        self._started_before = started
        # Event loop and thread share the list, which anybody may change, and what
        # follows. Under the lock either a task is started, or the hop is abandoned and
        # no more are started: so the tasks from `started` on are those that have not
        # been started.
        self._lock = threading.Lock()
        self.started = started  # how many tasks of the list
        # The last of them; before that, the first of the hop, of which the event loop
        # knows that it is a plain call. Not taken from the list once more: another
        # thread may have put something else there.
        self.task = task
        self._abandoned = False
        self._exception: BaseException | None = None
        self._result: Awaitable[object] | None = None

    async def run(self) -> None:
        limiter = self._runner.limiter if self._runner else current_thread_limiter
        try:
            await to_thread.run_sync(self._make_calls, limiter=EagerLimiter(limiter()))
        except BaseException as exc:
            self._abandon()
            if self.started == self._started_before and isinstance(exc, Exception):
                # Not even a thread could be started: that is the first task's failure.
                self.started += 1
            raise
        if self._exception is not None:
            try:
                raise self._exception
            finally:
                self._exception = None  # no cycle through its traceback
        if self._result is not None:
            try:
                await self._result
            finally:
                self._result = None  # as above, if it is a failed future

    async def run_alone(self) -> None:
        await self.run()
        # A cancellation had to wait for the thread. A time limit around this learns now
        # that it has passed.
        await checkpoint_if_cancelled()

    def _abandon(self) -> None:
        """Let the thread start no further task: asyncio's cancel() does not wait."""
        with self._lock:
            self._abandoned = True
            exception, self._exception = self._exception, None
            result, self._result = self._result, None
        self._report_abandoned(exception, result)

    def _make_calls(self) -> None:
        # Only when it is needed: a fifth of the time that `import bgtasks` would take.
        from anyio.from_thread import check_cancelled  # noqa: PLC0415

        tasks, task, started = self._tasks, self.task, self.started
        lock, runner = self._lock, self._runner
        checked = 0.0
        while True:
            # `with` would take three times as long, a tenth of each call's time.
            lock.acquire()
            try:
                if self._abandoned:
                    return
                self.started = started = started + 1
                self.task = task
            finally:
                lock.release()
            try:
                if runner is None:
                    result = copy_context().run(task.func, *task.args, **task.kwargs)
                else:
                    result = copy_context().run(runner.run, task)
                if result is not None:
                    if is_awaitable(result):
                        # Not returned: trio refuses a coroutine as a thread's result.
                        self._hand_over(None, result)
                        return
                    warn_of_generator(task.func, result)
            except BaseException as exc:
                # Not raised: thrown into the waiting coroutine, a GeneratorExit closes
                # it, and a StopIteration becomes another exception.
                self._hand_over(exc, None)
                return
            previous = task
            try:
                task = tasks[started]
            except IndexError:
                return  # the event loop looks again: more may be added meanwhile
            if type(task) is not BackgroundTask:
                task = as_task(task)
            if runner is None and not is_plain(task, previous):
                return
            # To look each time would take a third of a short call's time. What is
            # cancelled within 10 µs of the last look might as well be cancelled after
            # the next start. (In a test, the clock may stand still.)
            now = perf_counter()
            if not 0 < now - checked < 1e-5:  # noqa: PLR2004
                check_cancelled()
                checked = now

    def _hand_over(
        self, exception: BaseException | None, result: Awaitable[object] | None
    ) -> None:
        """Give the event loop the outcome of a call, if it still waits for that."""
        with self._lock:
            if not self._abandoned:
                self._exception, self._result = exception, result
                return
        self._report_abandoned(exception, result)

    def _report_abandoned(
        self, exception: BaseException | None, result: object
    ) -> None:
        close_coroutine(result)
        if exception is not None:
            name = name_of(self.task)
            replace_note(
                exception, "In background task ", f"{name}, after cancellation.", -1
            )
            thread = threading.current_thread()
            threading.excepthook(
                threading.ExceptHookArgs(
                    (type(exception), exception, exception.__traceback__, thread)
                )
            )


class BlockingRunner:
    """A runner that blocks: consecutive tasks share one hop to a worker thread.

    Args:
        run: Is called with each task, in the thread, in a copy of the context.
        limiter: Returns the limiter of the threads, for this event loop.
    """

    def __init__(
        self,
        run: Callable[[BackgroundTask], object],
        limiter: Callable[[], CapacityLimiter],
    ) -> None:
        self.run = run
        self.limiter = limiter

    async def __call__(self, task: BackgroundTask) -> None:
        await ThreadHop(task, [task], 0, self).run_alone()


def start_by(
    runner: Callable[[BackgroundTask], object], task: BackgroundTask
) -> Awaitable[object]:
    """Call a runner, and return what it returns, to be awaited."""
    running = runner(task)
    if is_awaitable(running):
        return running
    got = "None" if running is None else f"'{type(running).__name__}' object"
    msg = (
        f"runner must return an awaitable, got {got}: "
        "write it as `async def runner(task)`"
    )
    raise TypeError(msg)


def name_of(task: BackgroundTask) -> str:
    """Return the task's name, whatever a subclass has made of it."""
    try:
        return f"{task.name}"
    except Exception:
        return qualified_name(task)


def name_all(tasks: Iterable[object]) -> str:
    counts = Counter(name_of(as_task(task)) for task in tasks)
    return ", ".join(
        name if count == 1 else f"{name} ({count} times)"
        for name, count in counts.items()
    )


def note_place(
    exc: BaseException, task: BackgroundTask, place: int, count: int, run: int
) -> None:
    # Somebody may have made the list shorter than the place.
    where = f"{place} of {count}, " if place <= count else ""
    add_note(exc, f"At background task {where}{name_of(task)}.", run)
