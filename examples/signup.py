"""A sign-up that responds at once, and does the slow work after the response.

    python -m examples.signup
    curl -d '{"name": "Ada", "email": "ada@example.org"}' http://127.0.0.1:8000/signup

It needs bgtasks, starlette and uvicorn.
"""

import http.client
import json
import logging
import os
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from uuid import uuid4

import anyio
import uvicorn
from starlette import background
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bgtasks import BackgroundTask, BackgroundTasks

FOLDER = Path(os.environ.get("SIGNUP_FOLDER", "signup-data"))
CRM = os.environ.get("SIGNUP_CRM", "127.0.0.1:8100")

EMAIL_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
EXPECTED = '{"name": "Ada", "email": "ada@example.org"}'

Runner = Callable[[BackgroundTask], Awaitable[None]]

log = logging.getLogger("signup")


async def send_welcome_email(email: str, *, name: str) -> None:
    message = EmailMessage()
    message["To"] = email
    message["Subject"] = "Welcome"
    message.set_content(f"Hello {name}, you have signed up.")
    outbox = anyio.Path(FOLDER, "outbox")
    await outbox.mkdir(parents=True, exist_ok=True)
    await anyio.sleep(0.05)  # as long as a mail server may take
    await (outbox / f"{uuid4()}.eml").write_bytes(bytes(message))


def notify_crm(email: str) -> None:
    crm = http.client.HTTPConnection(CRM, timeout=5)
    try:
        crm.request("POST", "/contacts", json.dumps({"email": email}))
        status = crm.getresponse().status
    finally:
        crm.close()
    if status >= http.HTTPStatus.BAD_REQUEST:
        msg = f"the CRM did not take the contact: it answered {status}"
        raise RuntimeError(msg)


def append_to_audit_log(email: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "audit.log").open("a", encoding="utf-8") as audit_log:
        audit_log.write(f"{datetime.now(UTC).isoformat()} {email} signed up\n")
        audit_log.flush()
        os.fsync(audit_log.fileno())


async def run_logged(task: BackgroundTask) -> None:
    # Not repr(task): the arguments are personal data, and must not be in the log.
    log.info("%s started", task.name)
    try:
        await task()
    finally:
        log.info("%s ended", task.name)


def report(task: BackgroundTask, exc: Exception) -> None:
    log.error("%s failed", task.name, exc_info=exc)


def refuse(reason: str) -> JSONResponse:
    return JSONResponse({"error": f"{reason}: send {EXPECTED}"}, status_code=400)


async def sign_up(request: Request, runner: Runner = run_logged) -> Response:
    try:
        body = await request.json()
    except ValueError:
        return refuse("the body is not JSON")
    match body:
        case {"name": str(name), "email": str(email)}:
            if not EMAIL_ADDRESS.fullmatch(email):
                return refuse("the email is not an address")
        case _:
            return refuse("a name and an email are needed, both strings")

    tasks = BackgroundTasks(on_error=report, runner=runner)
    tasks.add_task(send_welcome_email, email, name=name)
    tasks.add_task(notify_crm, email)
    tasks.add_task(append_to_audit_log, email)
    return JSONResponse(
        {"message": "You have signed up"},
        status_code=202,
        # `tasks` itself would work at run time, but Starlette's type is its own class.
        background=background.BackgroundTask(tasks),
    )


app = Starlette(routes=[Route("/signup", sign_up, methods=["POST"])])

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    uvicorn.run(app)
