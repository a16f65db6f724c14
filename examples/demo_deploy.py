"""What `make demo-deploy` shows: how many tasks a server loses when it is restarted.

It starts the applications of `examples/deploy.py` with uvicorn, hypercorn and granian,
sends requests without a pause, and restarts each server three times, by SIGTERM. It
counts the accepted requests and the ended tasks: Starlette's own tasks in one
application, tasks in a pool in the other.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import count, product, repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

from httpx import Client, HTTPError, HTTPTransport

from .deploy import SECONDS

SERVERS = {
    "uvicorn": ["uvicorn", "--log-level=warning", "--uds={path}"],
    "hypercorn": ["hypercorn", "--bind=unix:{path}"],
    "granian": ["granian", "--interface=asgi", "--log-level=warning", "--uds={path}"],
}
APPS = {"starlette": "Starlette's own", "pool": "bgtasks, in a pool"}
LOAD = 3  # seconds of load between two restarts
PAUSE = 0.05  # seconds between two requests, and two looks at a server
PATIENCE = 60  # seconds until a server that does not end is given up
ROW = "{:<10} {:<19} {:>8} {:>6} {:>5}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo-deploy")
    parser.add_argument("--restarts", type=int, default=3)
    restarts: int = parser.parse_args().restarts
    print(f"Tasks take {SECONDS:g} seconds; {restarts} restarts of each server.\n")
    print(ROW.format("server", "tasks", "accepted", "ended", "lost"), flush=True)
    lost_by_pool = 0
    runs = [*product(SERVERS, APPS)]
    with ThreadPoolExecutor(len(runs)) as executor:
        counts = executor.map(deploy, *zip(*runs, strict=True), repeat(restarts))
        for (server, app), (accepted, ended) in zip(runs, counts, strict=True):
            lost = accepted - ended
            row = ROW.format(server, APPS[app], accepted, ended, lost)
            print(row, flush=True)
            lost_by_pool += lost if app == "pool" else 0
    if lost_by_pool:
        print(f"\nPools have lost {lost_by_pool} tasks, which they must not.")
        return 1
    return 0


def deploy(server: str, app: str, restarts: int) -> tuple[int, int]:
    """Return how many tasks were accepted, and how many of them have ended."""
    accepted: list[str] = []
    stop = Event()
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log.txt"
        log.touch()
        path = Path(folder) / "socket"  # kept through the restarts, unlike a free port
        client = Thread(target=request_tasks, args=(path, accepted, stop))
        client.start()
        try:
            for _ in range(restarts):
                with serving(server, app, path, log):
                    time.sleep(LOAD)
        finally:
            stop.set()
            client.join()
        ended = log.read_text("utf-8").split()
    return len(accepted), len({*accepted} & {*ended})


@contextmanager
def serving(server: str, app: str, path: Path, log: Path) -> Generator[None]:
    options = [option.format(path=path) for option in SERVERS[server]]
    process = subprocess.Popen(
        [sys.executable, "-m", *options, f"examples.deploy:{app}_app"],
        env={**os.environ, "DEPLOY_LOG": str(log)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until_it_listens(path, process)
        yield
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
    finally:
        process.kill()
        process.wait()


def request_tasks(path: Path, accepted: list[str], stop: Event) -> None:
    """Send requests without a pause; a task is accepted if its request is answered."""
    transport = HTTPTransport(uds=str(path))
    headers = {"Connection": "close"}
    with Client(transport=transport, timeout=PATIENCE, headers=headers) as client:
        for number in count():
            if stop.wait(PAUSE):
                return
            with suppress(HTTPError):  # while the server is being restarted
                if client.get(f"http://server/{number}").text == "accepted":
                    accepted.append(f"{number}")


def wait_until_it_listens(path: Path, process: subprocess.Popen[bytes]) -> None:
    while True:
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(path)) == 0:
                return
        if process.poll() is not None:
            msg = f"the server has ended with {process.returncode}"
            raise ChildProcessError(msg)
        time.sleep(PAUSE)


if __name__ == "__main__":
    sys.exit(main())
