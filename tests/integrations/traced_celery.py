"""A Celery application whose workers OpenTelemetry traces."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false

import os

from celery import Celery
from celery.signals import worker_process_init
from opentelemetry import trace
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.sdk.trace import Span, TracerProvider

from .engines import celery_app
from .reporting import report


def report_trace() -> None:
    """Report the ids of this trace, and of the span that it was sent in."""
    span = trace.get_current_span()
    parent = span.parent if isinstance(span, Span) else None
    report(
        "report_trace",
        span.get_span_context().trace_id,
        parent and parent.span_id,
    )


def make_app(broker: str) -> Celery:
    app = celery_app.make_app(broker)
    app.task(report_trace, shared=False)
    return app


def instrument(**_: object) -> None:
    CeleryInstrumentor().instrument(tracer_provider=TracerProvider())


if celery_app.BROKER in os.environ:
    worker_process_init.connect(instrument, weak=False)
    app = make_app(os.environ[celery_app.BROKER])
