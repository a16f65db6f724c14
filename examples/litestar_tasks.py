"""Litestar's own examples of background tasks, with one import changed.

    uvicorn examples.litestar_tasks:app
    curl 'http://127.0.0.1:8000/?name=Ada'

See https://docs.litestar.dev/latest/usage/responses.html#background-tasks.
"""

from pathlib import Path

from litestar import Litestar, Response, get
from litestar.params import FromQuery

from bgtasks.litestar import BackgroundTask, BackgroundTasks


async def logging_task(identifier: str, message: str) -> None:
    saving_task(f"{identifier}: {message}")


def saving_task(name: str) -> None:
    with Path("log.txt").open("a", encoding="utf-8") as log:
        log.write(f"{name}\n")


@get("/", sync_to_thread=False)
def greeter(name: FromQuery[str]) -> Response[dict[str, str]]:
    return Response(
        {"hello": name},
        background=BackgroundTask(
            logging_task, "greeter", message=f"was called with name {name}"
        ),
    )


@get(
    "/handler",
    background=BackgroundTask(logging_task, "greeter", message="was called"),
    sync_to_thread=False,
)
def handler_with_task() -> dict[str, str]:
    return {"hello": "world"}


@get("/list", sync_to_thread=False)
def greeter_with_list(name: FromQuery[str]) -> Response[dict[str, str]]:
    return Response(
        {"hello": name},
        background=BackgroundTasks(
            [
                BackgroundTask(logging_task, "list", message=name),
                BackgroundTask(saving_task, name),
            ]
        ),
    )


@get("/group", sync_to_thread=False)
def greeter_with_group(name: FromQuery[str]) -> Response[dict[str, str]]:
    tasks = BackgroundTasks([BackgroundTask(saving_task, name)], run_in_task_group=True)
    tasks.add_task(logging_task, "group", message=name)
    return Response({"hello": name}, background=tasks)


app = Litestar(
    route_handlers=[greeter, handler_with_task, greeter_with_list, greeter_with_group]
)
