"""The list of tasks: who may change it, when, and what a run makes of it."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import anyio
import anyio.from_thread
import pytest
from typing_extensions import override

from .subject import BackgroundTask, BackgroundTasks

HERE = __name__
Record = list[str]


@pytest.fixture
def record() -> Record:
    return []


def add_plain(record: Record, name: str) -> None:
    record.append(name)


async def add_async(record: Record, name: str) -> None:
    record.append(name)


ADDED = pytest.mark.parametrize("added", [add_plain, add_async])


# Added while a thread works


@ADDED
def test_task_added_by_the_thread_through_the_event_loop_runs(
    record: Record, added: Callable[[Record, str], object]
) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        tasks = BackgroundTasks()

        def plain() -> None:
            loop.call_soon_threadsafe(lambda: tasks.add_task(added, record, "added"))

        tasks.add_task(plain)
        await tasks()

    for _ in range(20):
        asyncio.run(main())

    assert record == ["added"] * 20


@pytest.mark.anyio
@ADDED
async def test_task_added_by_the_event_loop_while_the_last_one_works_runs(
    record: Record, added: Callable[[Record, str], object]
) -> None:
    working, go_on = threading.Event(), threading.Event()

    def plain() -> None:
        working.set()
        assert go_on.wait(5)

    tasks = BackgroundTasks([plain])

    async def add() -> None:
        assert await anyio.to_thread.run_sync(working.wait, 5)
        tasks.add_task(added, record, "added")
        go_on.set()

    async with anyio.create_task_group() as group:
        group.start_soon(add)
        await tasks()
        assert record == ["added"]


@pytest.mark.anyio
@ADDED
async def test_task_added_from_the_thread_in_the_event_loop_runs(
    record: Record, added: Callable[[Record, str], object]
) -> None:
    tasks = BackgroundTasks()
    tasks.add_task(
        lambda: anyio.from_thread.run_sync(
            lambda: tasks.add_task(added, record, "added")
        )
    )

    await tasks()

    assert record == ["added"]


# Changed by a running task


@pytest.mark.anyio
@pytest.mark.parametrize("is_async", [False, True])
async def test_no_place_is_named_that_the_list_does_not_have(*, is_async: bool) -> None:
    tasks = BackgroundTasks()

    def clear() -> None:
        tasks.tasks.clear()
        raise LookupError

    async def clear_async() -> None:
        clear()

    tasks.add_task(clear_async if is_async else clear)
    tasks.add_task(print)
    name = f"{HERE}.{(clear_async if is_async else clear).__qualname__}"

    with pytest.raises(LookupError) as caught:
        await tasks()

    assert caught.value.__notes__ == [f"At background task {name}."]


@pytest.mark.anyio
@pytest.mark.parametrize("as_group", [False, True])
async def test_run_keeps_to_the_list_that_it_began_with(
    record: Record, *, as_group: bool
) -> None:
    async def replace() -> None:
        tasks.tasks = []
        raise LookupError

    notes: list[str] = []
    tasks = BackgroundTasks(
        [print, print, replace],
        as_group,
        on_error=lambda _, exc: notes.extend(exc.__notes__),
    )
    tasks.tasks[:2] = [BackgroundTask(add_async, record, name) for name in "ab"]
    tasks.add_task(add_async, record, "c")

    await tasks()

    assert sorted(record) == ["a", "b", "c"]
    (note,) = notes
    assert note.startswith("At background task 3 of 4, ")


@pytest.mark.anyio
async def test_as_group_may_be_set_later() -> None:
    first, second = anyio.Event(), anyio.Event()

    async def wait_for_second() -> None:
        first.set()
        await second.wait()

    async def wait_for_first() -> None:
        second.set()
        await first.wait()

    tasks = BackgroundTasks([wait_for_second, wait_for_first])
    tasks.as_group = True
    with anyio.fail_after(5):
        await tasks()

    assert repr(BackgroundTasks([], True)) == "BackgroundTasks([], as_group=True)"


# Changed by another thread, at the worst moment


class Changing(list[BackgroundTask]):
    """A list that another thread changes after it has been asked for something."""

    after_len: Callable[[], object] = bool
    after_item: Callable[[], object] = bool

    @override
    def __len__(self) -> int:
        length = super().__len__()
        in_a_thread(self.after_len)
        return length

    @override
    def __getitem__(self, key: Any) -> Any:
        look: Callable[[Any], Any] = super().__getitem__
        item = look(key)
        in_a_thread(self.after_item)
        return item


def in_a_thread(call: Callable[[], object]) -> None:
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


@pytest.mark.anyio
async def test_list_that_a_thread_clears_after_the_run_has_looked_at_its_length(
    record: Record,
) -> None:
    tasks = BackgroundTasks()
    changing = Changing([BackgroundTask(add_plain, record, "removed")])
    tasks.tasks = changing
    changing.after_len = changing.clear

    await tasks()

    assert record == []


@pytest.mark.anyio
@pytest.mark.parametrize("changed", [list[Any].clear, list[Any].reverse])
async def test_task_that_the_run_has_taken_is_the_one_that_runs(
    record: Record, changed: Callable[[list[Any]], object]
) -> None:
    tasks = BackgroundTasks()
    changing = Changing(
        BackgroundTask(function, record, name)
        for function, name in ((add_plain, "taken"), (add_async, "other"))
    )
    tasks.tasks = changing

    def change_once() -> None:
        changing.after_item = bool
        changed(changing)

    changing.after_item = change_once
    await tasks()

    assert record[0] == "taken"


# Appended by hand


class Foreign:
    """As other frameworks' background tasks are."""

    def __init__(self, record: Record) -> None:
        self.record = record

    async def __call__(self) -> None:
        self.record.append("foreign")


