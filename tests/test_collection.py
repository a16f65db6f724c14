"""The collection: what it holds, in which order it runs, and what it refuses."""

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio
import pytest

from .subject import BackgroundTask, BackgroundTasks, subject

Record = list[str]


@pytest.fixture
def record() -> Record:
    return []


async def add_async(record: Record, name: str) -> None:
    await anyio.lowlevel.checkpoint()
    record.append(name)


def add_plain(record: Record, name: str) -> None:
    record.append(name)


def lambda_around_async(record: Record, name: str) -> Callable[[], object]:
    return lambda: add_async(record, name)


# Order


@pytest.mark.anyio
async def test_tasks_of_all_kinds_run_in_the_order_added(record: Record) -> None:
    tasks = BackgroundTasks([lambda: record.append("given")])
    tasks.add_task(add_async, record, "async 1")
    tasks.add_task(add_async, record, "async 2")
    tasks.add_task(add_plain, record, "plain 1")
    tasks.add_task(lambda_around_async(record, "lambda"))
    tasks.add_task(add_plain, record, "plain 2")
    tasks.add_task(add_plain, record, name="plain 3")
    tasks.add_task(functools.partial(add_async, record), "partial")
    tasks.add_task(BackgroundTasks([BackgroundTask(add_plain, record, "nested")]))
    tasks.add_task(BackgroundTask(add_plain, record, "task"))
    tasks.add_task(add_async, record, name="async 3")

    await tasks()

    assert record == [
        "given",
        "async 1",
        "async 2",
        "plain 1",
        "lambda",
        "plain 2",
        "plain 3",
        "partial",
        "nested",
        "task",
        "async 3",
    ]


@pytest.mark.anyio
@pytest.mark.parametrize("add", [add_async, add_plain])
async def test_next_task_starts_after_the_one_before_has_ended(
    add: Callable[[Record, str], object], record: Record
) -> None:
    async def slow() -> None:
        record.append("slow started")
        for _ in range(10):
            await anyio.lowlevel.checkpoint()
        record.append("slow ended")

    tasks = BackgroundTasks()
    tasks.add_task(lambda: slow())
    tasks.add_task(add, record, "next")

    await tasks()

    assert record == ["slow started", "slow ended", "next"]


@pytest.mark.anyio
@pytest.mark.parametrize("as_group", [False, True])
@pytest.mark.parametrize("is_async", [False, True])
async def test_task_added_by_a_running_task_runs_in_the_same_run_at_its_end(
    record: Record, *, as_group: bool, is_async: bool
) -> None:
    tasks = BackgroundTasks(as_group=as_group)

    def add_more() -> None:
        record.append("first")
        tasks.add_task(add_async, record, "added async")
        tasks.add_task(add_plain, record, "added plain")

    async def add_more_async() -> None:
        add_more()

    tasks.add_task(add_more_async if is_async else add_more)
    tasks.add_task(add_plain, record, "second")

    await tasks()

    assert sorted(record[:2]) == ["first", "second"]
    assert sorted(record[2:]) == ["added async", "added plain"]


@pytest.mark.anyio
async def test_task_added_by_the_last_task_runs(record: Record) -> None:
    tasks = BackgroundTasks()

    def count_down(number: int) -> None:
        record.append(str(number))
        if number:
            tasks.add_task(count_down, number - 1)

    tasks.add_task(count_down, 3)

    await tasks()

    assert record == ["3", "2", "1", "0"]


@pytest.mark.anyio
async def test_task_added_by_on_error_runs(record: Record) -> None:
    def fail() -> None:
        raise ValueError

    tasks = BackgroundTasks(
        [fail], on_error=lambda _, __: tasks.add_task(add_plain, record, "repair")
    )

    await tasks()

    assert record == ["repair"]


@pytest.mark.anyio
@pytest.mark.parametrize("as_group", [False, True])
async def test_empty_collection_runs(*, as_group: bool) -> None:
    await BackgroundTasks(as_group=as_group)()


