"""Calls that run in a span are checked as without one."""

from opentelemetry import trace

from bgtasks import BackgroundTask, BackgroundTasks
from bgtasks.opentelemetry import tracing_runner

DOCUMENTS = "bgtasks.opentelemetry"


async def send_email(to: str, *, subject: str) -> None: ...


def resize(path: str, width: int) -> None: ...


async def within_a_minute(task: BackgroundTask) -> None: ...


def run_twice(task: BackgroundTask, times: int) -> None: ...


def checked() -> None:
    """A call is checked against the function, with or without a span."""
    tasks = BackgroundTasks(runner=tracing_runner())
    tasks.add_task(send_email, "ada@example.org", subject="Hi")
    tasks.add_task(resize, "portrait.png", 800)
    tasks.add_task(resize, "portrait.png", "800")  # E: the width is an int
    tasks.add_task(resize, "portrait.png")  # E: `width` is missing
    tasks.add_task(resize, "portrait.png", 800, 600)  # E: there are too many
    tasks.add_task(send_email, "ada@example.org", subjet="Hi")  # E: no `subjet`


def another_runner() -> None:
    """Another runner may run the task, inside the span."""
    BackgroundTasks(runner=tracing_runner(within_a_minute))
    BackgroundTasks(runner=tracing_runner(tracing_runner()))
    BackgroundTasks(runner=tracing_runner(run_twice))  # E: it has two parameters
    BackgroundTasks(runner=tracing_runner(runner=within_a_minute))  # E: no name


def provider(provider: trace.TracerProvider, tracer: trace.Tracer) -> None:
    """The global provider makes the spans, or one that you pass by name."""
    BackgroundTasks(runner=tracing_runner(tracer_provider=provider))
    BackgroundTasks(runner=tracing_runner(within_a_minute, tracer_provider=provider))
    BackgroundTasks(runner=tracing_runner(provider))  # E: write `tracer_provider=`
    BackgroundTasks(runner=tracing_runner(tracer_provider=tracer))  # E: not a provider


def not_called() -> None:
    """Call `tracing_runner`: it returns the runner."""
    BackgroundTasks(runner=tracing_runner())
    BackgroundTasks(runner=tracing_runner)  # E: write `tracing_runner()`
