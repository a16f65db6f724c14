"""Applications with a pool in their lifespans, for the tests of real servers.

A task waits until the test has made the file ``go``, and writes a line to ``record``
when it ends; so do the reports of the pool, and the lifespan.
"""

import os
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import anyio
from fastapi import Depends, FastAPI
from lilya.apps import Lilya
from lilya.requests import Request as LilyaRequest
from lilya.responses import PlainText
from lilya.routing import Path as LilyaRoute
from litestar import Litestar, Response, get
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from bgtasks import BackgroundTask, BackgroundTasks, fastapi, lilya, litestar, starlette
from bgtasks.asgi import BackgroundTasksMiddleware, current_tasks
from bgtasks.pool import TaskPool

FOLDER = Path(os.environ.get("POOLED_FOLDER", "."))
DRAIN = float(os.environ.get("POOLED_DRAIN", "60"))


def record(*words: object) -> None:
    line = " ".join(map(str, (time.monotonic(), *words))) + "\n"
    descriptor = os.open(FOLDER / "record", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, line.encode())  # one call: whole lines, of all threads
    finally:
        os.close(descriptor)


async def asynchronous(number: int) -> None:
    while not (FOLDER / "go").exists():
        await anyio.sleep(0.02)
    record("ended", number)


def plain(number: int) -> None:
    while not (FOLDER / "go").exists():
        time.sleep(0.02)
    record("ended", number)


def report(task: BackgroundTask, exc: Exception) -> None:
    record("reported", task.args[0], type(exc).__name__)


pool = TaskPool(limit=60, drain=DRAIN, on_error=report)


@asynccontextmanager
async def lifespan(_: object) -> AsyncGenerator[None]:
    async with pool:
        record("entered")
        yield
        record("leaving")
    record("left")


def add_task(tasks: BackgroundTasks, number: int) -> None:
    tasks.add_task(plain if number % 2 else asynchronous, number)


async def with_starlette(request: Request) -> PlainTextResponse:
    tasks = starlette.BackgroundTasks(runner=pool)
    add_task(tasks, request.path_params["number"])
    return PlainTextResponse("accepted", background=tasks)


async def endless(request: Request) -> PlainTextResponse:
    record("endless")
    await anyio.sleep_forever()
    return PlainTextResponse("never")


starlette_app = Starlette(
    routes=[Route("/{number:int}", with_starlette), Route("/endless", endless)],
    lifespan=lifespan,
)

fastapi_app = FastAPI(lifespan=lifespan)
PooledTasks = Annotated[
    fastapi.BackgroundTasks, Depends(fastapi.background_tasks(runner=pool))
]


@fastapi_app.get("/{number}")
async def with_fastapi(number: int, tasks: PooledTasks) -> str:
    add_task(tasks, number)
    return "accepted"


@get("/{number:int}")
async def with_litestar(number: int) -> Response[str]:
    tasks = litestar.BackgroundTasks(runner=pool)
    add_task(tasks, number)
    return Response("accepted", background=tasks)


litestar_app = Litestar([with_litestar], lifespan=[lifespan])


async def with_lilya(request: LilyaRequest) -> PlainText:
    tasks = lilya.Tasks(runner=pool)
    add_task(tasks, request.path_params["number"])
    return PlainText("accepted", background=tasks)


lilya_app = Lilya(routes=[LilyaRoute("/{number:int}", with_lilya)], lifespan=lifespan)


async def bare(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        async with lifespan(bare):
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    add_task(current_tasks(), int(scope["path"].removeprefix("/")))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"accepted"})


asgi_app = BackgroundTasksMiddleware(bare, runner=pool)
