"""Background tasks for Ellar: import them from here, not from starlette.background.

A parameter of the type ``BackgroundTasks``, or ``Inject[BackgroundTasks]``, gets the
tasks of the request. Both are subclasses of Starlette's classes, so ``res.background``
accepts them.
"""

# SPDX-License-Identifier: MIT-0

from ellar.common.interfaces import IExecutionContext
from ellar.common.params.decorators.inject import add_default_resolver  # pyright: ignore[reportUnknownVariableType]  # its `Type` lacks an argument
from ellar.common.params.resolvers.base import ResolverResult
from ellar.common.params.resolvers.system_parameters import SystemParameterResolver
from starlette import background
from typing_extensions import override

from ._task import BackgroundTask as CoreTask
from ._tasks import BackgroundTasks as CoreTasks

__all__ = ["BackgroundTask", "BackgroundTasks"]


class BackgroundTask(CoreTask, background.BackgroundTask):  # type: ignore[misc, override]  # of two definitions, ours is the first
    """A function call to run after the response.

    ```python
    task = BackgroundTask(send_email, "ada@example.org", subject="Welcome")
    res.background = task
    ```

    As `bgtasks.BackgroundTask`; also Starlette's own ``BackgroundTask``, so
    ``res.background`` accepts it.
    """


class BackgroundTasks(CoreTasks, background.BackgroundTasks):  # type: ignore[misc]  # ty: ignore[lost-keyword-for-regular-parameter]  # of two definitions, ours is the first
    """Function calls to run after the response. Ellar passes it to parameters.

    ```python
    @router.post("/sign-up")
    def sign_up(email: str, tasks: BackgroundTasks) -> None:
        tasks.add_task(send_email, email, subject="Welcome")
    ```

    As `bgtasks.BackgroundTasks`; also Starlette's own ``BackgroundTasks``, so
    ``res.background`` accepts it.
    """


class BackgroundTasksParameter(SystemParameterResolver):
    @override
    async def resolve(self, ctx: IExecutionContext, **kwargs: object) -> ResolverResult:
        if ctx.get_type() != "http":
            msg = (
                "Ellar has no background tasks for WebSockets: write "
                "app = BackgroundTasksMiddleware(app), and current_tasks() in place of "
                "the parameter, both imported from bgtasks.asgi"
            )
            raise LookupError(msg)
        response = ctx.switch_to_http_connection().get_response()
        tasks = response.background
        if not isinstance(tasks, BackgroundTasks):
            # What is there already, from a middleware for example, runs first.
            tasks = BackgroundTasks(None if tasks is None else [tasks])
            response.background = tasks
        values = {str(self.parameter_name): tasks}
        return ResolverResult(values, [], values)


add_default_resolver(BackgroundTasks, BackgroundTasksParameter)
