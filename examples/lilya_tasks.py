"""Lilya's own examples of background tasks, with one import changed.

    uvicorn examples.lilya_tasks:app
    curl -X POST http://127.0.0.1:8000/register

See https://www.lilya.dev/tasks/.
"""

from datetime import UTC, datetime
from pathlib import Path

from lilya.apps import Lilya
from lilya.requests import Request
from lilya.responses import JSONResponse, Response
from lilya.routing import Path as Route

from bgtasks.lilya import Task, Tasks


async def send_email_notification(email: str, message: str) -> None:
    write_in_file(f"{message} ({email})")


def write_in_file(text: str) -> None:
    with Path("log.txt").open("a", encoding="utf-8") as log:
        log.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {text}\n")


async def create_user(request: Request) -> Response:
    background_tasks = Tasks(as_group=True)
    background_tasks.add_task(
        send_email_notification,
        email="example@lilya.dev",
        message="Thank you for registering.",
    )
    background_tasks.add_task(write_in_file, text=f"called: {request.url.path}")
    return JSONResponse({"message": "Email sent"}, background=background_tasks)


async def create_user_with_list() -> Response:
    return JSONResponse(
        {"message": "Email sent"},
        background=Tasks(
            tasks=[
                Task(
                    send_email_notification,
                    email="example@lilya.dev",
                    message="Thank you for registering.",
                ),
                Task(write_in_file, text="sent"),
            ]
        ),
    )


async def create_user_with_one_task() -> Response:
    return JSONResponse({"message": "Created"}, background=Task(write_in_file, "one"))


app = Lilya(
    routes=[
        Route("/register", create_user, methods=["POST"]),
        Route("/register-with-list", create_user_with_list, methods=["POST"]),
        Route("/register-with-one-task", create_user_with_one_task, methods=["POST"]),
    ]
)