@pytest.mark.anyio
async def test_run_single_runs_in_order_whatever_as_group_says(record: Record) -> None:
    tasks = BackgroundTasks(as_group=True)
    for number in range(5):
        tasks.add_task(add_async, record, str(number))

    await tasks.run_single()

    assert record == ["0", "1", "2", "3", "4"]


# Several runs


@pytest.mark.anyio
@pytest.mark.parametrize("as_group", [False, True])
async def test_each_run_runs_every_task(record: Record, *, as_group: bool) -> None:
    tasks = BackgroundTasks(as_group=as_group)
    tasks.add_task(add_async, record, "async")
    tasks.add_task(add_plain, record, "plain")

    await tasks()
    await tasks()

    assert sorted(record) == ["async", "async", "plain", "plain"]


@pytest.mark.anyio
@pytest.mark.parametrize("as_group", [False, True])
async def test_concurrent_runs_each_run_every_task(
    record: Record, *, as_group: bool
) -> None:
    tasks = BackgroundTasks(as_group=as_group)
    arrived = 0
    both_here = anyio.Event()

    async def meet() -> None:
        nonlocal arrived
        arrived += 1
        if arrived == 2:
            both_here.set()
        await both_here.wait()

    tasks.add_task(meet)
    tasks.add_task(add_plain, record, "plain")
    tasks.add_task(add_async, record, "async")

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(tasks)
            group.start_soon(tasks)

    assert sorted(record) == ["async", "async", "plain", "plain"]


@pytest.mark.anyio
async def test_run_walks_the_list_as_for_does_when_a_task_changes_it(
    record: Record,
) -> None:
    tasks = BackgroundTasks()

    def clear() -> None:
        record.append("clear")
        tasks.tasks.clear()

    tasks.add_task(clear)
    tasks.add_task(add_plain, record, "never")

    await tasks()

    assert record == ["clear"]


# What it holds


def test_tasks_are_a_list_of_tasks() -> None:
    tasks = BackgroundTasks()
    tasks.add_task(print, 1, sep="")
    tasks.add_task(print)

    assert tasks.tasks == [BackgroundTask(print, 1, sep=""), BackgroundTask(print)]


def test_task_given_is_kept_as_it_is() -> None:
    task = BackgroundTask(print)

    assert BackgroundTasks([task]).tasks[0] is task


def test_callable_given_becomes_a_task() -> None:
    nested = BackgroundTasks()

    assert BackgroundTasks([print, nested]).tasks == [
        BackgroundTask(print),
        BackgroundTask(nested),
    ]


def test_any_iterable_is_copied() -> None:
    given = [BackgroundTask(print)]

    tasks = BackgroundTasks(given)
    tasks.add_task(print)

    assert len(given) == 1
    assert BackgroundTasks(iter(given)).tasks == given


def test_empty_collection_is_true() -> None:
    # Otherwise `tasks or BackgroundTasks()` would lose it.
    assert bool(BackgroundTasks()) is True
    assert not hasattr(BackgroundTasks, "__len__")


def test_collection_is_not_a_task() -> None:
    # It has no func, args and kwargs.
    assert not isinstance(BackgroundTasks(), BackgroundTask)


def test_repr_shows_the_tasks() -> None:
    assert repr(BackgroundTasks([print], as_group=True)) == (
        "BackgroundTasks([BackgroundTask(builtins.print)], as_group=True)"
    )


def test_repr_of_a_collection_given_to_its_own_task_ends() -> None:
    tasks = BackgroundTasks()
    tasks.add_task(print, tasks)

    assert repr(tasks) == "BackgroundTasks([BackgroundTask(builtins.print, ...)])"


def test_class_can_share_a_subclass_with_one_that_has_slots() -> None:
    class Theirs:
        __slots__ = ("tasks",)

    class Both(BackgroundTasks, Theirs):
        pass

    assert Both([print]).tasks == [BackgroundTask(print)]


