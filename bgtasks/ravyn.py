"""Background tasks for Ravyn: import them from here, not from ravyn.

They are of Ravyn's own types as well, so that it takes them as a ``background``.
"""

# SPDX-License-Identifier: MIT-0

from ravyn import background

from ._task import BackgroundTask as CoreTask
from ._tasks import BackgroundTasks as CoreTasks

__all__ = ["BackgroundTask", "BackgroundTasks"]


class BackgroundTask(CoreTask, background.BackgroundTask):  # type: ignore[misc]  # ty: ignore[incompatible-attribute-override]  # of two definitions, ours is the first
    """A call to make after the response: ``Response(..., background=task)``.

    As `bgtasks.BackgroundTask` otherwise.

    It may be a handler's own, ``@post(background=...)``, and run for all its requests.
    """


class BackgroundTasks(CoreTasks, background.BackgroundTasks):  # type: ignore[misc]  # ty: ignore[incompatible-attribute-override, lost-keyword-for-regular-parameter]  # of two definitions, ours is the first
    """Calls to make after the response: ``Response(..., background=tasks)``.

    As `bgtasks.BackgroundTasks` otherwise.

    They may be a handler's own, ``@post(background=...)``, and run for all its
    requests.
    """
