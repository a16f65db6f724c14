"""The limiter of the worker threads for plain functions."""

from typing import assert_type

import anyio

from bgtasks import current_thread_limiter

DOCUMENTS = "bgtasks.current_thread_limiter"


async def at_start_up() -> None:
    """Change the limit in the event loop: in a lifespan, for example."""
    limiter = current_thread_limiter()
    assert_type(limiter, anyio.CapacityLimiter)
    limiter.total_tokens = 100
    limiter.total_tokens = "100"  # E: it is a number


async def not_awaited() -> None:
    """It is a plain function without arguments."""
    await current_thread_limiter()  # E: a limiter cannot be awaited
    current_thread_limiter(100)  # E: set `total_tokens`
