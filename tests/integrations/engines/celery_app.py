"""The Celery application of the tests: ``make_app``, and ``app`` for the workers."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false

import asyncio
import os
from functools import partial
from pathlib import Path
from typing import Any

from celery import Celery, Task

from . import arrivals, jobs

BROKER = "BGTASKS_TESTS_BROKER"  # its address, in the environment


class AwaitingTask(Task):
    """A task that does what a Celery worker does not, and says so."""

    awaits = True

    def __call__(self, *args: object, **kwargs: object) -> object:
        coroutine: Any = self.run(*args, **kwargs)
        return asyncio.run(coroutine)


def options_of(broker: str) -> dict[str, object]:
    if broker.startswith("redis:"):
        return {
            "broker_url": broker,
            "broker_transport_options": {
                "max_retries": 0,  # of connecting
                # A message that is not acknowledged for so long is delivered again; it
                # is looked for so often.
                "visibility_timeout": 2,
                "unacked_restore_interval": 1,
                "unacked_restore_throttle": 1,
            },
        }
    folder = Path(broker)
    return {
        "broker_url": "filesystem://",
        "broker_transport_options": {
            "data_folder_in": str(folder / "messages"),
            "data_folder_out": str(folder / "messages"),
            "control_folder": str(folder / "control"),
            "polling_interval": 0.1,
        },
    }


def make_app(broker: str) -> Celery:
    app = Celery("tests", set_as_current=False)
    app.conf.update(
        options_of(broker),
        broker_connection_retry_on_startup=True,
        worker_lost_wait=1,  # seconds until a process that was killed counts as lost
    )
    register(app)
    return app


def register(app: Celery) -> None:
    # Not shared, as by default, with all other applications of this process.
    task: partial[object] = partial(app.task, shared=False)
    task(jobs.send_email)
    task(jobs.resize, name="pictures.resize")
    task(jobs.count)
    task(jobs.print_safely, acks_late=True, reject_on_worker_lost=True)
    task(jobs.print_once)
    task(jobs.send_async)
    task(jobs.send_awaited, base=AwaitingTask)
    task(jobs.bridged, name="bridged")
    for number, _ in enumerate(arrivals.rows()):
        task(arrivals.taking(number), name=f"take {number}")
    task(jobs.archive)


if BROKER in os.environ:
    app = make_app(os.environ[BROKER])
