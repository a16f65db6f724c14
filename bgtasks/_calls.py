"""What can be called later, what it is called in messages, and what it returned."""

# SPDX-License-Identifier: MIT-0

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from inspect import (
    CORO_CREATED,
    getcoroutinestate,
    isasyncgen,
    isasyncgenfunction,
    isawaitable,
    iscoroutine,
    iscoroutinefunction,
    isgenerator,
    isgeneratorfunction,
    signature,
)
from types import CodeType, MethodType


def without_partials(func: object) -> object:
    while isinstance(func, (partial, staticmethod)):
        func = func.func if isinstance(func, partial) else func.__func__
    return func


def is_async_callable(func: object) -> bool:
    func = without_partials(func)
    # Of its type: a class with an async __call__ is not async itself.
    call = getattr(type(func), "__call__", None)  # noqa: B004 (not a question)
    return iscoroutinefunction(func) or iscoroutinefunction(call)


def qualified_name(func: object) -> str:
    """Return how messages and logs name ``func``: never with an argument's value."""
    name: object = None
    with suppress(Exception):  # a proxy may stand for nothing any more
        func = without_partials(func)
        name = getattr(func, "__qualname__", None)
    if name is None:
        func = type(func)
        name = func.__qualname__
    module = getattr(func, "__module__", None)
    return f"{module}.{name}" if module else f"{name}"


def check_callable(what: str, func: object, right: str, wrong: str) -> None:
    """Refuse a ``func`` that cannot be called, or whose call would run nothing.

    ``right`` and ``wrong`` are how its user should, and did, write it; ``{}`` in them
    stands for the function's name.
    """
    target = without_partials(func)
    # `__call__ = None` is how a class says that its instances are not.
    if not callable(target) or getattr(type(target), "__call__", None) is None:  # noqa: B004
        close(func)
        name = getattr(func, "__name__", "func") if iscoroutine(func) else "func"
        got = "None" if func is None else f"'{type(func).__name__}' object"
        msg = f"{what} must be callable, got {got}: write {right}, not {wrong}"
        raise TypeError(msg.replace("{}", name))
    for call in (target, getattr(type(target), "__call__", None)):  # noqa: B004
        if isgeneratorfunction(call) or isasyncgenfunction(call):
            msg = (
                f"{what} is the generator function {qualified_name(func)}, and calling "
                "it would run nothing: write a function that iterates over it, and "
                f"then {right}"
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
        call = f"{what}({', '.join(names)}), which {qualified_name(func)} does not take"
        msg = f"{what} is called as {call}: {exc}"
        raise TypeError(msg) from None


def is_unfinished(result: object) -> bool:
    """Whether a call's work is not done by its having returned ``result``."""
    return isawaitable(result) or isgenerator(result) or isasyncgen(result)


async def finish(result: object) -> None:
    if isawaitable(result):
        await result
    elif isgenerator(result) or isasyncgen(result):
        msg = (
            f"the call returned the generator {result.__qualname__}, which runs "
            "nothing until it is iterated over: do that in a function, and add it"
        )
        raise TypeError(msg)


def close(result: object) -> None:
    """Close a coroutine that nobody will await, so that it does not warn."""
    if iscoroutine(result) and getcoroutinestate(result) == CORO_CREATED:
        result.close()


def add_note(exc: BaseException, note: str) -> None:
    """Add a note, also to an exception that is frozen or has an add_note of its own."""
    with suppress(Exception):  # a failure without its note is better than no failure
        notes = [*getattr(exc, "__notes__", ()), note]
        BaseException.__setattr__(exc, "__notes__", notes)
