"""uvicorn, hypercorn and granian, seen by a client over a socket.

No clock is read. A task reports to a gate of the client, and waits there: what the
client has received by then, it has received before the task ended, and if the task lets
nothing else run in the server's process, before the task began.
"""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Self

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Event, Request

from tests.project import ROOT

PATIENCE = 10  # seconds until a server that does not answer is given up
PAUSE = 0.02  # between two looks at whether a server listens: it tells nobody
SERVERS = {
    "uvicorn": ["uvicorn", "--host=127.0.0.1", "--log-level=warning"],
    # Its own limit, 3 seconds, would only make the tests wait longer.
    "hypercorn": ["hypercorn", "--graceful-timeout=1"],
    "granian": ["granian", "--interface=asgi", "--log-level=warning"],
}
WAYS = ["starlette", "fastapi", "asgi"]


class Waiting:
    """One that waits at the gate."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.connection.settimeout(PATIENCE)
        self.lines = connection.makefile()
        self.name = self.lines.readline().rstrip()

    def let_through(self) -> bool:
        """Say whether it got through: if it was cancelled, it did not."""
        try:
            self.connection.sendall(b"!")
            return self.lines.readline() == "passed\n"
        except ConnectionError:
            return False

    def close(self) -> None:
        self.lines.close()
        self.connection.close()


class Gate:
    """Where the tasks of the server report, and wait to be let through."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(PATIENCE)
        self.port: int = self.listener.getsockname()[1]
        self.arrivals = ExitStack()

    def arrival(self, who: str) -> Waiting:
        """Wait for one that reports, and check that it is ``who``."""
        connection, _ = self.listener.accept()
        waiting = self.arrivals.enter_context(closing(Waiting(connection)))
        assert waiting.name == who
        return waiting

    def close(self) -> None:
        self.arrivals.close()
        self.listener.close()


class Client:
    """A keep-alive connection."""

    def __init__(self, port: int) -> None:
        self.connection = socket.create_connection(("127.0.0.1", port))
        self.connection.settimeout(PATIENCE)
        self.received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def request(self, path: str) -> None:
        self.connection.sendall(f"GET {path} HTTP/1.1\r\nHost: app\r\n\r\n".encode())

    def read_until(self, end: bytes) -> None:
        while end not in self.received:
            received = self.connection.recv(65536)
            if not received:
                pytest.fail(f"no {end!r} in {self.received!r}")
            self.received += received
        self.received = self.received.partition(end)[2]

    def get(self, path: str) -> None:
        """Request ``path``, and return as soon as the last byte is there."""
        self.request(path)
        self.read_until(b"HTTP/1.1 200")
        self.read_until(b"0\r\n\r\n" if "stream" in path else b"first last")


class Server:
    """A server's process."""

    def __init__(self, name: str) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            self.port: int = free.getsockname()[1]
        self.name = name
        bind = (
            [f"--bind=127.0.0.1:{self.port}"]
            if name == "hypercorn"
            else [f"--port={self.port}"]
        )
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", *SERVERS[name], *bind),
                "tests.integrations.served_application:app",
            ],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not self.listens():
            assert self.process.poll() is None
            time.sleep(PAUSE)

    def listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
        except ConnectionError:
            return False
        return True

    def shut_down(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def close(self) -> None:
        self.shut_down()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def gate() -> Iterator[Gate]:
    with closing(Gate()) as gate:
        yield gate


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with closing(Server(request.param)) as server:
        yield server


@pytest.mark.parametrize("what", ["plain", "stream"])
@pytest.mark.parametrize("way", WAYS)
def test_last_byte_arrives_before_the_first_task_starts(
    way: str, what: str, server: Server, gate: Gate
) -> None:
    with Client(server.port) as client:
        client.get(f"/{way}/{what}/block/{gate.port}")

        assert gate.arrival("task").let_through()


def test_websocket_is_closed_before_the_first_task_starts(
    server: Server, gate: Gate
) -> None:
    websocket = WSConnection(ConnectionType.CLIENT)
    with Client(server.port) as client:
        client.connection.sendall(
            websocket.send(Request(host="app", target=f"/websocket/{gate.port}"))
        )
        events: list[Event] = []
        while not any(isinstance(event, CloseConnection) for event in events):
            websocket.receive_data(client.connection.recv(65536) or None)
            events += websocket.events()
        client.connection.sendall(websocket.send(CloseConnection(code=1000)))

        accepted, closed = events
        assert isinstance(accepted, AcceptConnection)
        assert isinstance(closed, CloseConnection)
        assert closed.code == 1000
        assert gate.arrival("task").let_through()


@pytest.mark.parametrize("does", ["wait", "thread"])
@pytest.mark.parametrize("way", WAYS)
def test_second_request_of_a_connection_is_answered_while_a_task_runs(
    way: str, does: str, server: Server, gate: Gate
) -> None:
    with Client(server.port) as client:
        client.get(f"/{way}/plain/{does}/{gate.port}")
        task = gate.arrival("task")

        client.get(f"/{way}/plain/nothing/{gate.port}")

        assert task.let_through()


@pytest.mark.parametrize("way", WAYS)
def test_tasks_run_though_the_client_went_away_before_the_response(
    way: str, server: Server, gate: Gate
) -> None:
    with Client(server.port) as client:
        client.request(f"/{way}/held/wait/{gate.port}")
        endpoint = gate.arrival("endpoint")
    assert endpoint.let_through()

    assert gate.arrival("task").let_through()


@pytest.mark.parametrize("way", WAYS)
def test_tasks_run_though_the_client_went_away_during_a_stream(
    way: str, server: Server, gate: Gate
) -> None:
    with Client(server.port) as client:
        client.request(f"/{way}/held-stream/wait/{gate.port}")
        client.read_until(b"first ")
        stream = gate.arrival("stream")
    stream.let_through()  # or the server has stopped the stream: either may be first

    assert gate.arrival("task").let_through()


@pytest.mark.parametrize(
    ("name", "does"),
    [("uvicorn", "wait"), ("uvicorn", "thread"), ("granian", "thread")],
)
def test_server_waits_for_a_task_before_it_ends(
    name: str, does: str, gate: Gate
) -> None:
    with closing(Server(name)) as server, Client(server.port) as client:
        client.get(f"/starlette/plain/{does}/{gate.port}")
        task = gate.arrival("task")
        server.shut_down()
        while server.listens():
            time.sleep(PAUSE)

        assert task.let_through()


@pytest.mark.parametrize("name", ["hypercorn", "granian"])
def test_server_ends_before_an_async_task_does(name: str, gate: Gate) -> None:
    with closing(Server(name)) as server, Client(server.port) as client:
        client.get(f"/starlette/plain/wait/{gate.port}")
        task = gate.arrival("task")
        server.shut_down()
        server.process.wait(PATIENCE)

        assert not task.let_through()


def test_hypercorn_waits_for_a_plain_function_though_it_cancels_async_tasks(
    gate: Gate,
) -> None:
    with closing(Server("hypercorn")) as server, Client(server.port) as client:
        client.get(f"/starlette/plain/wait/{gate.port}")
        cancelled = gate.arrival("task")
        client.get(f"/starlette/plain/thread/{gate.port}")
        task = gate.arrival("task")
        server.shut_down()
        assert cancelled.lines.read() == ""

        assert task.let_through()
