"""`make demo-celery`, run as its user does: what it shows, and that nothing is left."""

import os
import re
import signal
import subprocess
import sys
from http.client import HTTPConnection
from itertools import pairwise
from pathlib import Path

import pytest

from tests.integrations.processes import PATIENCE
from tests.project import ROOT

DEMO = [sys.executable, "-u", "-m", "examples.demo_celery"]


@pytest.fixture(params=["files", "Redis"])
def broker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.delenv("REDIS_URL", raising=False)
    if request.param == "Redis":
        monkeypatch.setenv("REDIS_URL", request.getfixturevalue("redis").url)
    name: str = request.param
    return name


def assert_nobody_serves(shown: str) -> None:
    address = re.search(r"on http://(127\.0\.0\.1:\d+)", shown)
    assert address
    with pytest.raises(ConnectionRefusedError):
        HTTPConnection(address[1]).connect()


def assert_nobody_works(shown: str) -> None:
    ready = re.search(r"A Celery worker is ready, in process (\d+)", shown)
    assert ready
    with pytest.raises(ProcessLookupError):
        os.killpg(int(ready[1]), 0)


def test_tasks_run_after_the_response_in_the_process_of_the_worker(
    broker: str, tmp_path: Path
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    demo = subprocess.run(
        DEMO,
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        check=False,
        timeout=4 * PATIENCE,
    )

    shown = demo.stdout
    assert (demo.returncode, demo.stderr) == (0, ""), shown
    assert f"messages go by {broker}\n" in shown
    lines = re.findall(r"process (\d+) +([0-9.]+) ms to +([0-9.]+) ms", shown)
    (server, *workers), starts, ends = zip(*lines, strict=True)
    assert len(workers) == 3
    assert len(set(workers)) == 1
    assert server not in workers
    for before, after in pairwise(
        zip(map(float, starts), map(float, ends), strict=True)
    ):
        assert before[1] <= after[0]
    assert "notify_crm (def, fails)" in shown
    assert "audit.log: 20" in shown
    assert "outbox: Hello Ada, you have signed up." in shown
    assert_nobody_serves(shown)
    assert_nobody_works(shown)
    assert list(temporary.iterdir()) == []


@pytest.mark.usefixtures("sigint_is_heard")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_after_an_interrupted_demo(
    how: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with subprocess.Popen(
        DEMO,
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as demo:
        assert demo.stdout
        shown = demo.stdout.readline() + demo.stdout.readline()
        demo.send_signal(how)
        shown += demo.stdout.read()

    assert demo.returncode != 0
    assert_nobody_serves(shown)
    assert_nobody_works(shown)
    assert list(temporary.iterdir()) == []
