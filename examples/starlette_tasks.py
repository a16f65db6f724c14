"""Starlette's own examples of background tasks, with one import changed.

    uvicorn examples.starlette_tasks:app
    curl -d '{"username": "ada", "email": "ada@example.org"}' \
        http://127.0.0.1:8000/user/signup

See https://www.starlette.io/background/.
"""

from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bgtasks.starlette import BackgroundTask, BackgroundTasks


def write_log(line: str) -> None:
    with Path("log.txt").open("a", encoding="utf-8") as log:
        log.write(f"{line}\n")


async def send_welcome_email(to_address: str) -> None:
    write_log(f"welcome to {to_address}")


async def send_admin_notification(username: str) -> None:
    write_log(f"{username} signed up")


async def sign_up_with_one_task(request: Request) -> JSONResponse:
    data = await request.json()
    task = BackgroundTask(send_welcome_email, to_address=data["email"])
    message = {"status": "Signup successful"}
    return JSONResponse(message, background=task)


async def sign_up(request: Request) -> JSONResponse:
    data = await request.json()
    tasks = BackgroundTasks()
    tasks.add_task(send_welcome_email, to_address=data["email"])
    tasks.add_task(send_admin_notification, username=data["username"])
    message = {"status": "Signup successful"}
    return JSONResponse(message, background=tasks)


async def sign_up_as_group(request: Request) -> JSONResponse:
    data = await request.json()
    tasks = BackgroundTasks(
        [
            BackgroundTask(send_welcome_email, to_address=data["email"]),
            BackgroundTask(write_log, f"{data['username']} signed up"),
        ],
        as_group=True,
    )
    message = {"status": "Signup successful"}
    return JSONResponse(message, background=tasks)


app = Starlette(
    routes=[
        Route("/user/signup", sign_up, methods=["POST"]),
        Route("/user/signup-with-one-task", sign_up_with_one_task, methods=["POST"]),
        Route("/user/signup-as-group", sign_up_as_group, methods=["POST"]),
    ]
)
