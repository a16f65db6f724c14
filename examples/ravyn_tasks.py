"""Ravyn's own examples of background tasks, with one import changed.

    uvicorn examples.ravyn_tasks:app
    curl -d '{"email": "ada@example.org", "password": "secret"}' \
        http://127.0.0.1:8000/register

See https://www.ravyn.dev/background-tasks/.
"""

# pyright: reportUnknownVariableType=false
# (what Esmerald decorates with: `make test-esmerald` makes a copy of this for it)

from pathlib import Path

from pydantic import BaseModel
from ravyn import Gateway, JSONResponse, Ravyn, Response, post

from bgtasks.ravyn import BackgroundTask, BackgroundTasks


class UserIn(BaseModel):
    email: str
    password: str


async def send_email_notification(message: str, email: str = "everybody") -> None:
    write_in_file(f"{message} to {email}")


def write_in_file(text: str = "Notification sent") -> None:
    with Path("log.txt").open("a", encoding="utf-8") as log:
        log.write(f"{text}\n")


@post(
    "/handler-with-one-task",
    background=BackgroundTask(send_email_notification, message="Account created"),
)
async def handler_with_one_task(data: UserIn) -> dict[str, str]:
    return {"message": f"Created {data.email}"}


@post(
    "/handler-with-list",
    background=BackgroundTasks(
        tasks=[
            BackgroundTask(send_email_notification, message="Account created"),
            BackgroundTask(write_in_file),
        ]
    ),
)
async def handler_with_list(data: UserIn) -> dict[str, str]:
    return {"message": f"Created {data.email}"}


@post("/response-with-one-task")
async def response_with_one_task(data: UserIn) -> JSONResponse:
    return JSONResponse(
        {"message": "Email sent"},
        background=BackgroundTask(
            send_email_notification, email=data.email, message="Thank you"
        ),
    )


@post("/response-with-list")
async def response_with_list(data: UserIn) -> JSONResponse:
    return JSONResponse(
        {"message": "Email sent"},
        background=BackgroundTasks(
            tasks=[
                BackgroundTask(
                    send_email_notification, email=data.email, message="Thank you"
                ),
                BackgroundTask(write_in_file),
            ],
            as_group=True,
        ),
    )


@post("/register")
async def register(data: UserIn) -> Response[dict[str, str]]:
    background_tasks = BackgroundTasks()
    background_tasks.add_task(
        send_email_notification, email=data.email, message="Thank you"
    )
    background_tasks.add_task(write_in_file)
    return Response({"message": "Email sent"}, background=background_tasks)


app = Ravyn(
    routes=[
        Gateway(handler=handler_with_one_task),
        Gateway(handler=handler_with_list),
        Gateway(handler=response_with_one_task),
        Gateway(handler=response_with_list),
        Gateway(handler=register),
    ]
)
