"""Background tasks for Litestar: import them from here, not from Litestar.

Subclasses of Litestar's classes, so a response accepts them as its ``background``.
"""

# SPDX-License-Identifier: MIT-0

from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated, Any

from litestar import background_tasks
from typing_extensions import Doc, override

from ._task import BackgroundTask as CoreTask
from ._tasks import BackgroundTasks as CoreTasks

__all__ = ["BackgroundTask", "BackgroundTasks"]


class BackgroundTask(CoreTask, background_tasks.BackgroundTask):
    """A function call to run after the response.

    ```python
    task = BackgroundTask(send_email, "ada@example.org", subject="Welcome")
    return Response({}, background=task)
    ```

    As `bgtasks.BackgroundTask`; also Litestar's own ``BackgroundTask``, so responses
    accept it.

    A handler may have a task too, ``@post(background=task)``: it runs for each request.
    """

    # Of two definitions, ours is the first. Declared here, or mypy would report in each
    # subclass with a mixin that they differ.
    args: tuple[Any, ...]  # type: ignore[assignment]  # ty: ignore[incompatible-attribute-override]  # as above
    kwargs: dict[str, Any]  # type: ignore[assignment]  # ty: ignore[incompatible-attribute-override]  # as above


class BackgroundTasks(CoreTasks, background_tasks.BackgroundTasks):
    """Function calls to run after the response.

    ```python
    tasks = BackgroundTasks()
    tasks.add_task(send_email, "ada@example.org", subject="Welcome")
    return Response({}, background=tasks)
    ```

    As `bgtasks.BackgroundTasks`; also Litestar's own ``BackgroundTasks``, so
    responses accept it.

    ``as_group`` is called ``run_in_task_group``, as in Litestar. A handler may have a
    collection too, ``@post(background=tasks)``: it runs for each request.
    """

    tasks: list[CoreTask]  # type: ignore[assignment]  # ty: ignore[incompatible-attribute-override]  # as in BackgroundTask

    def __init__(
        self,
        tasks: Annotated[
            Iterable[Callable[[], object]] | None,
            Doc("What to run first: tasks, or anything callable without arguments."),
        ] = None,
        run_in_task_group: Annotated[  # noqa: FBT002 (Litestar takes it by position)
            bool, Doc("Whether the tasks run all at once, not one after another.")
        ] = False,
        *,
        on_error: Annotated[
            Callable[[CoreTask, Exception], object] | None,
            Doc("Called with each task that fails and its exception; the run goes on."),
        ] = None,
        runner: Annotated[
            Callable[[CoreTask], Awaitable[object]] | None,
            Doc("Runs each task, by `await runner(task)` in place of `await task()`."),
        ] = None,
    ) -> None:
        super().__init__(
            tasks,
            as_group=run_in_task_group,
            on_error=on_error,
            runner=runner,
        )

    @property
    @override
    def run_in_task_group(self) -> bool:
        """Litestar's name of ``as_group``."""
        return self.as_group

    @run_in_task_group.setter
    def run_in_task_group(self, value: bool) -> None:
        self.as_group = value
