"""Background tasks for Starlette: import them from here, not from starlette.background.

They are of Starlette's own types as well, so that it takes them as a ``background``.
"""

# SPDX-License-Identifier: MIT-0

from starlette import background

from ._task import BackgroundTask as CoreTask
from ._tasks import BackgroundTasks as CoreTasks

__all__ = ["BackgroundTask", "BackgroundTasks"]


class BackgroundTask(CoreTask, background.BackgroundTask):  # type: ignore[misc, override]  # of two definitions, ours is the first
    """A call to make after the response: ``Response(..., background=task)``.

    As `bgtasks.BackgroundTask` otherwise.
    """


class BackgroundTasks(CoreTasks, background.BackgroundTasks):  # type: ignore[misc]  # ty: ignore[lost-keyword-for-regular-parameter]  # of two definitions, ours is the first
    """Calls to make after the response: ``Response(..., background=tasks)``.

    As `bgtasks.BackgroundTasks` otherwise.
    """
