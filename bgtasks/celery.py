"""Celery as a runner: each task is sent to a Celery worker.

Retries, schedules and results are set in Celery: this module has none of its own.
"""

# SPDX-License-Identifier: MIT-0
# pyright: reportMissingTypeStubs=false

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from inspect import (
    getattr_static,
    isasyncgenfunction,
    isgeneratorfunction,
)
from types import MethodType
from typing import Annotated, Any, Protocol, TypedDict, TypeGuard, Unpack

from anyio import CapacityLimiter
from anyio.lowlevel import RunVar
from celery import Celery, Task
from celery.canvas import Signature
from celery.local import Proxy
from kombu import serialization
from kombu.entity import Exchange, Queue
from kombu.exceptions import EncodeError
from typing_extensions import Doc

from ._calls import innermost_function, is_async_callable, qualified_name
from ._engines import identity, refused_by, registered_with, wrapped_by
from ._task import BackgroundTask, BlockingRunner

__all__ = ["SendOptions", "celery_runner"]


class SendOptions(TypedDict, total=False):
    """Options that ``celery_runner`` passes to ``apply_async`` for every task.

    Celery documents them under
    [Calling tasks](https://docs.celeryq.dev/en/stable/userguide/calling.html). Options
    of a single call, such as ``task_id`` or ``chord``, are left out.
    """

    queue: str | Queue
    exchange: str | Exchange
    exchange_type: str
    routing_key: str
    priority: int
    countdown: float
    eta: datetime
    expires: float | datetime
    time_limit: float
    soft_time_limit: float
    ignore_result: bool
    link: object
    link_error: object
    retry: bool
    retry_policy: Mapping[str, object]
    timeout: float
    confirm_timeout: float
    serializer: str
    compression: str
    delivery_mode: int | str
    mandatory: bool
    declare: list[object]
    headers: Mapping[str, object]
    shadow: str
    argsrepr: str
    kwargsrepr: str
    reply_to: str
    add_to_parent: bool


def celery_runner(
    app: Annotated[
        Celery,
        Doc(
            """
            The application that knows the functions: each is registered with it, by
            `app.task(send_email)` or as a decorator.
            """
        ),
    ],
    /,
    **send_options: Unpack[SendOptions],
) -> Callable[[BackgroundTask], Awaitable[None]]:
    """Return a runner that sends each task to a Celery worker.

    ``BackgroundTasks(runner=celery_runner(app))`` sends the tasks after the response,
    from a worker thread. A task has ended when the broker has it: ``on_error`` gets
    failures of the sending, not of the worker.

    The runner raises, before anything is sent:

    - LookupError: ``app`` does not know the function, knows it by several names, or
      has another function by its name.
    - TypeError: the function is ``async def``, which a Celery worker does not await, or
      its arguments are wrong. If the task's class does await it, say so with
      ``awaits = True`` in the class.

    Args:
        **send_options: Options of Celery's `apply_async`, for every task.

    Raises:
        TypeError: ``app`` is not a Celery application, or there is no such option.
    """
    application: Any = without_proxy(app)
    if not issubclass(type(application), Celery):
        msg = (
            f"celery_runner() needs a Celery application, got {type(app).__name__!r} "
            'object: write app = Celery("shop", broker=...) and celery_runner(app)'
        )
        raise TypeError(msg)
    options: dict[str, Any] = {**send_options}
    known = SendOptions.__optional_keys__
    if unknown := options.keys() - known:
        msg = (
            f"celery_runner() has no option {', '.join(sorted(unknown))}: "
            f"write one of {', '.join(sorted(known))}"
        )
        raise TypeError(msg)

    def send(task: BackgroundTask) -> None:
        found = find(application, task)
        try:
            found.apply_async(task.args, task.kwargs, **options)
        except EncodeError as exc:
            serializer = options.get("serializer") or found.serializer
            for name in not_serializable(task, found, serializer):
                exc.add_note(f"The argument {name} cannot be sent as {serializer}.")
            raise

    # Sending blocks, and so may the first look at the application's tasks.
    return BlockingRunner(send, sending_limiter)


# Celery has no types, and celery-types is not everywhere.
class App(Protocol):
    main: str | None
    tasks: "dict[str, CeleryTask]"

    def gen_task_name(self, name: str, module: str, /) -> str: ...


