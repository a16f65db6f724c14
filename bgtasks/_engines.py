"""What the engines share: the index of an engine's tasks by their functions.

The core does not need it.
"""

# SPDX-License-Identifier: MIT-0

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from inspect import getattr_static, signature
from types import MethodType
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")


class Registered(Generic[T]):
    """An index of an engine's tasks by the functions that were registered.

    The registry belongs to the engine, and any thread may change it at any time. So
    what the index says is checked against the registry, and a new index is made when
    it has changed, as a whole: threads need no lock, with and without a GIL.
    """

    def __init__(self, function_of: Callable[[T], object]) -> None:
        self._function_of = function_of
        self._last: tuple[object, dict[object, list[str]]] = None, {}

    def names(self, func: object, /, *registries: dict[str, T]) -> list[str]:
        """Return the names under which ``func`` itself is registered.

        A name in several of the ``registries`` stands for the task in the last of them.
        """
        key = identity(func)
        state, index = self._last
        names = index.get(key, [])
        if names and state == state_of(registries):
            tasks = [task for name in names for task in named(name, registries)]
            functions = [identity(self._function_of(task)) for task in tasks]
            if functions == [key] * len(names):
                return names
        # Each is copied in one step, which no other thread can disturb.
        copies = [dict(each) for each in registries]
        merged = {name: task for each in copies for name, task in each.items()}
        index = dict[object, list[str]]()
        for name, task in merged.items():
            index.setdefault(identity(self._function_of(task)), []).append(name)
        self._last = state_of(copies), index
        return index.get(key, [])


def named(name: str, registries: Sequence[dict[str, T]]) -> list[T]:
    """Return the task of that name, or none."""
    found = [each.get(name) for each in registries]
    return [task for task in found if task is not None][-1:]


def state_of(registries: Sequence[dict[str, T]]) -> object:
    """Return what differs after tasks have been added or removed."""
    try:
        return [(len(each), next(reversed(each), None)) for each in registries]
    except RuntimeError:  # another thread changes one just now
        return None


def identity(func: object) -> object:
    """Return a key that only ``func`` has; two equal methods have the same."""
    # A lookup makes a new method each time. Not isinstance(), which a proxy deceives.
    if type(func) is MethodType:
        return id(func.__self__), id(func.__func__)
    return id(func)


_indexes: WeakKeyDictionary[object, Registered[Any]] = WeakKeyDictionary()


def registered_with(
    engine: object, function_of: Callable[[T], object]
) -> Registered[T]:
    """Return the index of an application or broker: all its runners share it."""
    return _indexes.setdefault(engine, Registered(function_of))


def wrapped_by(func: object) -> Iterator[object]:
    """Yield what ``func`` wraps, and what that wraps, and so on."""
    seen = {id(func)}
    while True:
        func = getattr_static(func, "__wrapped__", None)
        if func is None or id(func) in seen:
            return
        seen.add(id(func))
        yield func


def refused_by(
    dump: Callable[[Any], object],
    func: Callable[..., object],
    args: Sequence[object],
    kwargs: Mapping[str, object],
) -> list[str]:
    """Return the names of the parameters whose arguments ``dump`` raises for."""
    arguments = {f"args[{place}]": value for place, value in enumerate(args)}
    arguments.update(kwargs)
    with suppress(TypeError, ValueError):  # no known signature, or wrong arguments
        arguments = signature(func).bind(*args, **kwargs).arguments
    names: list[str] = []
    for name, value in arguments.items():
        try:
            dump(value)
        except Exception:
            names.append(name)
    return names
