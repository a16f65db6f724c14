"""A pool under uvicorn, hypercorn and granian, with the signals that end them."""

import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from .processes import PATIENCE, running, wait_for

TASKS = range(100)
# Time enough for the requests themselves; hypercorn's own would let the tests wait.
SERVERS = {
    "uvicorn": ["uvicorn", "--port={port}"],
    "hypercorn": ["hypercorn", "--bind=127.0.0.1:{port}", "--graceful-timeout=1"],
    "granian": ["granian", "--interface=asgi", "--port={port}"],
}
APPS = ["starlette", "fastapi", "litestar", "lilya", "asgi"]


class Served:
    """A server with an application of tests.integrations.pooled."""

    def __init__(
        self, process: subprocess.Popen[bytes], port: int, folder: Path
    ) -> None:
        self.process = process
        self.port = port
        self.folder = folder

    def hand_over(self) -> None:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        for number in TASKS:
            connection.request("GET", f"/{number}")
            response = connection.getresponse()
            assert response.status == 200
            assert b"accepted" in response.read()
        connection.close()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait_until(self, what: str) -> None:
        wait_for(f" {what}\n", self.folder / "record", self.process)

    def let_tasks_end(self) -> None:
        (self.folder / "go").touch()

    def lines(self) -> list[list[str]]:
        record = (self.folder / "record").read_text("utf-8")
        return [line.split() for line in record.splitlines()]

    def outcomes(self) -> Counter[tuple[str, int]]:
        """Wait until the process has ended, and return what became of each task."""
        self.process.wait(PATIENCE)
        return Counter(
            (words[1], int(words[2])) for words in self.lines() if len(words) > 2
        )

    def outcomes_of_a_drain_cut_short(self) -> Counter[tuple[str, int]]:
        """Wait until the last task is reported; each must have been, once."""
        wait_for(f"reported {TASKS[-1]} ", self.folder / "record", self.process)
        self.let_tasks_end()  # the plain functions, which cannot be stopped
        outcomes = self.outcomes()
        told = Counter({key: n for key, n in outcomes.items() if key[0] == "reported"})
        assert told == Counter({("reported", number): 1 for number in TASKS})
        return outcomes

    def seconds_to_leave(self) -> float:
        times = {words[1]: float(words[0]) for words in self.lines()}
        return times["left"] - times["leaving"]


@contextmanager
def serving(
    server: str, app: str, folder: Path, port: int, *options: str, drain: float = 60
) -> Generator[Served]:
    (folder / "record").touch()
    with running(
        *(option.format(port=port) for option in SERVERS[server]),
        *options,
        f"tests.integrations.pooled.in_{app}:app",
        log=folder / "log",
        environment={"POOLED_FOLDER": str(folder), "POOLED_DRAIN": str(drain)},
    ) as process:
        served = Served(process, port, folder)
        served.wait_until("entered")
        wait_until_it_listens(port)
        yield served


def wait_until_it_listens(port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionError:
            time.sleep(0.02)
        else:
            return
    pytest.fail("the server does not listen")


ALL_ENDED = Counter({("ended", number): 1 for number in TASKS})


@pytest.mark.parametrize("app", APPS)
@pytest.mark.parametrize("server", SERVERS)
def test_all_tasks_end_before_the_process_does(
    server: str, app: str, tmp_path: Path, free_tcp_port: int
) -> None:
    with serving(server, app, tmp_path, free_tcp_port) as served:
        served.hand_over()
        served.signal(signal.SIGTERM)
        served.wait_until("leaving")
        served.let_tasks_end()

        assert served.outcomes() == ALL_ENDED


@pytest.mark.parametrize("server", SERVERS)
def test_tasks_that_do_not_end_in_time_are_reported_each_once(
    server: str, tmp_path: Path, free_tcp_port: int
) -> None:
    with serving(server, "starlette", tmp_path, free_tcp_port, drain=0.5) as served:
        served.hand_over()
        served.signal(signal.SIGTERM)

        outcomes = served.outcomes_of_a_drain_cut_short()

    # Plain functions that were running have ended, nobody can stop them: but no others.
    ended = [number for what, number in outcomes if what == "ended"]
    assert all(number % 2 for number in ended)
    assert len(ended) <= 30
    # Half a second of it is the drain.
    assert served.seconds_to_leave() < 1.5


@pytest.mark.parametrize("server", SERVERS)
def test_second_interrupt_does_not_cut_the_drain_short(
    server: str, tmp_path: Path, free_tcp_port: int
) -> None:
    with serving(server, "starlette", tmp_path, free_tcp_port) as served:
        served.hand_over()
        served.signal(signal.SIGINT)
        served.wait_until("leaving")
        served.signal(signal.SIGINT)
        served.let_tasks_end()

        assert served.outcomes() == ALL_ENDED


def test_uvicorn_that_is_forced_to_quit_has_each_task_reported(
    tmp_path: Path, free_tcp_port: int
) -> None:
    with serving("uvicorn", "starlette", tmp_path, free_tcp_port) as served:
        served.hand_over()
        with socket.create_connection(("127.0.0.1", served.port)) as waiting:
            waiting.sendall(b"GET /endless HTTP/1.1\r\nHost: app\r\n\r\n")
            served.wait_until("endless")
            served.signal(signal.SIGINT)
            wait_for("CTRL+C to force quit", tmp_path / "log", served.process)
            served.signal(signal.SIGINT)

            served.outcomes_of_a_drain_cut_short()


# The servers' own limits


def test_limit_of_uvicorn_is_for_requests_and_not_for_the_pool(
    tmp_path: Path, free_tcp_port: int
) -> None:
    options = ["--timeout-graceful-shutdown=1"]
    with serving("uvicorn", "starlette", tmp_path, free_tcp_port, *options) as served:
        served.hand_over()
        with socket.create_connection(("127.0.0.1", served.port)) as waiting:
            waiting.sendall(b"GET /endless HTTP/1.1\r\nHost: app\r\n\r\n")
            served.wait_until("endless")
            served.signal(signal.SIGTERM)
            served.wait_until("leaving")  # the limit is over by now
            served.let_tasks_end()

            assert served.outcomes() == ALL_ENDED


def test_limit_of_hypercorn_cuts_the_drain_short_and_each_task_is_reported(
    tmp_path: Path,
    free_tcp_port: int,
) -> None:
    config = tmp_path / "hypercorn.toml"
    config.write_text("shutdown_timeout = 1\n")
    options = [f"--config={config}"]
    with serving("hypercorn", "starlette", tmp_path, free_tcp_port, *options) as served:
        served.hand_over()
        served.signal(signal.SIGTERM)

        served.outcomes_of_a_drain_cut_short()


def test_limit_of_granian_kills_the_pool_which_then_reports_nothing(
    tmp_path: Path,
    free_tcp_port: int,
) -> None:
    options = ["--workers-kill-timeout=1"]
    with serving("granian", "starlette", tmp_path, free_tcp_port, *options) as served:
        served.hand_over()
        served.signal(signal.SIGTERM)

        assert served.outcomes() == Counter()