class CeleryTask(Protocol):
    name: str
    app: App
    serializer: str
    run: Callable[..., object]
    apply_async: Callable[..., object]


_sending_limiter = RunVar[CapacityLimiter]("celery_runner thread limiter")


def sending_limiter() -> CapacityLimiter:
    # Not current_thread_limiter(): a broker that never answers would keep its threads,
    # and no plain function could run any more.
    try:
        return _sending_limiter.get()
    except LookupError:
        limiter = CapacityLimiter(40)
        _sending_limiter.set(limiter)
        return limiter


def find(app: App, task: BackgroundTask) -> CeleryTask:
    """Return the application's own Celery task for the function, and for no other."""
    func = without_proxy(task.func)
    found = same_task(app, func) if is_task(func) else task_for(app, func, task.name)
    name = found.name
    if found.app != app:
        msg = (
            f"{name} was registered with the Celery app {app.main!r}, and later with "
            f"{found.app.main!r}, which would send it: register a separate instance "
            "with each app"
        )
        raise LookupError(msg)
    if app.tasks.get(name) is not found:
        msg = (
            f"the Celery task for {task.name} has the name {name}, but was registered "
            f"with the Celery app {app.main!r} under another name: do not change the "
            "name of a task, write app.task(name=...)"
        )
        raise LookupError(msg)
    # Celery keeps one of two, which may be another one in the worker.
    if name in getattr(app, "_duplicate_task_names_warned", ()):
        msg = (
            f"two functions were registered as {name} with the Celery app "
            f"{app.main!r}, which keeps one of them: write app.task(name=...) with a "
            "name of its own for each, or shared=False if they belong to two apps"
        )
        raise LookupError(msg)
    refuse_if_never_run(found)
    return found


def same_task(app: App, task: CeleryTask) -> CeleryTask:
    """Return the task itself, or what this application has of a shared one."""
    registry = app.tasks
    if registry.get(task.name) is task:
        return task
    function = function_of(task)
    name: str | None = task.name
    if function is not None and name == generated_name(task.app, function):
        # As for shared_task: in __main__, it differs from one application to another.
        name = generated_name(app, function)
    found = registry.get(name) if name else None
    if found is not None and function is not None and function_of(found) is function:
        return found
    msg = (
        f"the Celery task {task.name or qualified_name(type(task))} is not registered "
        f"with the Celery app {app.main!r}"
    )
    if found is not None:
        msg = f"{msg}, which has a different task of that name"
    msg = f"{msg}: write celery_runner() with the app whose task it is, or "
    if function is None:
        msg = f"{msg}app.register_task(task), and add that instance"
    else:
        msg = f"{msg}register the function with this one"
    raise LookupError(msg)


def task_for(app: App, func: object, name: str) -> CeleryTask:
    """Return the one task for which exactly this function was registered."""
    registry = app.tasks
    names = registered_with(app, function_of).names(func, registry)
    tasks = {id(found): found for each in names if (found := registry.get(each))}
    if len(tasks) > 1:
        msg = (
            f"{name} is registered with the Celery app {app.main!r} as "
            f"{' and '.join(names)}: add the task that you mean, "
            f'add_task(app.tasks["{names[0]}"], ...)'
        )
        raise LookupError(msg)
    for found in tasks.values():
        if not isinstance(getattr_static(type(found), "run"), staticmethod):
            msg = (
                f"{name} is registered with the Celery app {app.main!r} as "
                f"{found.name}, with bind=True, so that Celery gives it a task as its "
                "first argument: add the task, which app.task(bind=True) returned"
            )
            raise LookupError(msg)  # noqa: TRY004 (it is not the argument's type)
        return found
    raise LookupError(why_unknown(app, func, name))


