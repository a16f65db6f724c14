"""Whether a callable can run later, its name in messages, and what it returned."""

# SPDX-License-Identifier: MIT-0

import warnings
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from inspect import (
    CO_ASYNC_GENERATOR,
    CO_COROUTINE,
    CO_GENERATOR,
    CO_ITERABLE_COROUTINE,
    CORO_CREATED,
    getcoroutinestate,
    isasyncgenfunction,
    iscoroutine,
    iscoroutinefunction,
    isgeneratorfunction,
    signature,
)
from types import (
    AsyncGeneratorType,
    CodeType,
    FunctionType,
    GeneratorType,
    MethodType,
)
from typing import TypeGuard

# Flags of a function's code: its call is awaited, its call returns a generator.
ASYNC = CO_COROUTINE | CO_ITERABLE_COROUTINE  # the second is @types.coroutine
GENERATOR = CO_GENERATOR | CO_ASYNC_GENERATOR


def innermost_function(func: object) -> object:
    """Return what a ``functools.partial`` or ``staticmethod`` object is for."""
    # Of its type, here and below: a proxy's __class__ is that of something else.
    while issubclass(type(func), (partial, staticmethod)):
        func = getattr(func, "func" if issubclass(type(func), partial) else "__func__")
    return func


def is_async_callable(func: object) -> bool:
    func = innermost_function(func)
    # Of its type: a class with an async __call__ is not async itself.
    call = getattr(type(func), "__call__", None)  # noqa: B004 (not a question)
    return is_async_function(func) or is_async_function(call)


def is_async_function(func: object) -> bool:
    if iscoroutinefunction(func):
        return True
    code: object = getattr(func, "__code__", None)
    return isinstance(code, CodeType) and bool(code.co_flags & CO_ITERABLE_COROUTINE)


def qualified_name(func: object) -> str:
    """Return how messages and logs name ``func``: never with an argument's value."""
    target = func
    with suppress(Exception):  # a proxy may stand for nothing any more
        target = innermost_function(func)
    for named in (target, type(target)):
        with suppress(Exception):
            name: object = getattr(named, "__qualname__", None)
            if isinstance(name, str):
                # taskiq renames a function, once for each name it is registered by.
                name = name.partition("__taskiq_original")[0]
                module: object = getattr(named, "__module__", None)
                return f"{module}.{name}" if isinstance(module, str) else f"{name}"
    return "a callable that has no name"


NOT_GIVEN = object()


def let_func_be_missing(method: FunctionType) -> None:
    """Let a call without ``func`` reach ``check_callable``, which says what to write.

    Without this, Python says of ``add_task(func=f)``, too: "missing 1 required
    positional argument: 'func'". The default takes no time in other calls. Signatures
    do not show it, so mocks with ``autospec`` still require ``func``.
    """
    vars(method)["__signature__"] = signature(method)
    method.__defaults__ = (NOT_GIVEN,)


def check_callable(what: str, func: object, right: str, wrong: str) -> None:
    """Refuse a ``func`` that cannot be called, or whose call would run nothing.

    ``right`` and ``wrong`` are how its user should, and did, write it; ``{}`` in them
    stands for the function's name.
    """
    if func is NOT_GIVEN:
        wrong = right.replace("{}", "func={}")
        msg = (
            f"{what} takes its function first, by position: write {right}, not {wrong}"
        )
        raise TypeError(msg.replace("{}", "func"))
    target = innermost_function(func)
    # `__call__ = None` is how a class says that its instances are not callable.
    call = getattr(type(target), "__call__", None)  # noqa: B004
    if not callable(target) or call is None:
        close_coroutine(func)
        name = getattr(func, "__name__", "func") if iscoroutine(func) else "func"
        got = "None" if func is None else f"'{type(func).__name__}' object"
        msg = f"{what} must be callable, got {got}: write {right}, not {wrong}"
        raise TypeError(msg.replace("{}", name))
    if not is_async_callable(target) and any(
        isgeneratorfunction(each) or isasyncgenfunction(each) for each in (target, call)
    ):
        msg = (
            f"{what} must not be a generator function, got {qualified_name(func)}: "
            "calling it runs none of its code. Write a function that iterates over "
            f"it, and then {right}"
        )
        raise TypeError(msg.replace("{}", "that_function"))


def check_parameters(what: str, func: Callable[..., object], *names: str) -> None:
    """Refuse a ``func`` that cannot be called with one argument for each name."""
    # Most are plain functions or methods with just these parameters: 0.3 µs, against 8.
    code: object = getattr(func, "__code__", None)
    if isinstance(code, CodeType):
        parameters = code.co_argcount - (type(func) is MethodType)
        if parameters == len(names) and not code.co_kwonlyargcount:
            return
    try:
        parameters_of = signature(func, follow_wrapped=False)
    except (TypeError, ValueError):
        return  # it shows none: some of those written in C
    try:
        parameters_of.bind(*names)
    except TypeError as exc:
        call = f"{what}({', '.join(names)})"
        name = qualified_name(func)
        msg = f"{what} is called as {call}, which {name} does not accept: {exc}"
        raise TypeError(msg) from None


def check_flag(what: str, flag: object) -> None:
    if not isinstance(flag, int):
        msg = f"{what} must be True or False, got '{type(flag).__name__}' object"
        raise TypeError(msg)


def is_awaitable(result: object) -> TypeGuard[Awaitable[object]]:
    """Whether to await ``result``: as `inspect.isawaitable`, but asked of its type.

    A proxy, whose ``__class__`` is that of something else or raises, is awaitable only
    if what it stands for is.
    """
    if type(result) is GeneratorType:
        return bool(result.gi_code.co_flags & CO_ITERABLE_COROUTINE)
    if getattr(type(result), "__await__", None) is not None:
        with suppress(Exception):
            return getattr(result, "__await__", None) is not None
    return False


async def await_or_drop(func: object, result: object) -> None:
    """Await what ``func`` returned, if that can be awaited."""
    if is_awaitable(result):
        try:
            await result
        finally:
            del result  # a failed future would be in a cycle with this frame
    else:
        warn_of_generator(func, result)


def warn_of_generator(func: object, result: object) -> None:
    if issubclass(type(result), (GeneratorType, AsyncGeneratorType)):
        msg = (
            f"{qualified_name(func)} returned a generator, whose code does not run: if "
            "it has work to do, write a function that iterates over it"
        )
        warnings.warn(msg, RuntimeWarning, stacklevel=2)


def close_coroutine(result: object) -> None:
    """Close a coroutine that nobody will await, so that it does not warn."""
    with suppress(Exception):  # a proxy's __class__ may raise
        if iscoroutine(result) and getcoroutinestate(result) == CORO_CREATED:
            result.close()
