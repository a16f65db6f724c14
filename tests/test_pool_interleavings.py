"""Hand-over, limit and leaving, in every order in which they can come.

Each of those that act waits for some passes of the event loop first. The tests try all
numbers of passes; trio's are tried with all orders of the tasks in each pass as well.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from itertools import islice, permutations, product
from math import factorial, inf
from random import Random
from typing import Any

import anyio
import pytest
import trio
from anyio.lowlevel import checkpoint
from typing_extensions import override

from bgtasks import BackgroundTask
from bgtasks.pool import TaskPool

pytestmark = pytest.mark.no_cover

TRIO: Any = import_module("trio._core._run")


async def passes(number: int) -> None:
    for _ in range(number):
        await checkpoint()


class Failure(Exception):
    pass


@dataclass
class Story:
    """What became of the tasks of a pool, and what must be so."""

    limit: int | None
    drain: float
    accepted: list[str] = field(default_factory=list[str])
    refused: list[str] = field(default_factory=list[str])
    began: list[str] = field(default_factory=list[str])
    ended: list[str] = field(default_factory=list[str])
    failed: list[str] = field(default_factory=list[str])
    cut_off: list[str] = field(default_factory=list[str])
    never_began: list[str] = field(default_factory=list[str])
    most: int = 0

    def __post_init__(self) -> None:
        self.pool = TaskPool(limit=self.limit, drain=self.drain, on_error=self.report)

    async def report(self, task: BackgroundTask, exc: Exception) -> None:
        name = task.args[0]
        if isinstance(exc, InterruptedError):
            if name not in self.began:
                self.never_began.append(name)
            await checkpoint()
            self.cut_off.append(name)
        elif isinstance(exc, Failure):
            self.failed.append(name)
        else:
            raise exc

    async def work(self, name: str, number: int) -> None:
        self.began.append(name)
        self.most = max(self.most, self.pool.running)
        await passes(number)
        self.ended.append(name)
        if name.startswith("fails"):
            raise Failure

    async def request(self, name: str, after: int, number: int) -> None:
        await passes(after)
        before = self.pool.running + self.pool.waiting
        try:
            await self.pool(BackgroundTask(self.work, name, number))
        except RuntimeError:
            self.refused.append(name)
        else:
            self.accepted.append(name)
            assert self.pool.running + self.pool.waiting == before + 1
            if self.limit is not None:
                assert self.pool.running <= self.limit

    async def serve(self, leave_after: int) -> None:
        async with self.pool:
            await passes(leave_after)

    def check(self, *, is_cancelled: bool) -> None:
        assert (self.pool.running, self.pool.waiting) == (0, 0)
        assert self.limit is None or self.most <= self.limit
        # Each began once at the most, and only if it was accepted.
        assert len({*self.began}) == len(self.began)
        assert {*self.began} <= {*self.accepted}
        assert not {*self.accepted} & {*self.refused}
        # None begins after it was reported.
        assert not {*self.never_began} & {*self.began}
        # Each is reported once at the most, and what failed is reported.
        reports = self.failed + self.cut_off
        assert len({*reports}) == len(reports)
        assert {*reports} <= {*self.accepted}
        # None is lost: it has ended, or it is reported.
        failing = {name for name in self.accepted if name.startswith("fails")}
        assert {*self.accepted} - {*reports} == ({*self.ended} - {*reports}) - failing
        if self.drain == inf and not is_cancelled:
            assert self.cut_off == []


@pytest.mark.anyio
@pytest.mark.parametrize("limit", [None, 1, 2])
@pytest.mark.parametrize("drain", [0, inf])
async def test_each_task_ends_or_is_reported_whenever_the_pool_is_left(
    limit: int | None, drain: float
) -> None:
    for leave_after, first, second, *work in product(range(5), *[range(3)] * 4):
        story = Story(limit, drain)
        async with anyio.create_task_group() as group:
            group.start_soon(story.serve, leave_after)
            await checkpoint()
            group.start_soon(story.request, "ends", first, work[0])
            group.start_soon(story.request, "fails", second, work[1])
            group.start_soon(story.request, "last", second, 1)

        story.check(is_cancelled=False)


@pytest.mark.anyio
@pytest.mark.parametrize("limit", [None, 1])
async def test_each_task_ends_or_is_reported_whenever_the_pool_is_cancelled(
    limit: int | None,
) -> None:
    for leave, cancel, *work in product(range(4), range(7), *[range(3)] * 3):
        story = Story(limit, inf)
        async with (
            anyio.create_task_group() as requests,
            anyio.create_task_group() as server,
        ):
            server.start_soon(story.serve, leave)
            await checkpoint()
            requests.start_soon(story.request, "ends", work[0], work[1])
            requests.start_soon(story.request, "fails", 0, work[2])
            requests.start_soon(story.request, "last", 1, 1)
            await passes(cancel)
            server.cancel_scope.cancel()

        story.check(is_cancelled=True)


# With all orders of trio's tasks


class Order(Random):
    """In the place of trio's random numbers: shuffles as it is told to."""

    def __init__(self, chosen: list[int]) -> None:
        super().__init__(0)
        self.chosen = chosen
        self.options: list[int] = []

    @override
    def shuffle(self, x: Any) -> None:
        place = len(self.options)
        choice = self.chosen[place] if place < len(self.chosen) else 0
        self.options.append(factorial(len(x)))
        x[:] = next(islice(permutations(x), choice, None))


def orders(
    scenario: Callable[[], Awaitable[None]], monkeypatch: pytest.MonkeyPatch, most: int
) -> Iterator[list[int]]:
    """Run the scenario under all orders, with up to ``most`` that are not the first."""
    monkeypatch.setattr(TRIO, "_ALLOW_DETERMINISTIC_SCHEDULING", True)
    waiting: list[list[int]] = [[]]
    while waiting:
        choices = waiting.pop()
        order = Order(choices)
        monkeypatch.setattr(TRIO, "_r", order)
        trio.run(scenario)
        yield choices
        if sum(choice != 0 for choice in choices) == most:
            continue
        for place in range(len(choices), len(order.options)):
            before = [*choices, *[0] * (place - len(choices))]
            waiting += [[*before, n] for n in range(1, order.options[place])]


@pytest.mark.parametrize("limit", [None, 1])
@pytest.mark.parametrize("cancel", [False, True])
def test_each_task_ends_or_is_reported_in_whatever_order_trio_runs(
    *, limit: int | None, cancel: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        story = Story(limit, 0 if cancel else inf)
        async with anyio.create_task_group() as group:
            group.start_soon(story.serve, 1)
            group.start_soon(story.request, "ends", 1, 1)
            group.start_soon(story.request, "fails", 1, 0)
        story.check(is_cancelled=cancel)
        seen.add((*story.refused, "ended", *story.ended, "cut off", *story.cut_off))

    seen = set[tuple[str, ...]]()
    tried = sum(1 for _ in orders(scenario, monkeypatch, most=3))

    assert tried > len(seen) > 3  # the orders do make a difference
