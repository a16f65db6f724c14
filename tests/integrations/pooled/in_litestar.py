from litestar import Litestar, Response, get

from bgtasks.litestar import BackgroundTasks

from . import add_task, lifespan, pool


@get("/{number:int}")
async def with_litestar(number: int) -> Response[str]:
    tasks = BackgroundTasks(runner=pool)
    add_task(tasks, number)
    return Response("accepted", background=tasks)


app = Litestar([with_litestar], lifespan=[lifespan])
