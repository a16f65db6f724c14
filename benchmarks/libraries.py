"""The libraries measured, each with its own way to add tasks and to run them."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

Functions = list[Callable[..., object]]
Collection = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Library:
    name: str
    add: Callable[[Functions], Collection]
    add_group: Callable[[Functions], Collection] | None = None


def with_add_task(module: str, name: str, **options: bool) -> Any:
    """Return how a collection with ``add_task`` is made."""
    make: Any = getattr(importlib.import_module(module), name)

    def add(functions: Functions) -> Any:
        tasks = make(**options)
        for function in functions:
            tasks.add_task(function, "ada@example.org", subject="Hi")
        return tasks

    return add


def with_list(module: str, name: str, task_name: str, **options: bool) -> Any:
    """Return how a collection that is given its tasks is made."""
    make: Any = getattr(importlib.import_module(module), name)
    make_task: Any = getattr(importlib.import_module(module), task_name)

    def add(functions: Functions) -> Any:
        return make(
            [
                make_task(function, "ada@example.org", subject="Hi")
                for function in functions
            ],
            **options,
        )

    return add


def direct(functions: Functions) -> Collection:
    """Make the calls by themselves, in the event loop: the limit for everybody."""

    async def run() -> None:
        for function in functions:
            result = function("ada@example.org", subject="Hi")
            if isinstance(result, Awaitable):
                await result

    return run


def installed() -> dict[str, Library]:
    """Return ours, the direct call, and those of the peers that are installed."""
    libraries = {
        "bgtasks": Library(
            "bgtasks",
            with_add_task("bgtasks", "BackgroundTasks"),
            with_add_task("bgtasks", "BackgroundTasks", as_group=True),
        ),
        "direct": Library("direct", direct),
    }
    if find_spec("starlette"):
        add = with_add_task("starlette.background", "BackgroundTasks")
        libraries["Starlette"] = Library("Starlette", add)
    if find_spec("fastapi"):
        add = with_add_task("fastapi", "BackgroundTasks")
        libraries["FastAPI"] = Library("FastAPI", add)
    if find_spec("lilya"):
        libraries["Lilya"] = Library(
            "Lilya",
            with_add_task("lilya.background", "Tasks"),
            with_add_task("lilya.background", "Tasks", as_group=True),
        )
    if find_spec("litestar"):
        names = "litestar.background_tasks", "BackgroundTasks", "BackgroundTask"
        libraries["Litestar"] = Library(
            "Litestar", with_list(*names), with_list(*names, run_in_task_group=True)
        )
    return libraries
