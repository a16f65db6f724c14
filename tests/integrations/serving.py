"""An application on a real server, and what its tasks have left when it has stopped."""

import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import uvicorn


@contextmanager
def serving(app: Any) -> Generator[httpx.Client]:
    """Serve ``app``, and stop the server when all tasks have ended."""
    config = uvicorn.Config(app, log_config=None, ws="none")
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # a client that comes before the server waits in the queue
        port = listener.getsockname()[1]
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()


def log_lines() -> list[str]:
    """Return what the tasks of an example wrote, in the current directory."""
    log = Path("log.txt")
    return log.read_text("utf-8").splitlines() if log.exists() else []


async def get(app: Any, path: str = "/", *, raises: bool = True) -> httpx.Response:
    """Request ``path`` without a server, and return when the tasks have ended too."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=raises)
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        return await client.get(path)


async def connect_websocket(app: Any, *texts: str) -> None:
    """Let ``app`` handle a WebSocket that sends it ``texts``, and then hangs up."""
    received: list[dict[str, Any]] = [
        {"type": "websocket.connect"},
        *({"type": "websocket.receive", "text": text} for text in texts),
        {"type": "websocket.disconnect", "code": 1000},
    ]

    async def receive() -> dict[str, Any]:
        return received.pop(0)

    async def send(_: object) -> None: ...

    scope: dict[str, Any] = {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": "/",
        "raw_path": b"/",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"app")],
        "subprotocols": (),
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 40000),
    }
    await app(scope, receive, send)
