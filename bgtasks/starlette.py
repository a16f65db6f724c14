"""Background tasks for Starlette: import them from here, not from starlette.background.

Subclasses of Starlette's classes, so a response accepts them as its ``background``.
"""

# SPDX-License-Identifier: MIT-0

from starlette import background

from ._task import BackgroundTask as CoreTask
from ._tasks import BackgroundTasks as CoreTasks

__all__ = ["BackgroundTask", "BackgroundTasks"]


class BackgroundTask(CoreTask, background.BackgroundTask):  # type: ignore[misc, override]  # of two definitions, ours is the first
    """A function call to run after the response.

    ```python
    task = BackgroundTask(send_email, "ada@example.org", subject="Welcome")
    return JSONResponse({}, background=task)
    ```

    As `bgtasks.BackgroundTask`; also Starlette's own ``BackgroundTask``, so responses
    accept it.
    """


class BackgroundTasks(CoreTasks, background.BackgroundTasks):  # type: ignore[misc]  # ty: ignore[lost-keyword-for-regular-parameter]  # of two definitions, ours is the first
    """Function calls to run after the response.

    ```python
    tasks = BackgroundTasks()
    tasks.add_task(send_email, "ada@example.org", subject="Welcome")
    return JSONResponse({}, background=tasks)
    ```

    As `bgtasks.BackgroundTasks`; also Starlette's own ``BackgroundTasks``, so
    responses accept it.
    """
