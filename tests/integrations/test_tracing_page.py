"""docs/tracing.md: what it says is so, and its snippets do what they should."""

import json
import logging
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from bgtasks import BackgroundTask, BackgroundTasks
from bgtasks.opentelemetry import tracing_runner
from tests.project import ROOT
from tests.reader import Command, programs_of, use
from tests.snippets import snippets

from .page import imported, snippet
from .processes import RedisServer

pytestmark = pytest.mark.anyio
PAGE = "tracing"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def run(text: str) -> str:
    """Run a program in a process of its own, and return what it prints."""
    page = ROOT / "docs" / f"{PAGE}.md"
    program = next(programs_of(page))
    command = Command("python program.py", "", page)
    program = replace(program, text=text, file="program.py", commands=[command])
    with TemporaryDirectory() as folder:
        printed, _ = use(program, Path(folder))
    return printed


# Run in processes of their own: they set what can be set only once in each.

TRACED = """
import asyncio
import httpx
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

spans = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(spans))
trace.set_tracer_provider(provider)

async def request(app, method, path):
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        response = await client.request(method, path)
        assert response.status_code == 200, response.text

def show():
    finished = spans.get_finished_spans()
    names = {span.context.span_id: span.name for span in finished}
    for span in finished:
        if "Task" in span.name or "_task" in span.name:
            parent = span.parent and names[span.parent.span_id]
            print(span.name, "<", parent)
"""

WITHOUT_RUNNER = """
from fastapi import FastAPI
from bgtasks.fastapi import BackgroundTasks

app = FastAPI()

@app.get("/")
async def endpoint(tasks: BackgroundTasks) -> None:
    tasks.add_task(int)
    tasks.add_task(float)
"""

STARLETTE_WITHOUT_RUNNER = """
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from bgtasks import BackgroundTask
from bgtasks.starlette import BackgroundTasks

async def endpoint(request):
    tasks = BackgroundTasks([BackgroundTask(int), BackgroundTask(float)])
    return Response(background=tasks)

app = Starlette(routes=[Route("/", endpoint)])
"""


def test_tasks_of_the_first_example_are_children_of_the_request() -> None:
    printed = run(
        TRACED
        + snippet("sign_up", PAGE)
        + "asyncio.run(request(app, 'POST', '/sign-up?email=ada@example.org'))\n"
        + "show()\n"
    )

    assert printed.endswith("\nBackgroundTask send_email < POST /sign-up\n")


@pytest.mark.parametrize(
    ("app", "instrument", "expected"),
    [
        (WITHOUT_RUNNER, "", "fastapi.background_task < GET /\n"),
        (
            WITHOUT_RUNNER,
            (
                "from opentelemetry.instrumentation.fastapi import *\n"
                "FastAPIInstrumentor.instrument_app(app)\n"
            ),
            "BackgroundTask BackgroundTasks < GET /\n",
        ),
        (
            STARLETTE_WITHOUT_RUNNER,
            (
                "from starlette.middleware import opentelemetry\n"
                "app.add_middleware(opentelemetry.OpenTelemetryMiddleware)\n"
            ),
            "",
        ),
        (
            STARLETTE_WITHOUT_RUNNER,
            (
                "from opentelemetry.instrumentation.starlette import *\n"
                "StarletteInstrumentor.instrument_app(app)\n"
            ),
            "",
        ),
    ],
    ids=["fastapi", "opentelemetry-fastapi", "starlette", "opentelemetry-starlette"],
)
def test_spans_without_tracing_runner_are_those_of_the_table(
    app: str, instrument: str, expected: str
) -> None:
    printed = run(
        f"{TRACED}{app}{instrument}asyncio.run(request(app, 'GET', '/'))\nshow()\n"
    )

    assert printed == expected


def test_tasks_of_a_middleware_inside_the_tracing_one_are_children() -> None:
    (shown,) = (
        each
        for each in snippets(ROOT / "docs" / "tracing.md", "python")
        if "OpenTelemetryMiddleware" in each
    )
    printed = run(
        f"{TRACED}{shown}asyncio.run(request(app, 'GET', '/'))\nshow()\n",
    )

    assert printed == "the task\nBackgroundTask print < GET /\n"


async def test_time_limit_is_an_error_of_the_span_around_it_but_not_of_one_inside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    task = BackgroundTask(anyio.Event().wait)

    def fail_now(_: float) -> object:
        return anyio.fail_after(0)

    with imported("within_a_minute", PAGE) as page:
        monkeypatch.setattr(page, "anyio", SimpleNamespace(fail_after=fail_now))
        around = tracing_runner(page.within_a_minute, tracer_provider=provider)
        with pytest.raises(TimeoutError):
            await around(task)
    with anyio.move_on_after(0):
        await tracing_runner(tracer_provider=provider)(task)

    assert [span.status.status_code for span in spans.get_finished_spans()] == [
        StatusCode.ERROR,
        StatusCode.UNSET,
    ]


