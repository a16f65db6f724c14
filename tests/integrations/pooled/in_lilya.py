from lilya.apps import Lilya
from lilya.requests import Request
from lilya.responses import PlainText
from lilya.routing import Path

from bgtasks.lilya import Tasks

from . import add_task, lifespan, pool


async def with_lilya(request: Request) -> PlainText:
    tasks = Tasks(runner=pool)
    add_task(tasks, request.path_params["number"])
    return PlainText("accepted", background=tasks)


app = Lilya(routes=[Path("/{number:int}", with_lilya)], lifespan=lifespan)
