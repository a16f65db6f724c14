"""The application measured end to end: the same endpoints with ours and Starlette's."""

from __future__ import annotations

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


def short(to: str, *, subject: str) -> None: ...


async def add_three(request: Request) -> Response:
    tasks = COLLECTIONS[request.path_params["library"]]()
    for _ in range(3):
        tasks.add_task(short, "ada@example.org", subject="Hi")
    return PlainTextResponse("ok", background=StarletteTask(tasks))


async def add_slow(request: Request) -> Response:
    tasks = COLLECTIONS[request.path_params["library"]]()
    tasks.add_task(time.sleep, 0.5)
    return PlainTextResponse("ok", background=StarletteTask(tasks))


def answer(request: Request) -> Response:
    return PlainTextResponse("ok")


app = Starlette(
    routes=[
        Route("/three/{library}", add_three),
        Route("/slow/{library}", add_slow),
        Route("/sync", answer),
    ]
)
