"""`make demo-celery`, run as its user does: what it shows, and that nothing is left."""

import os
import re
import signal
import time
from itertools import pairwise
from pathlib import Path

import pytest

from tests.demos import assert_nothing_is_left, interrupt, shown_by
from tests.integrations.processes import PATIENCE

DEMO = "examples.demo_celery"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "temporary"  # a fixture's own files may stand beside it
    folder.mkdir()
    return folder


@pytest.fixture(params=["files", "Redis"])
def broker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.delenv("REDIS_URL", raising=False)
    if request.param == "Redis":
        monkeypatch.setenv("REDIS_URL", request.getfixturevalue("redis").url)
    name: str = request.param
    return name


def assert_nobody_works(shown: str) -> None:
    ready = re.search(r"A Celery worker is ready, in process (\d+)", shown)
    assert ready
    for _ in range(10 * PATIENCE):
        try:
            os.killpg(int(ready[1]), 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)  # it has been killed: the system has yet to bury it
    pytest.fail("the worker or a process of its own is left")


def test_tasks_run_after_the_response_in_the_process_of_the_worker(
    broker: str, folder: Path
) -> None:
    shown = shown_by(DEMO, folder)

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
    assert_nobody_works(shown)
    assert_nothing_is_left(shown, folder)


@pytest.mark.usefixtures("sigint_is_heard")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_after_an_interrupted_demo(
    how: signal.Signals, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)

    shown = interrupt(DEMO, how, folder, lines=2)

    assert_nobody_works(shown)
    assert_nothing_is_left(shown, folder)
