"""What a client sees, from a process of its own, over the loopback interface."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from statistics import quantiles
from time import perf_counter

from .measures import Row

CONNECTIONS = 16
LIBRARIES = ["bgtasks", "Starlette"]


@contextmanager
def serving() -> Generator[int]:
    """Serve the application by uvicorn, and yield its port."""
    command = [sys.executable, "-m", "uvicorn", "benchmarks.application:app"]
    options = ["--port", "0", "--no-access-log", "--loop", "asyncio"]
    server = subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True)
    try:
        port = 0
        for line in server.stderr or ():
            if address := re.search(r"running on http://127\.0\.0\.1:(\d+)", line):
                port = int(address[1])
                break
        yield port
    finally:
        server.terminate()
        server.communicate()


class Client:
    """One connection, kept alive."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.reader = reader
        self.writer = writer

    async def get(self, path: str) -> float:
        """Return how long the answer took, in milliseconds."""
        start = perf_counter()
        self.writer.write(f"GET {path} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
        await self.reader.readuntil(b"\r\n\r\nok")
        return (perf_counter() - start) * 1e3


async def clients(port: int, number: int) -> list[Client]:
    return [
        Client(*await asyncio.open_connection("127.0.0.1", port)) for _ in range(number)
    ]


async def load(
    clients: list[Client], path: str, seconds: float
) -> tuple[float, list[float]]:
    latencies: list[float] = []

    async def go_on(client: Client) -> None:
        while perf_counter() < end:
            latencies.append(await client.get(path))

    start = perf_counter()
    end = start + seconds
    await asyncio.gather(*map(go_on, clients))
    # A response does not wait for its tasks, and a queue of them would be paid for by
    # whoever is measured next.
    number = len(latencies)
    await clients[0].get("/ended")
    return number / (perf_counter() - start), latencies


async def three_tasks(port: int, rounds: int, seconds: float) -> list[Row]:
    name = "endpoint that adds 3 short sync tasks"
    rate = Row(f"{name}: rate, tasks included", "requests/s", better="more")
    middle = Row(f"{name}: median latency", "ms")
    slow = Row(f"{name}: 99th percentile of latency", "ms")
    connected = await clients(port, CONNECTIONS)
    for number in range(rounds + 1):
        for library in LIBRARIES if number % 2 else reversed(LIBRARIES):
            per_second, latencies = await load(connected, f"/three/{library}", seconds)
            if number:  # the first warms up
                hundredths = quantiles(latencies, n=100)
                rate.note(library, per_second)
                middle.note(library, hundredths[49])
                slow.note(library, hundredths[98])
    for client in connected:
        client.writer.close()
    return [rate, middle, slow]


async def sync_endpoint(port: int, rounds: int) -> Row:
    row = Row("sync endpoint while 40 slow sync tasks run: latency", "ms")
    others = await clients(port, 40)
    (client,) = await clients(port, 1)
    for number in range(rounds):
        for library in LIBRARIES if number % 2 else reversed(LIBRARIES):
            await asyncio.gather(*(other.get(f"/slow/{library}") for other in others))
            row.note(library, await client.get("/sync"))
            await asyncio.sleep(0.7)  # until the slow tasks have ended
    for each in (client, *others):
        each.writer.close()
    return row


def end_to_end(rounds: int, seconds: float) -> list[Row]:
    async def main(port: int) -> list[Row]:
        rows = await three_tasks(port, rounds, seconds)
        return [*rows, await sync_endpoint(port, rounds)]

    with serving() as port:
        return asyncio.run(main(port))