def why_no_function(app: App, func: object, name: str) -> str | None:
    """Return why it cannot even be registered as a task."""
    task = func.__self__ if isinstance(func, MethodType) else None
    if is_task(task):
        return (
            f"{name} is a method of the Celery task {task.name}: write "
            "add_task(task, ...), with the task itself"
        )
    if issubclass(type(func if task is None else task), Signature):
        return (
            f"{name} is a Celery signature or a method of one, which already has its "
            "arguments: write add_task(task, ...), with the task and the arguments. "
            "To send a chain or a group, write add_task(chain.delay) without a runner"
        )
    given: Any = func  # not narrowed by the checks above
    if isinstance(given, type) and issubclass(given, Task):
        return (
            f"{name} is the class of a Celery task: write "
            "task = app.register_task(TheClass()), and then add_task(task, ...)"
        )
    if isinstance(func, partial):
        return (
            f"a partial of {name} is not registered with the Celery app {app.main!r}: "
            "write add_task(send_email, ...) with all its arguments"
        )
    return None


def why_unknown(app: App, func: object, name: str) -> str:
    main = repr(app.main)
    if why := why_no_function(app, func, name):
        return why
    names = registered_with(app, function_of).names
    for step in wrapped_by(func):
        inner = without_proxy(step)
        for known_as in [inner.name] if is_task(inner) else names(inner, app.tasks):
            return (
                f"{name} is not registered with the Celery app {main}, but what it "
                f"wraps is, the task {known_as}: no worker would call the wrapper. "
                "Write its decorator below @app.task, or add the task itself"
            )
    key = identity(func)
    for known in [*app.tasks.values()]:
        body = function_of(known)
        if any(identity(step) == key for step in wrapped_by(body)):
            return (
                f"{name} is not registered with the Celery app {main}, but "
                f"{qualified_name(body)}, which wraps it, is, as {known.name}: add "
                "that, or register this function too"
            )
    return (
        f"{name} is not registered with the Celery app {main}: write "
        "app.task(send_email) in a module that its workers import, import it here "
        "too, and then add_task(send_email, ...); a lambda, a closure or a method "
        "cannot be sent"
    )


def refuse_if_never_run(task: CeleryTask) -> None:
    """Refuse what a worker would call, and then not await or iterate over."""
    if getattr(task, "awaits", False):
        return
    body: Any = function_of(task)
    if body is None:
        body = getattr_static(type(task), "run")
    body = innermost_function(body)
    if is_async_callable(body) or is_async_callable(task):
        msg = (
            f"{task.name} is an async function, which a Celery worker calls but does "
            "not await, so that it would never run: register a plain function, which "
            "may use asyncio.run(), or use taskiq. If the class of the task awaits "
            "it, write awaits = True in that class"
        )
        raise TypeError(msg)
    if isgeneratorfunction(body) or isasyncgenfunction(body):
        msg = (
            f"{task.name} is a generator function, which a Celery worker calls but "
            "does not iterate over, so that it would never run: register a function "
            "that iterates over it"
        )
        raise TypeError(msg)


def not_serializable(
    task: BackgroundTask, celery_task: CeleryTask, serializer: str
) -> list[str]:
    """Return the names of the parameters whose arguments cannot be sent."""
    args, kwargs = task.args, task.kwargs
    # What it makes of pydantic's models can be sent.
    make_json: Any = getattr(celery_task, "_dump_pydantic_arguments", None)
    if make_json is not None:
        args, kwargs = make_json(args, kwargs)
    untyped: Any = serialization
    dump = partial(untyped.dumps, serializer=serializer)
    return refused_by(dump, celery_task.run, args, kwargs)


def is_task(thing: object) -> TypeGuard[CeleryTask]:
    # Not isinstance(), which anything with a __class__ of its own deceives.
    return issubclass(type(thing), Task)


def without_proxy(thing: object) -> object:
    """Return what a proxy of Celery's stands for, such as ``@app.task`` makes."""
    while issubclass(type(thing), Proxy):
        proxy: Any = thing
        thing = proxy._get_current_object()  # noqa: SLF001 (it has no public name)
    return thing


def function_of(task: CeleryTask) -> object:
    """Return what was given to ``app.task``; None for a task made from a class."""
    # What Celery keeps of it, also with pydantic=True. Before 5.7 it did not.
    function: object = getattr(task, "_decorated_fun", None)
    if function is None:
        function = getattr_static(type(task), "__wrapped__", None)
        if isinstance(function, staticmethod):
            function = function.__func__
    return function


def generated_name(app: App, function: object) -> str:
    name = getattr(function, "__name__", "")
    return app.gen_task_name(name, function.__module__)
