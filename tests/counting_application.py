"""An application that counts its background tasks, for the load tests."""

import json
import resource
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from .subject import BackgroundTasks

lock = threading.Lock()
counted = 0


def count() -> None:
    global counted  # noqa: PLW0603
    with lock:
        counted += 1


async def app(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[Any]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Answer, then run three plain tasks; ``/count`` says what has been counted."""
    counts = scope["path"] == "/count"
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    body = (
        json.dumps({"counted": counted, "memory": memory}).encode() if counts else b""
    )
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": body})
    if not counts:
        tasks = BackgroundTasks()
        for _ in range(3):
            tasks.add_task(count)
        await tasks()
