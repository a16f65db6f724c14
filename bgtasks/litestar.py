"""Background tasks for Litestar: import them from here, not from Litestar.

They are of Litestar's own types as well, so that it takes them as a ``background``.
"""

# SPDX-License-Identifier: MIT-0

from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated

from litestar import background_tasks
from typing_extensions import Doc, override

from ._task import BackgroundTask as CoreTask
from ._tasks import BackgroundTasks as CoreTasks

__all__ = ["BackgroundTask", "BackgroundTasks"]


class BackgroundTask(CoreTask, background_tasks.BackgroundTask):  # type: ignore[misc]  # ty: ignore[incompatible-attribute-override]  # of two definitions, ours is the first
    """A call to make after the response: ``Response(..., background=task)``.

    As `bgtasks.BackgroundTask` otherwise.

    It may be a handler's own, ``@post(background=...)``, and run for all its requests.
    """


class BackgroundTasks(CoreTasks, background_tasks.BackgroundTasks):  # type: ignore[misc]  # ty: ignore[incompatible-attribute-override]  # of two definitions, ours is the first
    """Calls to make after the response: ``Response(..., background=tasks)``.

    As `bgtasks.BackgroundTasks` otherwise, whose ``as_group`` is ``run_in_task_group``.

    They may be a handler's own, ``@post(background=...)``, and run for all its
    requests.
    """

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