def test_sample_with_celery_prints_both_spans(folder: Path, redis: RedisServer) -> None:
    (program,) = (
        each
        for each in programs_of(ROOT / "docs" / f"{PAGE}.md")
        if "celery_runner(celery)" in each.text
    )
    program.text = program.text.replace("6379", f"{redis.port}")

    printed, _ = use(program, folder)

    assert len(program.lines_printed) == 2
    for line in program.lines_printed:
        assert line in printed


# Sentry

SENTRY = """
import asyncio
import json
import sys

# Sentry imports what it supports and finds: these here take seconds.
for name in "aiohttp celery django falcon flask litestar quart sqlalchemy".split():
    sys.modules[name] = None

import httpx
import sentry_sdk
from sentry_sdk.transport import Transport

class Keep(Transport):
    events = []

    def capture_envelope(self, envelope):
        for item in envelope.items:
            self.events.append({"of": item.headers["type"], **item.payload.json})

init = sentry_sdk.init

def init_with(**options):
    init(
        dsn="https://key@127.0.0.1/1",
        transport=Keep,
        traces_sample_rate=1,
        **options,
    )

sentry_sdk.init = init_with

PAGE

from typing import Annotated

from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from bgtasks import starlette
from bgtasks.fastapi import BackgroundTasks, background_tasks

async def send_email(to):
    raise ConnectionError("no route to host")

def write_line(): ...

def add_tasks(tasks):
    # Not as it is in the source: Sentry sends that, too.
    tasks.add_task(send_email, "@".join(["ada", "example.org"]))
    tasks.add_task(write_line)
    return tasks

app = FastAPI()

@app.get("/nothing")
async def nothing(tasks: BackgroundTasks) -> None:
    add_tasks(tasks)

@app.get("/group")
async def group(
    tasks: Annotated[BackgroundTasks, Depends(background_tasks(as_group=True))],
) -> None:
    add_tasks(add_tasks(tasks))

@app.get("/report")
async def reported(
    tasks: Annotated[BackgroundTasks, Depends(background_tasks(on_error=report))],
) -> None:
    add_tasks(tasks)

@app.get("/log")
async def logged(
    tasks: Annotated[BackgroundTasks, Depends(background_tasks(on_error=log))],
) -> None:
    add_tasks(tasks)

@app.get("/silent")
async def silent(
    tasks: Annotated[
        BackgroundTasks, Depends(background_tasks(on_error=lambda *_: None))
    ],
) -> None:
    add_tasks(tasks)

@app.get("/span")
async def span(
    tasks: Annotated[BackgroundTasks, Depends(background_tasks(runner=in_a_span))],
) -> None:
    tasks.add_task(write_line)

async def of_starlette(request):
    return Response(background=add_tasks(starlette.BackgroundTasks()))

app.mount("/starlette", Starlette(routes=[Route("/", of_starlette)]))

async def main(**options):
    init_with(**options)
    sent = {}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        for path in "nothing starlette/ group report log silent span".split():
            Keep.events.clear()
            response = await client.get(path)
            assert response.status_code == 200, response.text
            sent[path] = [*Keep.events]
    print(json.dumps(sent))

asyncio.run(main())
asyncio.run(main(include_local_variables=False))
"""


Sent = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def sent_twice() -> list[Sent]:
    """What Sentry's SDK sends, for each path: with local variables, and without."""
    printed = run(SENTRY.replace("PAGE", REPORT + IN_A_SPAN + LOG))
    return [json.loads(line) for line in printed.splitlines() if line[0] == "{"]


@pytest.fixture
def sent(sent_twice: list[Sent]) -> Sent:
    return sent_twice[0]


def exceptions(events: list[dict[str, Any]]) -> list[list[str]]:
    """Return the type and message of each exception, for each event."""
    return [
        [f"{each['type']}: {each['value']}" for each in item["exception"]["values"]]
        for item in events
        if item["of"] == "event"
    ]


# Not all of the snippets, which run a task.
REPORT, IN_A_SPAN, LOG = (
    re.split(r"^(?:async def send_email|def show_span)", text, flags=re.MULTILINE)[0]
    for text in (snippet(name, PAGE) for name in ("report", "in_a_span", "log"))
)

FAILED = (
    "ConnectionError: no route to host\nAt background task 1 of 2, __main__.send_email."
)


