"""OpenTelemetry as a runner: each task runs in its own span.

It needs only opentelemetry-api. Without an SDK, nothing is recorded.
"""

# SPDX-License-Identifier: MIT-0

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Annotated

from opentelemetry import context, trace
from typing_extensions import Doc

from . import __version__
from ._calls import check_callable, check_parameters
from ._task import BackgroundTask, name_of, start_by

__all__ = ["tracing_runner"]


def tracing_runner(
    runner: Annotated[
        Callable[[BackgroundTask], Awaitable[object]] | None,
        Doc(
            """
            Another runner, which runs the task inside the span: for a time limit,
            retries or an engine.
            """
        ),
    ] = None,
    /,
    *,
    tracer_provider: Annotated[
        trace.TracerProvider | None,
        Doc("Makes the spans. The default is OpenTelemetry's global provider."),
    ] = None,
) -> Callable[[BackgroundTask], Awaitable[None]]:
    """Return a runner that runs each task in an OpenTelemetry span.

    The span is called ``BackgroundTask send_email``, as by OpenTelemetry's
    instrumentation of FastAPI, and is a child of the span that is current when the
    tasks run: the request's. The attribute ``code.function.name`` is the function's
    qualified name. An exception is recorded, and makes the span's status an error; a
    cancellation does not. Arguments are not recorded.

    Raises:
        TypeError: ``runner`` is not callable.
    """
    refuse_task(runner)
    if runner is not None:
        check_callable(
            "runner", runner, "tracing_runner({})", "tracing_runner({}(...))"
        )
        check_parameters("runner", runner, "task")
    # Before the global provider is set, this is a proxy: it may be called at import.
    tracer = trace.get_tracer(__name__, __version__, tracer_provider)

    # Not tracer.start_as_current_span(), although it does nearly the same: contextlib
    # sets the exception's __traceback__, which a frozen one refuses, and an exception
    # whose __str__ fails would be lost.
    async def run(task: BackgroundTask) -> None:
        span = tracer.start_span(
            span_name(task.func),
            attributes={"code.function.name": name_of(task)},  # samplers may ask for it
        )
        token = context.attach(trace.set_span_in_context(span))
        try:
            if runner is None:
                await task()
            else:
                await start_by(runner, task)
        except Exception as exc:
            record(span, exc)
            raise
        finally:
            context.detach(token)
            span.end()

    return run


def refuse_task(runner: object, /) -> None:
    if isinstance(runner, BackgroundTask):
        msg = (
            "tracing_runner got a task, as if it were a runner itself: "
            "write runner=tracing_runner(), not runner=tracing_runner"
        )
        raise TypeError(msg)


def span_name(func: object) -> str:
    """Return what OpenTelemetry's instrumentation of FastAPI would call the span."""
    with suppress(Exception):  # a proxy may stand for nothing any more
        return f"BackgroundTask {getattr(func, '__name__', func.__class__.__name__)}"
    return f"BackgroundTask {type(func).__name__}"


def record(span: trace.Span, exc: Exception) -> None:
    with suppress(Exception):  # its __str__ may fail; it is raised all the same
        span.record_exception(exc)
    description = type(exc).__name__
    with suppress(Exception):
        description = f"{description}: {exc}"
    span.set_status(trace.Status(trace.StatusCode.ERROR, description))
