
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

import asyncio

import sentry_sdk

from bgtasks import BackgroundTask, BackgroundTasks

sentry_sdk.init()  # reads SENTRY_DSN


def report(task: BackgroundTask, exc: Exception) -> None:
    event = sentry_sdk.capture_exception(exc, tags={"task": task.name})
    print(f"{task.name} failed; Sentry's event: {event}")


import asyncio

import sentry_sdk

from bgtasks import BackgroundTask, BackgroundTasks


async def in_a_span(task: BackgroundTask) -> None:
    with sentry_sdk.start_span(op="task", name=task.name):
        await task()


import asyncio
import logging

from bgtasks import BackgroundTask, BackgroundTasks

logger = logging.getLogger("shop.tasks")


def log(task: BackgroundTask, exc: Exception) -> None:
    logger.error("%s failed", task.name, exc_info=exc)




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
