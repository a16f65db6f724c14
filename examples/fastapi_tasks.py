"""FastAPI's own examples of background tasks, with one import changed.

    uvicorn examples.fastapi_tasks:app
    curl -X POST 'http://127.0.0.1:8000/send-notification/ada@example.org?q=hello'

See https://fastapi.tiangolo.com/tutorial/background-tasks/.
"""

import logging
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI
from fastapi.responses import JSONResponse

from bgtasks import BackgroundTask
from bgtasks.fastapi import BackgroundTasks, background_tasks

app = FastAPI()


def write_log(message: str) -> None:
    with Path("log.txt").open("a", encoding="utf-8") as log:
        log.write(message)


def write_notification(email: str, message: str = "") -> None:
    write_log(f"notification for {email}: {message}\n")


@app.post("/send-simple-notification/{email}")
async def send_simple_notification(
    email: str, background_tasks: BackgroundTasks
) -> dict[str, str]:
    background_tasks.add_task(write_notification, email, message="some notification")
    return {"message": "Notification sent in the background"}


def get_query(background_tasks: BackgroundTasks, q: str | None = None) -> str | None:
    if q:
        message = f"found query: {q}\n"
        background_tasks.add_task(write_log, message)
    return q


@app.post("/send-notification/{email}")
async def send_notification(
    email: str,
    background_tasks: BackgroundTasks,
    q: Annotated[str | None, Depends(get_query)],
) -> dict[str, str]:
    message = f"message to {email}, about {q or 'nothing'}\n"
    background_tasks.add_task(write_log, message)
    return {"message": "Message sent"}


@app.post("/send-own-response/{email}")
async def send_own_response(email: str, tasks: BackgroundTasks) -> JSONResponse:
    tasks.add_task(write_notification, email, message="own response")
    return JSONResponse({"message": "Message sent"}, background=tasks)


def log_failure(task: BackgroundTask, exc: Exception) -> None:
    logging.getLogger("tasks").error("%s failed", task.name, exc_info=exc)


LoggedTasks = Annotated[
    BackgroundTasks, Depends(background_tasks(on_error=log_failure))
]


def fail() -> None:
    msg = "the mail server is away"
    raise ConnectionError(msg)


@app.post("/send-and-go-on/{email}")
async def send_and_go_on(email: str, tasks: LoggedTasks) -> dict[str, str]:
    tasks.add_task(fail)
    tasks.add_task(write_notification, email, message="after a failure")
    return {"message": "Message sent"}
