"""The application measured end to end: the same endpoints with ours and Starlette's."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from starlette.applications import Starlette
from starlette.background import BackgroundTask as StarletteTask
from starlette.background import BackgroundTasks as StarletteTasks
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bgtasks import BackgroundTasks

COLLECTIONS: dict[str, Any] = {"bgtasks": BackgroundTasks, "Starlette": StarletteTasks}


added: list[None] = []
ended: list[None] = []


def short(to: str, *, subject: str) -> None:
    ended.append(None)


async def add_three(request: Request) -> Response:
    tasks = COLLECTIONS[request.path_params["library"]]()
    for _ in range(3):
        added.append(None)
        tasks.add_task(short, "ada@example.org", subject="Hi")
    return PlainTextResponse("ok", background=StarletteTask(tasks))


async def add_slow(request: Request) -> Response:
    tasks = COLLECTIONS[request.path_params["library"]]()
    tasks.add_task(time.sleep, 0.5)
    return PlainTextResponse("ok", background=StarletteTask(tasks))


async def wait_for_tasks(request: Request) -> Response:
    while len(ended) < len(added):  # noqa: ASYNC110 (threads make it true)
        await asyncio.sleep(0.001)
    return PlainTextResponse("ok")


def answer(request: Request) -> Response:
    return PlainTextResponse("ok")


app = Starlette(
    routes=[
        Route("/three/{library}", add_three),
        Route("/slow/{library}", add_slow),
        Route("/sync", answer),
        Route("/ended", wait_for_tasks),
    ]
)
