"""The explorer finds what it must, and finds nothing where there is nothing."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from .interleavings import Scenario, Schedule, explore

COUNTER = """
import threading

class Counter:
    def __init__(self):
        self.lock = threading.Lock()
        self.count = 0

    def add(self):
        count = self.count
        self.count = count + 1

    def add_safely(self):
        with self.lock:
            self.add()
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "explored_counter.py").write_text(COUNTER)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "explored_counter", raising=False)
    return tmp_path


def two_threads_add(method: str) -> Scenario:
    async def add(schedule: Schedule) -> None:
        counter: Any = import_module("explored_counter").Counter()
        async with anyio.create_task_group() as group:
            for _ in range(2):
                group.start_soon(anyio.to_thread.run_sync, getattr(counter, method))
        assert counter.count == 2

    return add


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_lost_update_is_found_with_one_preemption(package: Path, backend: str) -> None:
    scenario = two_threads_add("add")

    explore(scenario, backend=backend, preemptions=0, folder=package)
    with pytest.raises(AssertionError) as caught:
        explore(scenario, backend=backend, preemptions=1, folder=package)

    assert "explored_counter.py:11 (add): thread" in caught.value.__notes__[1]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_lock_keeps_it_in_every_schedule(package: Path, backend: str) -> None:
    scenario = two_threads_add("add_safely")

    count = explore(scenario, backend=backend, preemptions=1, folder=package)

    assert count > 10


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_call_from_outside_comes_at_every_line_of_a_thread(
    package: Path, backend: str
) -> None:
    seen: set[int] = set()

    async def look(schedule: Schedule) -> None:
        counter: Any = import_module("explored_counter").Counter()

        def add_twice() -> None:
            counter.add()
            counter.add()

        schedule.outside(lambda: seen.add(counter.count))
        await anyio.to_thread.run_sync(add_twice)
        await schedule.finish()

    explore(look, backend=backend, preemptions=1, folder=package)

    assert seen == {0, 1, 2}


def test_run_that_does_not_end_fails(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.interleavings.PATIENCE", 0.2)

    async def wait(schedule: Schedule) -> None:
        await anyio.sleep_forever()

    with pytest.raises(TimeoutError, match="does not end"):
        explore(wait, folder=package)
