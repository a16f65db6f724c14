import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from bgtasks.starlette import BackgroundTasks

from . import add_task, lifespan, pool, record


async def with_starlette(request: Request) -> PlainTextResponse:
    tasks = BackgroundTasks(runner=pool)
    add_task(tasks, request.path_params["number"])
    return PlainTextResponse("accepted", background=tasks)


async def endless(request: Request) -> PlainTextResponse:
    record("endless")
    await anyio.sleep_forever()
    return PlainTextResponse("never")


app = Starlette(
    routes=[Route("/{number:int}", with_starlette), Route("/endless", endless)],
    lifespan=lifespan,
)
