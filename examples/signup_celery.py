"""The sign-up application, with its tasks run by Celery: one line is different.

    celery -A examples.signup_celery worker
    python -m examples.signup_celery
    curl -d '{"name": "Ada", "email": "ada@example.org"}' http://127.0.0.1:8000/signup

The tasks wait in files, or in Redis if ``REDIS_URL`` is set. It needs bgtasks, celery,
starlette and uvicorn; and redis for Redis.
"""

# Celery has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import logging
import os
from functools import partial

import anyio
import uvicorn
from celery import Celery, Task
from starlette.applications import Starlette
from starlette.routing import Route

from bgtasks import BackgroundTask
from bgtasks.celery import celery_runner

from . import signup


class LoggedTask(Task):
    """Runs each task in the worker by the runner that `signup` uses.

    It awaits async functions too, which Celery does not.
    """

    awaits = True  # celery_runner looks at this

    def __call__(self, *args: object, **kwargs: object) -> None:
        """Run the task."""
        anyio.run(signup.run_logged, BackgroundTask(self.run, *args, **kwargs))


celery = Celery("signup", task_cls=LoggedTask)
celery.conf.update(broker_connection_retry_on_startup=True)
if "REDIS_URL" in os.environ:
    celery.conf.update(broker_url=os.environ["REDIS_URL"])
else:
    queue = signup.FOLDER / "queue"
    queue.mkdir(parents=True, exist_ok=True)
    celery.conf.update(
        broker_url="filesystem://",
        broker_transport_options={
            "data_folder_in": str(queue),
            "data_folder_out": str(queue),
            "control_folder": str(queue / "control"),
            "polling_interval": 0.1,
        },
    )

celery.task(signup.send_welcome_email)
celery.task(signup.notify_crm)
celery.task(signup.append_to_audit_log)

# This is the different line. Without Celery it is: sign_up = signup.sign_up
sign_up = partial(signup.sign_up, runner=celery_runner(celery))

app = Starlette(routes=[Route("/signup", sign_up, methods=["POST"])])

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    uvicorn.run(app)