# What it refuses


async def send(to: str) -> None: ...


def generate() -> Iterator[int]:
    yield 1


async def generate_async() -> AsyncIterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("value", "got"),
    [
        (BackgroundTask(print), "BackgroundTask"),
        (BackgroundTasks(), "BackgroundTasks"),
        (print, "builtin_function_or_method"),
        ("send", "str"),
        (b"", "bytes"),
        (3, "int"),
        (BackgroundTask, "type"),
        (generate_async(), "async_generator"),
    ],
)
def test_tasks_that_are_no_iterable_are_refused(value: Any, got: str) -> None:
    with pytest.raises(TypeError) as caught:
        BackgroundTasks(value)

    assert str(caught.value) == (
        f"tasks must be an iterable of tasks, got '{got}' object: "
        "write BackgroundTasks([task])"
    )


def test_coroutine_as_tasks_is_refused_and_closed() -> None:
    coroutine: Any = send("ada")

    with pytest.raises(TypeError, match=r"write BackgroundTasks\(\[task\]\)$"):
        BackgroundTasks(coroutine)


def test_coroutines_among_the_tasks_are_refused_and_closed() -> None:
    given: list[Any] = [print, send("ada"), send("bob")]

    with pytest.raises(TypeError) as caught:
        BackgroundTasks(given)

    assert str(caught.value) == (
        "each of the tasks must be callable, got 'coroutine' object: write "
        "BackgroundTasks([BackgroundTask(send, ...)]), not BackgroundTasks([send(...)])"
    )


def test_string_among_the_tasks_is_refused() -> None:
    given: list[Any] = ["send"]

    with pytest.raises(TypeError) as caught:
        BackgroundTasks(given)

    assert str(caught.value) == (
        "each of the tasks must be callable, got 'str' object: write "
        "BackgroundTasks([BackgroundTask(func, ...)]), not BackgroundTasks([func(...)])"
    )


def test_generator_function_among_the_tasks_is_refused() -> None:
    with pytest.raises(TypeError, match="must not be a generator function"):
        BackgroundTasks([generate])


@pytest.mark.parametrize("option", ["on_error", "runner"])
@pytest.mark.parametrize(
    ("value", "got"), [("log", "'str' object"), (3, "'int' object")]
)
def test_option_that_is_not_callable_is_refused(
    option: str, value: object, got: str
) -> None:
    options: dict[str, Any] = {option: value}

    with pytest.raises(TypeError) as caught:
        BackgroundTasks(**options)

    assert str(caught.value) == (
        f"{option} must be callable, got {got}: "
        f"write {option}=func, not {option}=func(...)"
    )


@pytest.mark.parametrize("option", ["on_error", "runner"])
def test_option_that_is_a_coroutine_is_refused_and_closed(option: str) -> None:
    options: dict[str, Any] = {option: send("ada")}

    with pytest.raises(TypeError) as caught:
        BackgroundTasks(**options)

    assert str(caught.value) == (
        f"{option} must be callable, got 'coroutine' object: "
        f"write {option}=send, not {option}=send(...)"
    )


@pytest.mark.parametrize("option", ["on_error", "runner"])
@pytest.mark.parametrize("generator", [generate, generate_async])
def test_option_that_is_a_generator_function_is_refused(
    option: str, generator: Callable[[], object]
) -> None:
    options: dict[str, Any] = {option: generator}

    with pytest.raises(TypeError, match=f"^{option} must not be a generator function"):
        BackgroundTasks(**options)


def test_callbacks_are_keyword_only() -> None:
    make: Any = BackgroundTasks

    with pytest.raises(TypeError, match="positional"):
        make([], True, print)


def test_names_say_the_package_they_come_from() -> None:
    for name in subject.__all__:
        assert getattr(subject, name).__module__ == subject.__name__
