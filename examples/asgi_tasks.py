"""Background tasks in Quart, as in any other ASGI framework, by a middleware.

hypercorn examples.asgi_tasks:app
curl -d 'email=ada@example.org' http://127.0.0.1:8000/signup
"""

from pathlib import Path

from quart import Quart, request

from bgtasks.asgi import BackgroundTasksMiddleware, current_tasks

quart = Quart(__name__)


def write_log(line: str) -> None:
    with Path("log.txt").open("a", encoding="utf-8") as log:
        log.write(f"{line}\n")


async def send_welcome_email(email: str) -> None:
    write_log(f"welcome to {email}")


def audit(line: str) -> None:
    """Add a task from any function of a request, without passing the request to it."""
    current_tasks().add_task(write_log, line)


@quart.post("/signup")
async def sign_up() -> dict[str, str]:
    email: str = (await request.get_json())["email"]
    current_tasks().add_task(send_welcome_email, email)
    audit(f"{email} signed up")
    return {"status": "Signup successful"}


app = BackgroundTasksMiddleware(quart)
