"""Two applications that do the same: one with Starlette's own tasks, one with a pool.

    uvicorn examples.deploy:pool_app

`make demo-deploy` restarts them under load, and counts the lost tasks.
"""

import os
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from starlette.applications import Starlette
from starlette.background import BackgroundTasks as StarlettesOwnTasks
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from bgtasks.pool import TaskPool
from bgtasks.starlette import BackgroundTasks

SECONDS = 4.0  # that each task takes
LOG = Path(os.environ.get("DEPLOY_LOG", "log.txt"))

pool = TaskPool(drain=20)


def log(line: str) -> None:
    with LOG.open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


async def asynchronous(number: str) -> None:
    await anyio.sleep(SECONDS)
    log(number)


def plain(number: str) -> None:
    time.sleep(SECONDS)
    log(number)


async def with_starlette(request: Request) -> PlainTextResponse:
    tasks = StarlettesOwnTasks()
    number = request.path_params["number"]
    tasks.add_task(plain if number % 2 else asynchronous, f"{number}")
    return PlainTextResponse("accepted", background=tasks)


starlette_app = Starlette(routes=[Route("/{number:int}", with_starlette)])


async def with_pool(request: Request) -> PlainTextResponse:
    tasks = BackgroundTasks(runner=pool)
    number = request.path_params["number"]
    tasks.add_task(plain if number % 2 else asynchronous, f"{number}")
    return PlainTextResponse("accepted", background=tasks)


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncGenerator[None]:
    async with pool:
        yield


pool_app = Starlette(routes=[Route("/{number:int}", with_pool)], lifespan=lifespan)
