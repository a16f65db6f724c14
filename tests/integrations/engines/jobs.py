"""What the tests have done by workers: each call reports itself to the test."""

import asyncio
import functools
import json
import os
import socket
from collections.abc import Sequence
from typing import Any

REPORT_TO = "BGTASKS_TESTS_REPORT_TO"  # the test's address, in the environment


def report(function: str, /, *args: object, **kwargs: object) -> None:
    """Report a call, and return when the test has taken note of it."""
    host, port = os.environ[REPORT_TO].split(":")
    call = {"name": function, "args": args, "kwargs": kwargs, "pid": os.getpid()}
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"{json.dumps(call)}\n".encode())
        connection.recv(1)


def send_email(
    to: str, copies: Sequence[str] = (), /, *, subject: str, urgent: bool = False
) -> None:
    report("send_email", to, copies, subject=subject, urgent=urgent)


def resize(path: str, width: int = 100) -> None:
    report("resize", path, width)


def count(number: int) -> None:
    report("count", number)


def print_safely(page: str) -> None:
    report("print_safely", page)


def print_once(page: str) -> None:
    report("print_once", page)


async def send_async(to: str, *, subject: str) -> None:
    report("send_async", to, subject=subject)


async def send_awaited(to: str, *, subject: str) -> None:
    report("send_awaited", to, subject=subject)


@functools.wraps(send_async)
def bridged(*args: Any, **kwargs: Any) -> None:
    """Run an async function, as asgiref's ``async_to_sync`` does."""
    asyncio.run(send_async(*args, **kwargs))


def archive(letter: object) -> None:
    report("archive")
