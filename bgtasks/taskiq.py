"""taskiq as a runner: each task is sent to a taskiq worker.

Retries, schedules and results are set in taskiq: this module has none of its own.
"""

# SPDX-License-Identifier: MIT-0

from collections.abc import Awaitable, Callable
from functools import partial
from inspect import isasyncgenfunction, isgeneratorfunction
from types import MethodType
from typing import Annotated, Any, TypeGuard

from taskiq import AsyncBroker, AsyncTaskiqDecoratedTask, TaskiqMessage
from typing_extensions import Doc

from ._calls import qualified_name
from ._engines import refused_by, registered_with, wrapped_by
from ._task import BackgroundTask

__all__ = ["taskiq_runner"]


def taskiq_runner(
    broker: Annotated[
        AsyncBroker,
        Doc(
            """
            The broker that knows the functions: each is registered with it, by
            `broker.register_task(send_email)` or by the decorator `broker.task`. It
            must have been started, by `await broker.startup()`.
            """
        ),
    ],
    /,
    **labels: Annotated[
        str | float,
        Doc("Labels for every task, in addition to those of its registration."),
    ],
) -> Callable[[BackgroundTask], Awaitable[None]]:
    """Return a runner that sends each task to a taskiq worker.

    ``BackgroundTasks(runner=taskiq_runner(broker))`` sends the tasks after the
    response. A task has ended when the broker has it: ``on_error`` gets failures of the
    sending, not of the worker. It needs asyncio, as taskiq does.

    The runner raises, before anything is sent:

    - LookupError: ``broker`` does not know the function, knows it by several names,
      or has another function by its name.
    - TypeError: the function is a generator function, of which a worker would run
      nothing.

    Raises:
        TypeError: ``broker`` is not a broker of taskiq, or a label has a type that
            taskiq would send as its ``str()``.
    """
    check_broker(broker)
    check_labels(labels)

    async def run(task: BackgroundTask) -> None:
        found = find(broker, task)
        kicker = found.kicker().with_broker(broker)
        # Not with_labels(), which changes a shared task's labels for everybody.
        kicker.labels = {**kicker.labels, **labels}
        try:
            await kicker.kiq(*task.args, **task.kwargs)
        except Exception as exc:
            for name in not_serializable(broker, found, task):
                exc.add_note(f"The argument {name} cannot be sent.")
            raise

    return run


def check_broker(broker: object) -> None:
    if not isinstance(broker, AsyncBroker):
        msg = (
            f"taskiq_runner() needs a broker of taskiq, got {type(broker).__name__!r} "
            "object: write taskiq_runner(broker)"
        )
        raise TypeError(msg)


def check_labels(labels: dict[str, Any]) -> None:
    for label, value in labels.items():
        if not isinstance(value, str | float | int | bytes):
            msg = (
                f"the label {label} must be a str, an int, a float or a bool, got "
                f"{type(value).__name__!r} object: write it as one of these"
            )
            raise TypeError(msg)


def find(
    broker: AsyncBroker, task: BackgroundTask
) -> AsyncTaskiqDecoratedTask[Any, Any]:
    """Return the broker's own task for the function, and for no other."""
    func: object = task.func
    if is_task(func):
        found = broker.find_task(func.task_name)
        if found is None or found is not func:
            has = "does not have it" if found is None else "has another of that name"
            msg = (
                f"the taskiq task {func.task_name} is not registered with the "
                f"{type(broker).__name__}, which {has}: write taskiq_runner() with the "
                "broker whose task it is, and give each task a name of its own"
            )
            raise LookupError(msg)
    else:
        names = registered_with(broker, function_of).names(
            func, broker.global_task_registry, broker.local_task_registry
        )
        if len(names) > 1:
            msg = (
                f"{task.name} is registered with the {type(broker).__name__} as "
                f"{' and '.join(names)}: add the task that you mean, which "
                "broker.register_task() returned"
            )
            raise LookupError(msg)
        found = broker.find_task(names[0]) if names else None
        if found is None or broker.find_task(found.task_name) is not found:
            raise LookupError(why_unknown(broker, func, task.name))
    body = found.original_func
    if isgeneratorfunction(body) or isasyncgenfunction(body):
        msg = (
            f"{found.task_name} is a generator function, which a taskiq worker calls "
            "but does not iterate over, so that it would never run: register a "
            "function that iterates over it"
        )
        raise TypeError(msg)
    return found


def why_unknown(broker: AsyncBroker, func: object, name: str) -> str:
    with_it = f"is not registered with the {type(broker).__name__}"
    if isinstance(func, MethodType) and is_task(func.__self__):
        return (
            f"{name} is a method of the taskiq task {func.__self__.task_name}: write "
            "add_task(task, ...), with the task itself"
        )
    if isinstance(func, partial):
        return (
            f"a partial of {name} {with_it}: write add_task(send_email, ...) with all "
            "its arguments"
        )
    names = registered_with(broker, function_of).names
    registries = broker.global_task_registry, broker.local_task_registry
    for step in wrapped_by(func):
        for known_as in [step.task_name] if is_task(step) else names(step, *registries):
            return (
                f"{name} {with_it}, but what it wraps is, the task {known_as}: "
                "no worker would call the wrapper. Write its decorator below "
                "@broker.task, or add the task itself"
            )
    for known in broker.get_all_tasks().values():
        body = known.original_func
        if any(step is func for step in wrapped_by(body)):
            return (
                f"{name} {with_it}, but {qualified_name(body)}, which wraps it, is, as "
                f"{known.task_name}: add that, or register this function too"
            )
    return (
        f"{name} {with_it}: write broker.register_task(send_email) in a module that "
        "its workers import, import it here too, and then add_task(send_email, ...); a "
        "lambda, a closure or a method cannot be sent"
    )


def not_serializable(
    broker: AsyncBroker, found: AsyncTaskiqDecoratedTask[Any, Any], task: BackgroundTask
) -> list[str]:
    """Return the names of the parameters whose arguments cannot be sent."""

    def dump(value: object) -> object:
        message = TaskiqMessage(
            task_id="", task_name="", labels={}, args=[value], kwargs={}
        )
        return broker.formatter.dumps(message)

    return refused_by(dump, found.original_func, task.args, task.kwargs)


def is_task(thing: object) -> TypeGuard[AsyncTaskiqDecoratedTask[Any, Any]]:
    # Not isinstance(), which anything with a __class__ of its own deceives.
    return issubclass(type(thing), AsyncTaskiqDecoratedTask)


def function_of(task: AsyncTaskiqDecoratedTask[Any, Any]) -> object:
    return task.original_func
