"""An application whose annotations are strings until FastAPI evaluates them."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from bgtasks.fastapi import BackgroundTasks

app = FastAPI()
got: list[object] = []
NONE: Any = None  # as it stands in applications


@app.get("/")
async def endpoint(tasks: BackgroundTasks, more: BackgroundTasks = NONE) -> None:
    got.append(tasks)
    tasks.add_task(got.append, more)
