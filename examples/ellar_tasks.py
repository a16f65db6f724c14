"""Ellar's own examples of background tasks, with one import changed.

    uvicorn examples.ellar_tasks:app
    curl -X POST 'http://127.0.0.1:8000/background-test/signup?email=ada@example.org'

See https://python-ellar.github.io/ellar/techniques/background-task/.
"""

# What Ellar decorates with has no complete types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUntypedFunctionDecorator=false

from pathlib import Path

from ellar.app import AppFactory
from ellar.common import Inject, ModuleRouter, Response

from bgtasks.ellar import BackgroundTask, BackgroundTasks

router = ModuleRouter("/background-test")


def another_background_task(parameter: str) -> None:
    with Path("log.txt").open("a", encoding="utf-8") as log:
        log.write(f"{parameter}\n")


async def send_welcome_email(email: str) -> None:
    another_background_task(f"Welcome, {email}")


@router.post("/signup-with-response")
def sign_up_with_response(email: str, res: Response) -> dict[str, str]:
    res.background = BackgroundTask(send_welcome_email, email=email)
    return {"status": "Signup successful"}


@router.post("/signup")
def sign_up(email: str, tasks: BackgroundTasks) -> dict[str, str]:
    tasks.add_task(send_welcome_email, email=email)
    tasks.add_task(another_background_task, "another_background_task parameter")
    return {"status": "Signup successful"}


@router.post("/signup-with-inject")
def sign_up_with_inject(
    email: str, the_tasks: Inject[BackgroundTasks]
) -> dict[str, str]:
    the_tasks.add_task(send_welcome_email, email=email)
    return {"status": "Signup successful"}


app = AppFactory.create_app(routers=[router])
