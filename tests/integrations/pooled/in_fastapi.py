from typing import Annotated

from fastapi import Depends, FastAPI

from bgtasks.fastapi import BackgroundTasks, background_tasks

from . import add_task, lifespan, pool

app = FastAPI(lifespan=lifespan)
PooledTasks = Annotated[BackgroundTasks, Depends(background_tasks(runner=pool))]


@app.get("/{number}")
async def with_fastapi(number: int, tasks: PooledTasks) -> str:
    add_task(tasks, number)
    return "accepted"
