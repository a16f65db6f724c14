"""What the tests have done by workers: each call reports itself to the test."""

import asyncio
import functools
from collections.abc import Sequence
from typing import Any

from tests.integrations.reporting import report


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