@pytest.mark.parametrize("path", ["nothing", "starlette/"])
def test_sentry_reports_a_failed_task_with_its_notes_unasked(
    path: str, sent: Sent
) -> None:
    assert exceptions(sent[path]) == [[f"{FAILED}\nNot run: __main__.write_line."]]


def test_page_shows_what_sentry_shows() -> None:
    shown, _ = snippets(ROOT / "docs" / "tracing.md", "text")

    assert (
        shown.replace("shop.mail.", "__main__.").replace("shop.audit.", "__main__.")
        == f"{FAILED}\nNot run: __main__.write_line.\n"
    )


def test_sentry_reports_a_group_once_with_the_note_of_each_failure(sent: Sent) -> None:
    (reported,) = exceptions(sent["group"])

    assert sorted(reported) == [
        (
            "ConnectionError: no route to host\n"
            "At background task 1 of 4, __main__.send_email."
        ),
        (
            "ConnectionError: no route to host\n"
            "At background task 3 of 4, __main__.send_email."
        ),
        "ExceptionGroup: 2 of 4 background tasks failed",
    ]


def test_sentry_hears_of_nothing_that_on_error_does_not_report(sent: Sent) -> None:
    assert exceptions(sent["silent"]) == []


def test_sentry_hears_what_on_error_reports(sent: Sent) -> None:
    events = sent["report"]

    assert exceptions(events) == [[FAILED]]
    assert events[0]["tags"]["task"] == "__main__.send_email"


def test_sentry_hears_what_on_error_logs(sent: Sent) -> None:
    assert exceptions(sent["log"]) == [[FAILED]]


def test_sentry_is_sent_arguments_unless_told_not_to(sent_twice: list[Sent]) -> None:
    told = ["ada@example.org" in json.dumps(sent) for sent in sent_twice]

    assert told == [True, False]


def test_sentry_has_a_span_for_each_task(sent: Sent) -> None:
    (transaction,) = sent["span"]

    assert [(span["op"], span["description"]) for span in transaction["spans"]] == [
        ("task", "__main__.write_line")
    ]


# Logging


def test_log_shows_what_the_page_shows(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(snippet("log", PAGE))

    ran = subprocess.run(
        [sys.executable, "-W", "error", str(program)],
        capture_output=True,
        text=True,
        check=True,
    )

    _, shown = snippets(ROOT / "docs" / "tracing.md", "text")
    traceback = [line for line in ran.stderr.splitlines() if line.startswith("  ")]
    printed = ran.stderr.replace("\n".join(traceback), "  ...")
    assert printed == shown


async def send_email(to: str) -> None: ...


async def test_runner_logs_the_name_and_no_argument(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    with imported("logged", PAGE) as page:
        tasks = BackgroundTasks(runner=page.logged)
        tasks.add_task(send_email, "ada@example.org")
        await tasks()

    (record,) = caplog.records
    assert record.name == "shop.tasks"
    assert record.getMessage().startswith(f"{__name__}.send_email took 0.")


# Metrics

MEASURED = """
import asyncio
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from bgtasks import BackgroundTasks
from bgtasks.opentelemetry import tracing_runner

reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))
trace.set_tracer_provider(TracerProvider())
traces = set()

def note_trace():
    traces.add(trace.get_current_span().get_span_context().trace_id)

def fail():
    raise ConnectionError

async def wait():
    asyncio.current_task().cancel()
    await asyncio.sleep(0)

async def main():
    tasks = BackgroundTasks(
        [note_trace, note_trace, fail, wait],
        runner=tracing_runner(measured),
        on_error=lambda *_: None,
    )
    try:
        await tasks()
    except asyncio.CancelledError:
        pass

asyncio.run(main())
(scope,) = reader.get_metrics_data().resource_metrics[0].scope_metrics
for metric in scope.metrics:
    for point in metric.data.data_points:
        attributes = dict(point.attributes)
        count = getattr(point, "count", None) or point.value
        error = attributes.get("error.type")
        print(metric.name, metric.unit, attributes["code.function.name"], count, error)
        if "note_trace" in attributes["code.function.name"]:
            exemplars = {each.trace_id for each in point.exemplars}
            assert exemplars and exemplars <= traces, (exemplars, traces)
"""


def test_counter_and_histogram_have_each_run_and_its_error() -> None:
    printed = run(snippet("measured", PAGE) + MEASURED)

    assert printed.splitlines() == [
        "measured",  # by the page's own task
        "background_task.runs  __main__.note_trace 2 None",
        "background_task.runs  __main__.fail 1 ConnectionError",
        "background_task.runs  __main__.wait 1 CancelledError",
        "background_task.duration s __main__.note_trace 2 None",
        "background_task.duration s __main__.fail 1 ConnectionError",
        "background_task.duration s __main__.wait 1 CancelledError",
    ]
