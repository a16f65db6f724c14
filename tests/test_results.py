"""What a plain function returns: awaited if it can be, and else dropped."""

import types
import weakref
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from unittest.mock import AsyncMock, MagicMock

import anyio
import pytest
from typing_extensions import override

from .subject import BackgroundTask, BackgroundTasks

Record = list[str]


@pytest.fixture
def record() -> Record:
    return []


async def note(record: Record) -> None:
    await anyio.lowlevel.checkpoint()
    record.append("ran")


class Lying:
    @override
    def __getattribute__(self, name: str) -> Any:
        if name == "__class__":
            raise RuntimeError("no class, please")
        return super().__getattribute__(name)


class Proxy:
    """As werkzeug's LocalProxy: its type has all methods, whatever it stands for."""

    def __init__(self, target: Callable[[], object]) -> None:
        self.target = target

    @override
    def __getattribute__(self, name: str) -> Any:
        if name == "target":
            return super().__getattribute__(name)
        return getattr(self.target(), name)

    @property
    def __await__(self) -> Any:
        return getattr(self.target(), "__await__")  # noqa: B009 (not all have it)


class Dead: ...


def stand_for_nothing() -> object:
    raise RuntimeError("outside of a request")


@pytest.mark.anyio
@pytest.mark.parametrize(
    "call",
    [
        Lying,
        lambda: weakref.proxy(Dead()),
        lambda: Proxy(stand_for_nothing),
        lambda: Proxy(lambda: 1),
        MagicMock,
        lambda: 1,
    ],
    ids=["lying", "weak", "unbound", "bound", "mock", "number"],
)
async def test_result_that_cannot_be_awaited_is_dropped(
    record: Record, call: Callable[[], object]
) -> None:
    tasks = BackgroundTasks([call, call])
    tasks.add_task(note, record)

    await tasks()
    await tasks.run_as_group()

    assert record == ["ran", "ran"]


@pytest.mark.anyio
async def test_proxy_of_a_coroutine_is_awaited(record: Record) -> None:
    def call() -> object:
        coroutine = note(record)
        return Proxy(lambda: coroutine)

    await BackgroundTask(call)()

    assert record == ["ran"]


@pytest.mark.anyio
async def test_mock_of_an_async_function_is_awaited() -> None:
    mock = AsyncMock()

    await BackgroundTasks([mock, lambda: mock()])()

    assert mock.await_count == 2


@pytest.mark.anyio
async def test_generator_is_a_warning_and_no_failure(record: Record) -> None:
    with ThreadPoolExecutor(1) as pool:
        tasks = BackgroundTasks()
        tasks.add_task(pool.map, record.append, ["mapped"])
        tasks.add_task(note, record)

        with pytest.warns(RuntimeWarning, match="Executor.map returned a generator"):
            await tasks()

    assert record == ["mapped", "ran"]


@pytest.mark.anyio
@pytest.mark.filterwarnings("error::RuntimeWarning")
async def test_warning_that_is_an_error_is_the_failure_of_its_task(
    record: Record,
) -> None:
    def generate() -> Generator[int]:
        yield 1

    reported: list[Exception] = []
    tasks = BackgroundTasks(
        [lambda: generate(), partial(note, record)],
        on_error=lambda _, exc: reported.append(exc),
    )

    await tasks()

    assert [type(exc) for exc in reported] == [RuntimeWarning]
    assert record == ["ran"]


# types.coroutine


@types.coroutine
def by_generator(record: Record) -> Generator[Any, Any, None]:
    yield from note(record).__await__()


class ByGenerator:
    @types.coroutine
    def method(self, record: Record) -> Generator[Any, Any, None]:
        yield from note(record).__await__()


@pytest.mark.anyio
@pytest.mark.parametrize(
    "function",
    [by_generator, ByGenerator().method, partial(by_generator)],
    ids=["function", "method", "partial"],
)
async def test_generator_based_coroutine_function_runs(
    record: Record, function: Callable[[Record], object]
) -> None:
    tasks = BackgroundTasks([BackgroundTask(function, record)])
    tasks.add_task(function, record)
    tasks.add_task(lambda: function(record))

    await tasks()
    await tasks.run_as_group()

    assert record == ["ran"] * 6
    assert tasks.tasks[0].is_async
