"""Real processes of engines: started, listened to, and never left running."""

import json
import os
import queue
import signal
import socketserver
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from typing_extensions import override

from tests.project import ROOT

from .reporting import REPORT_TO

PATIENCE = 45  # seconds until a test gives up on a process


class Call(NamedTuple):
    """A call that was made, in some process."""

    name: str
    args: list[Any]
    kwargs: dict[str, Any]
    pid: int


class Reports(socketserver.ThreadingTCPServer):
    """Where functions report that they have been called: see ``report``."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.calls: queue.Queue[Call] = queue.Queue()
        self.held: set[str] = set()
        self.go_on = threading.Event()

    @property
    def environment(self) -> dict[str, str]:
        return {REPORT_TO: f"127.0.0.1:{self.server_address[1]}"}

    def next(self) -> Call:
        """Return the next call; it may take a while."""
        return self.calls.get(timeout=PATIENCE)

    def all_are_here(self) -> bool:
        return self.calls.empty()

    def hold(self, name: str) -> None:
        """Let functions of this name wait, until ``go_on`` is set."""
        self.held.add(name)


class Handler(socketserver.StreamRequestHandler):
    @override
    def handle(self) -> None:
        reports = self.server
        if not isinstance(reports, Reports):
            raise TypeError(reports)
        call = Call(**json.loads(self.rfile.readline()))
        reports.calls.put(call)
        if call.name in reports.held:
            reports.go_on.wait(PATIENCE)
        with suppress(ConnectionError):  # it was killed meanwhile
            self.wfile.write(b"\n")


@contextmanager
def listening() -> Generator[Reports]:
    with Reports() as reports:
        thread = threading.Thread(target=reports.serve_forever, args=[0.05])
        thread.start()
        try:
            yield reports
        finally:
            reports.go_on.set()
            reports.shutdown()
            thread.join()


@contextmanager
def running(
    *command: str,
    log: Path,
    environment: Mapping[str, str],
    until: str | None = None,
    python: str = sys.executable,
) -> Generator[subprocess.Popen[bytes]]:
    """Run ``python -m command``, with all that it starts, for as long as needed.

    With ``until``, begin when it has printed that.
    """
    with (
        log.open("ab") as output,
        process_group(
            [python, "-m", *command], output, {**os.environ, **environment}
        ) as process,
    ):
        if until is not None:
            wait_for(until, log, process)
        yield process


@contextmanager
def process_group(
    command: list[str], output: Any, environment: Mapping[str, str]
) -> Generator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        kill_group(process)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(PATIENCE)


def wait_for(text: str, log: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until a process has written ``text`` to its log."""
    ended = threading.Event()
    watchdog = threading.Timer(PATIENCE, ended.set)
    watchdog.start()
    try:
        while text not in log.read_text("utf-8", "replace"):
            if process.poll() is not None or ended.wait(0.02):
                message = f"no {text!r} in what it said:\n{log.read_text('utf-8')}"
                raise TimeoutError(message)
    finally:
        watchdog.cancel()


class RedisServer:
    """A Redis server of the test's own, which keeps what it has when it stops."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = self.folder / "redis.log"
        log.write_bytes(b"")
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [
                    *("redis-server", "--bind", "127.0.0.1", "--port", f"{self.port}"),
                    *("--dir", str(self.folder), "--save", "", "--appendonly", "yes"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_for("Ready to accept connections", log, self._process)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(PATIENCE)
            finally:
                kill_group(self._process)
            self._process = None
