"""An application for the tests of real servers: its tasks wait at a gate of the client.

Its paths are /how tasks are added/what is returned/what the task does/port of the gate:
a task reports to the gate, and waits there to be let through.
"""

import socket
from collections.abc import AsyncIterator

import anyio
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from bgtasks import BackgroundTasks as AnyTasks
from bgtasks import asgi, fastapi, starlette


async def block_event_loop(who: str, port: int) -> None:
    """Wait at the gate in such a way that nothing else can run in this process."""
    with socket.create_connection(("127.0.0.1", port)) as gate:
        gate.sendall(f"{who}\n".encode())
        gate.recv(1)
        gate.sendall(b"passed\n")


async def wait(who: str, port: int) -> None:
    async with await anyio.connect_tcp("127.0.0.1", port) as gate:
        await gate.send(f"{who}\n".encode())
        await gate.receive(1)
        await gate.send(b"passed\n")


def wait_in_thread(who: str, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as gate:
        gate.sendall(f"{who}\n".encode())
        gate.recv(1)
        gate.sendall(b"passed\n")


async def stream(gate: int, *, held: bool) -> AsyncIterator[str]:
    yield "first "
    if held:
        await wait("stream", gate)
    yield "last"


async def respond(what: str, gate: int) -> Response:
    match what:
        case "stream" | "held-stream":
            return StreamingResponse(stream(gate, held=what == "held-stream"))
        case "held":
            await wait("endpoint", gate)
        case _:
            pass
    return PlainTextResponse("first last")


def add_task(tasks: AnyTasks, does: str, gate: int) -> None:
    match does:
        case "block":
            tasks.add_task(block_event_loop, "task", gate)
        case "wait":
            tasks.add_task(wait, "task", gate)
        case "thread":
            tasks.add_task(wait_in_thread, "task", gate)
        case _:
            pass


async def with_response(request: Request) -> Response:
    path = request.path_params
    response = await respond(path["what"], path["gate"])
    tasks = starlette.BackgroundTasks()
    add_task(tasks, path["does"], path["gate"])
    response.background = tasks
    return response


async def with_middleware(request: Request) -> Response:
    path = request.path_params
    add_task(asgi.current_tasks(), path["does"], path["gate"])
    return await respond(path["what"], path["gate"])


async def with_websocket(websocket: WebSocket) -> None:
    await websocket.accept()
    add_task(asgi.current_tasks(), "block", websocket.path_params["gate"])
    await websocket.close()


api = FastAPI()


@api.get("/{what}/{does}/{gate}")
async def with_injection(
    what: str, does: str, gate: int, tasks: fastapi.BackgroundTasks
) -> Response:
    add_task(tasks, does, gate)
    return await respond(what, gate)


app = asgi.BackgroundTasksMiddleware(
    Starlette(
        routes=[
            Route("/starlette/{what}/{does}/{gate:int}", with_response),
            Route("/asgi/{what}/{does}/{gate:int}", with_middleware),
            WebSocketRoute("/websocket/{gate:int}", with_websocket),
            Mount("/fastapi", api),
        ]
    )
)
