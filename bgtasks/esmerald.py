"""Background tasks for Esmerald: import them from here, not from esmerald.

Subclasses of Esmerald's classes, so a response accepts them as its ``background``.
"""

# SPDX-License-Identifier: MIT-0

from esmerald import background

from ._task import BackgroundTask as CoreTask
from ._tasks import BackgroundTasks as CoreTasks

__all__ = ["BackgroundTask", "BackgroundTasks"]


class BackgroundTask(CoreTask, background.BackgroundTask):  # type: ignore[misc]  # ty: ignore[incompatible-attribute-override]  # of two definitions, ours is the first
    """A function call to run after the response.

    ```python
    task = BackgroundTask(send_email, "ada@example.org", subject="Welcome")
    return Response({}, background=task)
    ```

    As `bgtasks.BackgroundTask`; also Esmerald's own ``BackgroundTask``, so responses
    accept it.

    A handler may have a task too, ``@post(background=task)``: it runs for each request.
    """


class BackgroundTasks(CoreTasks, background.BackgroundTasks):  # type: ignore[misc]  # ty: ignore[incompatible-attribute-override, lost-keyword-for-regular-parameter]  # of two definitions, ours is the first
    """Function calls to run after the response.

    ```python
    tasks = BackgroundTasks()
    tasks.add_task(send_email, "ada@example.org", subject="Welcome")
    return Response({}, background=tasks)
    ```

    As `bgtasks.BackgroundTasks`; also Esmerald's own ``BackgroundTasks``, so
    responses accept it.

    A handler may have a collection too, ``@post(background=tasks)``: it runs for each
    request.
    """
