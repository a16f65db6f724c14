"""Background tasks for FastAPI: import BackgroundTasks from here, not from fastapi.

A parameter of that type, in an endpoint or a dependency, gets the tasks of the request.
"""

# SPDX-License-Identifier: MIT-0

from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from typing import Annotated

from fastapi import Depends, background
from typing_extensions import Doc, override

from ._calls import add_note
from ._task import BackgroundTask
from ._tasks import BackgroundTasks as CoreTasks
from ._tasks import names

__all__ = ["BackgroundTasks", "InjectedTasks", "background_tasks"]


class InjectedTasks(CoreTasks, background.BackgroundTasks):  # type: ignore[misc]  # ty: ignore[lost-keyword-for-regular-parameter]  # of two definitions, ours is the first
    """The background tasks of one FastAPI request: calls to make after its response.

    FastAPI passes them to parameters of the type ``BackgroundTasks``. A response may
    carry them too, ``JSONResponse(..., background=tasks)``: each task runs only once.

    Raises:
        TypeError: ``tasks`` is not an iterable of callables, or ``on_error`` or
            ``runner`` is not callable.
    """

    @override
    async def __call__(self) -> None:
        """Run the tasks, and forget them."""
        try:
            await super().__call__()
        finally:
            self.tasks.clear()


def background_tasks(
    *,
    as_group: Annotated[
        bool, Doc("Whether the tasks run all at once, not one after another.")
    ] = False,
    on_error: Annotated[
        Callable[[BackgroundTask, Exception], object] | None,
        Doc("Called with each task that fails and its exception; the run goes on."),
    ] = None,
    runner: Annotated[
        Callable[[BackgroundTask], Awaitable[object]] | None,
        Doc("Runs each task, by `await runner(task)` in place of `await task()`."),
    ] = None,
) -> Callable[..., AsyncGenerator[InjectedTasks]]:
    """Return a dependency: background tasks with options, one collection a request.

    Parameters of the type
    ``Annotated[BackgroundTasks, Depends(background_tasks(on_error=log))]`` get them:
    give that type a name.

    Raises:
        TypeError: ``on_error`` or ``runner`` is not callable.
    """
    new_tasks = partial(
        InjectedTasks, as_group=as_group, on_error=on_error, runner=runner
    )
    new_tasks()  # refuses wrong options now, not in a request

    # Async, because a plain one would cost a hop to a worker thread.
    async def dependency(
        fastapi_tasks: background.BackgroundTasks,
    ) -> AsyncGenerator[InjectedTasks]:
        tasks = new_tasks()
        # FastAPI runs its own ones while all dependencies are open, but drops them when
        # the endpoint returns a response with a background of its own, and does not run
        # them after a WebSocket. Then they run here.
        if runner is None:
            fastapi_tasks.add_task(tasks)
        else:  # which may make a span for each task
            fastapi_tasks.__class__ = UntracedTasks
            fastapi_tasks.tasks.append(tasks)
        try:
            yield tasks
        except BaseException as exc:
            if tasks.tasks:
                add_note(exc, f"Not run, as the request failed: {names(tasks.tasks)}.")
            raise
        await tasks()

    return dependency


class UntracedTasks(background.BackgroundTasks):
    """FastAPI's own tasks of a request, with ours among them, which get no span.

    FastAPI makes a span for each of its tasks, and OpenTelemetry's instrumentation of
    it does, too: the spans of our tasks would all be in another one.
    """

    @override
    async def __call__(self) -> None:
        for task in self.tasks:
            is_ours = isinstance(task, InjectedTasks)
            await (task if is_ours else background.BackgroundTasks([task]))()


# FastAPI would make an object of its own class even for a subclass, hence Depends.
BackgroundTasks = Annotated[InjectedTasks, Depends(background_tasks())]
"""The type of a parameter that FastAPI gives the background tasks of the request.

In an endpoint, its dependencies and theirs it is one and the same object.
"""
