"""A server in a process of its own."""

import re
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection

from .project import ROOT

ADDRESS = re.compile(r"running on http://127\.0\.0\.1:(\d+)")


@dataclass
class Server:
    process: subprocess.Popen[str]
    port: int = 0
    log: list[str] = field(default_factory=list[str])
    started: threading.Event = field(default_factory=threading.Event)

    def read_log(self) -> None:
        if self.process.stderr is not None:
            for line in self.process.stderr:
                self.log.append(line)
                if address := ADDRESS.search(line):
                    self.port = int(address[1])
                    self.started.set()
        self.started.set()

    def get(self, path: str) -> str:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()


@contextmanager
def serve(app: str, *options: str) -> Generator[Server]:
    """Serve ``app`` by uvicorn, with warnings as errors, and stop it in the end.

    In Python's debug mode, which is slow, if the tests run in it: `make strict`.
    """
    debug = ["-X", "dev"] if sys.flags.dev_mode else []
    process = subprocess.Popen(
        [
            *(sys.executable, *debug, "-W", "error", "-m", "uvicorn", app),
            *("--port", "0", "--lifespan", "off", "--no-access-log", *options),
        ],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    server = Server(process)
    reading = threading.Thread(target=server.read_log)
    reading.start()
    try:
        assert server.started.wait(30)
        assert server.port, "".join(server.log)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(20)
        finally:
            process.kill()
            process.wait()
            reading.join()
            if process.stderr is not None:
                process.stderr.close()
