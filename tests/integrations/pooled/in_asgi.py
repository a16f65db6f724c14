from typing import Any

from bgtasks.asgi import BackgroundTasksMiddleware, current_tasks

from . import add_task, lifespan, pool


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


app = BackgroundTasksMiddleware(bare, runner=pool)
