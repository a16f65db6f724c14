"""Celery: calls sent to real workers, over the filesystem and over Redis."""

import functools
import os
import signal
import socket
import time
import warnings
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from celery import Celery, Task
from kombu.exceptions import EncodeError, OperationalError

from bgtasks import BackgroundTask, BackgroundTasks
from bgtasks.celery import celery_runner

from . import jobs
from .celery_app import BROKER, make_app
from .processes import RedisServer, Reports, kill_group, listening, running

pytestmark = [
    pytest.mark.anyio,
    # Celery's own: its filesystem transport reads files that it does not close.
    pytest.mark.filterwarnings("default::ResourceWarning"),
]


class Brokers:
    """A broker that can be taken away, and comes back with what it had."""

    def __init__(self, folder: Path, redis: RedisServer | None) -> None:
        self.folder = folder
        self.redis = redis
        self.address = str(folder) if redis is None else redis.url
        (folder / "messages").mkdir()

    def stop(self) -> None:
        if self.redis is not None:
            self.redis.stop()
        else:
            (self.folder / "messages").rename(self.folder / "away")

    def start(self) -> None:
        if self.redis is not None:
            self.redis.start()
        else:
            (self.folder / "away").rename(self.folder / "messages")


@pytest.fixture(params=["filesystem", "redis"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Brokers:
    redis = request.getfixturevalue("redis") if request.param == "redis" else None
    return Brokers(tmp_path, redis)


@pytest.fixture
def app(broker: Brokers) -> Iterator[Celery]:
    app = make_app(broker.address)
    with app:
        yield app


@pytest.fixture
def app_without_broker() -> Celery:
    return make_app("redis://127.0.0.1:1/0")


def worker(broker: Brokers, *options: str, log: str = "worker.log") -> Any:
    """Run a Celery worker; what it is sent before it is ready, it gets."""
    return running(
        *("celery", "-A", "tests.integrations.celery_app", "worker"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        *("--concurrency=1", *options),
        log=broker.folder / log,
        environment={BROKER: broker.address, "TMPDIR": str(broker.folder)},
    )
