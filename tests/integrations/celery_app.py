"""The Celery application of the tests: ``make_app``, and ``app`` for the workers."""

import os
from pathlib import Path

from celery import Celery
from typing_extensions import override

from . import jobs

BROKER = "BGTASKS_TESTS_BROKER"


def broker_options(broker: str) -> dict[str, object]:
    if broker.startswith("redis:"):
        return {
            "broker_url": broker,
            "broker_transport_options": {
                # When the worker that has a message is dead, another gets it, if it has
                # not been acknowledged for so long, which is looked up so often.
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
        broker_options(broker),
        broker_connection_retry_on_startup=True,
        worker_lost_wait=1,  # seconds until a killed process counts as lost
    )
    app.task(jobs.send_email)
    app.task(jobs.resize, name="pictures.resize")
    app.task(jobs.count)
    app.task(jobs.hold, acks_late=True, reject_on_worker_lost=True)
    app.task(jobs.send_async)
    return app


if BROKER in os.environ:
    app = make_app(os.environ[BROKER])
