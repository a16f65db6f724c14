"""Background tasks for Lilya: import them from here, not from lilya.background.

Subclasses of Lilya's classes, so a response accepts them as its ``background``.
"""

# SPDX-License-Identifier: MIT-0

from lilya import background

from ._task import BackgroundTask as CoreTask
from ._tasks import BackgroundTasks as CoreTasks

__all__ = ["Task", "Tasks"]


class Task(CoreTask, background.Task):  # type: ignore[misc]  # ty: ignore[incompatible-attribute-override]  # of two definitions, ours is the first
    """A function call to run after the response.

    ```python
    task = Task(send_email, "ada@example.org", subject="Welcome")
    return JSONResponse({}, background=task)
    ```

    As `bgtasks.BackgroundTask`; also Lilya's own ``Task``, so responses accept it.
    """


class Tasks(CoreTasks, background.Tasks):  # type: ignore[misc]  # ty: ignore[incompatible-attribute-override, lost-keyword-for-regular-parameter]  # of two definitions, ours is the first
    """Function calls to run after the response.

    ```python
    tasks = Tasks()
    tasks.add_task(send_email, "ada@example.org", subject="Welcome")
    return JSONResponse({}, background=tasks)
    ```

    As `bgtasks.BackgroundTasks`; also Lilya's own ``Tasks``, so responses accept it.
    """
