"""An application whose background tasks do all that they should not."""

import asyncio
import json
import os
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias
from urllib.parse import parse_qs

import anyio
from typing_extensions import override

from .subject import BackgroundTask, BackgroundTasks

Fault: TypeAlias = Callable[[BackgroundTasks], Callable[[], object]]


class Unprintable(Exception):
    @override
    def __str__(self) -> str:
        raise RuntimeError("no text, please")

    @override
    def add_note(self, note: str, /) -> None:
        raise RuntimeError("no notes, please")


class Base(BaseException): ...


def raising(exception: BaseException) -> Fault:
    def fail() -> None:
        raise exception

    return lambda _: fail


def raising_async(exception: BaseException) -> Fault:
    async def fail() -> None:
        raise exception

    return lambda _: fail


def cancel_itself(_: BackgroundTasks) -> Callable[[], object]:
    async def cancel() -> None:
        task = asyncio.current_task()
        if task is not None:
            task.cancel()
        await asyncio.sleep(0)

    return cancel


def cancel_scope_around(_: BackgroundTasks) -> Callable[[], object]:
    async def cancel() -> None:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await anyio.sleep_forever()

    return cancel


def ignore_cancellation(_: BackgroundTasks) -> Callable[[], object]:
    async def ignore() -> None:
        with anyio.CancelScope() as scope:
            scope.cancel()
            for _ in range(100):
                try:
                    await anyio.sleep_forever()
                except anyio.get_cancelled_exc_class():
                    continue

    return ignore


def close_executor(_: BackgroundTasks) -> Callable[[], object]:
    async def close() -> None:
        await asyncio.get_running_loop().shutdown_default_executor()

    return close


def delete_itself(tasks: BackgroundTasks) -> Callable[[], object]:
    def delete() -> None:
        del tasks.tasks[0]

    return delete


def recurse(_: BackgroundTasks) -> Callable[[], object]:
    def recurse() -> None:
        recurse()

    return recurse


def return_a_generator(_: BackgroundTasks) -> Callable[[], object]:
    return lambda: (number for number in range(3))


FAULTS: dict[str, Fault] = {
    **{
        f"{how}-{type(exception).__name__}": make(exception)
        for how, make in (("plain", raising), ("async", raising_async))
        for exception in (
            ValueError(),
            StopIteration(),
            StopAsyncIteration(),
            ExceptionGroup("two", [ValueError(), OSError()]),
            BaseExceptionGroup("two", [KeyboardInterrupt(), OSError()]),
            asyncio.CancelledError(),
            TimeoutError(),
            MemoryError(),
            Unprintable(),
            Base(),
            GeneratorExit(),
            SystemExit(3),
            KeyboardInterrupt(),
        )
    },
    "cancels-itself": cancel_itself,
    "cancels-its-scope": cancel_scope_around,
    "ignores-cancellation": ignore_cancellation,
    "closes-the-executor": close_executor,
    "deletes-itself": delete_itself,
    "recurses": recurse,
    "exits": lambda _: sys.exit,
    "returns-a-generator": return_a_generator,
}

ran: dict[str, list[str]] = {}


async def app(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[Any]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Answer with what ran, and then run the tasks that the query asks for.

    ``/?fault=...&where=task|on_error|runner&as_group=1&id=...``
    """
    # Half of the time went into tracebacks. Not at the top: tests import it.
    sys.tracebacklimit = 0
    query = {key: value for key, (value,) in parse_qs(scope["query_string"]).items()}
    arguments = {key.decode(): value.decode() for key, value in query.items()}
    seen = {"pid": os.getpid(), "ran": ran, "threads": threads()}
    body = b"" if arguments else json.dumps(seen).encode()
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": body})
    if arguments:
        await tasks_of(**arguments)()


def threads() -> int:
    return sum(thread.name == "AnyIO worker thread" for thread in threading.enumerate())


def tasks_of(
    *,
    id: str,  # noqa: A002
    fault: str,
    where: str = "task",
    as_group: str = "",
    reported: str = "",
) -> BackgroundTasks:
    happened = ran.setdefault(id, [])

    async def misbehave(*_: object) -> None:
        func = FAULTS[fault](tasks)
        await BackgroundTask(func)()

    def report(task: BackgroundTask, exc: Exception) -> None:
        happened.append(f"reported {type(exc).__name__}")

    def fail() -> None:
        raise ValueError

    options: dict[str, Any] = {"on_error": report} if reported else {}
    if where != "task":
        options[where] = misbehave
    tasks = BackgroundTasks(as_group=bool(as_group), **options)
    tasks.add_task(FAULTS[fault](tasks) if where == "task" else fail)
    tasks.add_task(happened.append, "plain")

    async def last() -> None:
        happened.append("async")

    tasks.add_task(last)
    return tasks
