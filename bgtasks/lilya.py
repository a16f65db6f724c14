"""Background tasks for Lilya: import them from here, not from lilya.background.

They are of Lilya's own types as well, so that it takes them as a ``background``.
"""

# SPDX-License-Identifier: MIT-0

from lilya import background

from ._task import BackgroundTask as CoreTask
from ._tasks import BackgroundTasks as CoreTasks

__all__ = ["Task", "Tasks"]


class Task(CoreTask, background.Task):  # type: ignore[misc]  # ty: ignore[incompatible-attribute-override]  # of two definitions, ours is the first
    """A call to make after the response: ``Response(..., background=task)``.

    As `bgtasks.BackgroundTask` otherwise.
    """


class Tasks(CoreTasks, background.Tasks):  # type: ignore[misc]  # ty: ignore[incompatible-attribute-override, lost-keyword-for-regular-parameter]  # of two definitions, ours is the first
    """Calls to make after the response: ``Response(..., background=tasks)``.

    As `bgtasks.BackgroundTasks` otherwise.
    """
