"""One call put aside, and the worker thread that makes plain calls."""

# SPDX-License-Identifier: MIT-0

import threading
from collections.abc import Callable, Iterator
from contextvars import copy_context
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR
from types import FunctionType
from typing import Annotated, Any, ParamSpec

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar, checkpoint_if_cancelled
from typing_extensions import Doc

from ._calls import (
    add_note,
    check_callable,
    close,
    finish,
    is_async_callable,
    is_unfinished,
    qualified_name,
)

P = ParamSpec("P")

GENERATOR = CO_GENERATOR | CO_ASYNC_GENERATOR


class BackgroundTask:  # noqa: PLW1641 (its arguments may be unhashable)
    """A function and its arguments, put aside: ``await task()`` makes the call.

    An ``async def`` function is awaited in the event loop. A plain one runs in a worker
    thread, in a copy of the context, under ``current_thread_limiter()``; if it returns
    an awaitable, as a lambda around an async function does, that is awaited in the
    event loop. The result is dropped, what the call raises is raised.

    Tasks are equal if their ``func``, ``args`` and ``kwargs`` are.

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
        """The qualified name of ``func``, for logs: it shows no argument's value."""
        return qualified_name(self.func)

    @property
    def is_async(self) -> bool:
        """Whether the call is awaited in the event loop, not made in a worker thread.

        True for ``async def`` functions and methods, for objects whose ``__call__`` is
        one, and for ``functools.partial`` objects of either.
        """
        func = self.func
        # For a function its flags say the same as iscoroutinefunction() ten times
        # faster, unless markcoroutinefunction() has left something in its dictionary.
        if type(func) is FunctionType and not func.__dict__:
            return bool(func.__code__.co_flags & CO_COROUTINE)
        return is_async_callable(func)

    async def __call__(self) -> None:
        """Make the call."""
        if self.is_async:
            await finish(self.func(*self.args, **self.kwargs))
        else:
            await ThreadHop(iter([self])).run()

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
    """Return the limiter of the worker threads that run background tasks.

    Each event loop has its own, with 40 threads until you change its ``total_tokens``.
    It is not anyio's default limiter, which a framework's sync endpoints share: slow
    background tasks do not make them wait.

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


def is_plain(task: BackgroundTask) -> bool:
    """Whether a ``ThreadHop`` may make the call; a subclass may have its own way."""
    try:
        return type(task).__call__ is BackgroundTask.__call__ and not task.is_async
    except Exception:  # its own failure, when it is its turn
        return False


class ThreadHop:
    """One visit to a worker thread, for consecutive plain calls.

    The hop takes a thousand times as long as a call, so the calls share it. It ends
    with an exception, after a call that returned an awaitable, and before a task that
    is not a plain call, which is then ``left_over``.
    """

    def __init__(self, tasks: Iterator[BackgroundTask]) -> None:
        # Shared with the event loop: whoever takes a task either runs it or names it as
        # not run. Taking all that are left stops the thread after its present call.
        self.tasks = tasks
        self.last: BackgroundTask | None = None  # to be started
        self.left_over: BackgroundTask | None = None
        self._result: object = None
        self._exception: BaseException | None = None
        self._abandoned = False

    async def run(self) -> None:
        try:
            await to_thread.run_sync(self._call, limiter=current_thread_limiter())
        except BaseException as exc:
            # asyncio's own Task.cancel() does not wait for the thread.
            self._abandoned = True
            self._clear_up()
            if self.last is None:
                if isinstance(exc, Exception):
                    self.last = next(self.tasks)  # failed: no thread was to be had
                else:
                    self.left_over = next(self.tasks, None)
            raise
        if self._exception is not None:
            try:
                raise self._exception
            finally:
                self._exception = None  # no cycle through its traceback
        if self._result is not None:
            await finish(self._result)
        # A cancellation had to wait for the thread: it comes before the next task.
        await checkpoint_if_cancelled()

    def _call(self) -> None:
        # Only when it is needed: a fifth of the time that `import bgtasks` would take.
        from anyio import from_thread  # noqa: PLC0415

        for task in self.tasks:
            if self.last is not None and not is_plain(task):
                self.left_over = task
                return
            self.last = task
            try:
                result = copy_context().run(task.func, *task.args, **task.kwargs)
            except BaseException as exc:
                # Not raised: thrown into the waiting coroutine, a GeneratorExit closes
                # it, and a StopIteration becomes another exception.
                self._exception = exc
                if self._abandoned:
                    self._clear_up()
                return
            if result is not None and is_unfinished(result):
                # Not returned: trio refuses a coroutine as a thread's result.
                self._result = result
                if self._abandoned:
                    self._clear_up()
                return
            from_thread.check_cancelled()

    def _clear_up(self) -> None:
        """Deal with the outcome of a call for which nobody waits any more."""
        close(self._result)
        exc, self._exception = self._exception, None
        if exc is not None and self.last is not None:
            add_note(exc, f"In background task {self.last.name}, after cancellation.")
            thread = threading.current_thread()
            threading.excepthook(
                threading.ExceptHookArgs((type(exc), exc, exc.__traceback__, thread))
            )