@pytest.mark.anyio
@pytest.mark.parametrize("as_group", [False, True])
@pytest.mark.parametrize("with_runner", [False, True])
async def test_anything_callable_may_be_appended(
    record: Record, *, as_group: bool, with_runner: bool
) -> None:
    async def run(task: BackgroundTask) -> None:
        assert isinstance(task, BackgroundTask)
        await task()

    async def function() -> None:
        record.append("function")

    tasks = BackgroundTasks(as_group=as_group, runner=run if with_runner else None)
    items: Any = tasks.tasks
    items.append(lambda: record.append("lambda"))
    items.append(Foreign(record))
    items.append(BackgroundTasks([lambda: record.append("nested")]))
    items.append(lambda: record.append("lambda"))
    items.append(function)

    await tasks()

    names = ["lambda", "foreign", "nested", "lambda", "function"]
    assert sorted(record) == sorted(names) if as_group else record == names


@pytest.mark.anyio
@pytest.mark.parametrize("as_group", [False, True])
async def test_what_cannot_be_called_fails_when_it_is_its_turn(
    record: Record, *, as_group: bool
) -> None:
    reported: list[tuple[BackgroundTask, list[str]]] = []
    tasks = BackgroundTasks(
        as_group=as_group,
        on_error=lambda task, exc: reported.append((task, exc.__notes__)),
    )
    items: Any = tasks.tasks
    items.append(None)
    tasks.add_task(add_plain, record, "next")

    await tasks()

    assert record == ["next"]
    nothing: Any = None
    ((task, notes),) = reported
    assert task.func is nothing
    assert notes == ["At background task 1 of 2, builtins.NoneType."]


@pytest.mark.anyio
async def test_notes_name_what_was_appended() -> None:
    tasks = BackgroundTasks()
    items: Any = tasks.tasks

    def fail() -> None:
        raise LookupError

    items += [fail, Foreign([]), 3]

    with pytest.raises(LookupError) as caught:
        await tasks()

    assert caught.value.__notes__ == [
        f"At background task 1 of 3, {HERE}.{fail.__qualname__}.",
        f"Not run: {HERE}.Foreign, builtins.int.",
    ]
