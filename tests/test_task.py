"""One task: what it calls, where, and what it refuses."""

import asyncio
import functools
import inspect
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from typing import Any
from unittest.mock import AsyncMock, Mock

import anyio
import pytest

from .subject import BackgroundTask, BackgroundTasks

Record = list[tuple[object, ...]]


@pytest.fixture
def record() -> Record:
    return []


# What is called, and with what


@pytest.mark.anyio
async def test_async_function_gets_its_arguments(record: Record) -> None:
    async def send(to: str, *, subject: str) -> None:
        record.append((to, subject))

    await BackgroundTask(send, "ada@example.org", subject="Hi")()

    assert record == [("ada@example.org", "Hi")]


@pytest.mark.anyio
async def test_plain_function_gets_its_arguments(record: Record) -> None:
    def send(to: str, *, subject: str) -> None:
        record.append((to, subject))

    await BackgroundTask(send, "ada@example.org", subject="Hi")()

    assert record == [("ada@example.org", "Hi")]


@pytest.mark.anyio
async def test_function_may_have_parameters_called_func_self_args_and_kwargs(
    record: Record,
) -> None:
    def call(func: int, self: int, args: int, kwargs: int) -> None:
        record.append((func, self, args, kwargs))

    arguments = {"func": 1, "self": 2, "args": 3, "kwargs": 4}
    await BackgroundTask(call, **arguments)()

    assert record == [(1, 2, 3, 4)]


@pytest.mark.anyio
async def test_plain_function_runs_in_a_worker_thread() -> None:
    threads: list[int] = []

    await BackgroundTask(lambda: threads.append(threading.get_ident()))()

    assert threads != [threading.get_ident()]


@pytest.mark.anyio
async def test_async_function_runs_in_the_event_loop() -> None:
    threads: list[int] = []

    async def note_thread() -> None:
        threads.append(threading.get_ident())

    await BackgroundTask(note_thread)()

    assert threads == [threading.get_ident()]


class Mailer:
    """Every way to be callable, plain and async."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def send(self, to: str) -> None:
        self.sent.append(to)

    async def send_async(self, to: str) -> None:
        await anyio.lowlevel.checkpoint()
        self.sent.append(to)

    @classmethod
    def of_class(cls, sent: list[str], to: str) -> None:
        sent.append(to)

    @staticmethod
    async def of_nobody(sent: list[str], to: str) -> None:
        sent.append(to)

    def __call__(self, to: str) -> None:
        self.sent.append(to)


class AsyncMailer:
    def __init__(self, sent: list[str], to: str = "") -> None:
        self.sent = sent
        if to:
            sent.append(to)

    async def __call__(self, to: str) -> None:
        await anyio.lowlevel.checkpoint()
        self.sent.append(to)


async def send_to(sent: list[str], to: str) -> None:
    await anyio.lowlevel.checkpoint()
    sent.append(to)


def marked(sent: list[str], to: str) -> Coroutine[Any, Any, None]:
    return send_to(sent, to)


if sys.version_info >= (3, 12):
    marked = inspect.markcoroutinefunction(marked)


def add_up(*numbers: int, sep: str) -> None: ...


mailer = Mailer()

CALLABLES: list[tuple[str, Callable[[list[str]], BackgroundTask], bool]] = [
    ("async function", lambda sent: BackgroundTask(send_to, sent, "ada"), True),
    ("bound method", lambda sent: BackgroundTask(sent.append, "ada"), False),
    (
        "class method",
        lambda sent: BackgroundTask(Mailer.of_class, sent, "ada"),
        False,
    ),
    (
        "async static method",
        lambda sent: BackgroundTask(Mailer.of_nobody, sent, "ada"),
        True,
    ),
    (
        "object with async __call__",
        lambda sent: BackgroundTask(AsyncMailer(sent), "ada"),
        True,
    ),
    (
        "class whose instances have an async __call__",
        lambda sent: BackgroundTask(AsyncMailer, sent, "ada"),
        False,
    ),
    (
        "partial of a plain function",
        lambda sent: BackgroundTask(functools.partial(sent.append, "ada")),
        False,
    ),
    (
        "partial of an async function",
        lambda sent: BackgroundTask(functools.partial(send_to, sent), "ada"),
        True,
    ),
    (
        "partial of a partial of an object with async __call__",
        lambda sent: BackgroundTask(
            functools.partial(functools.partial(AsyncMailer(sent)), "ada")
        ),
        True,
    ),
    (
        "lambda around an async function",
        lambda sent: BackgroundTask(lambda: send_to(sent, "ada")),
        False,
    ),
    (
        "function marked as a coroutine function",
        lambda sent: BackgroundTask(marked, sent, "ada"),
        sys.version_info >= (3, 12),
    ),
    (
        "collection",
        lambda sent: BackgroundTask(BackgroundTasks([lambda: sent.append("ada")])),
        True,
    ),
    ("task", lambda sent: BackgroundTask(BackgroundTask(sent.append, "ada")), True),
]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("make", "is_async"),
    [pytest.param(make, is_async, id=name) for name, make, is_async in CALLABLES],
)
async def test_every_kind_of_callable_is_called_once(
    make: Callable[[list[str]], BackgroundTask], *, is_async: bool
) -> None:
    sent: list[str] = []
    task = make(sent)

    assert task.is_async is is_async
    await task()
    assert sent == ["ada"]


@pytest.mark.anyio
async def test_bound_async_method_is_awaited() -> None:
    mailer = Mailer()

    task = BackgroundTask(mailer.send_async, "ada")

    assert task.is_async
    await task()
    assert mailer.sent == ["ada"]


@pytest.mark.anyio
async def test_callable_object_runs_in_a_worker_thread() -> None:
    mailer = Mailer()

    task = BackgroundTask(mailer, "ada")

    assert not task.is_async
    await task()
    assert mailer.sent == ["ada"]


@pytest.mark.anyio
async def test_mocks_are_tasks_like_any_other() -> None:
    plain, coroutine = Mock(return_value=None), AsyncMock()

    await BackgroundTask(plain, 1)()
    await BackgroundTask(coroutine, 2)()

    plain.assert_called_once_with(1)
    coroutine.assert_awaited_once_with(2)


@pytest.mark.anyio
async def test_awaitable_that_a_plain_function_returns_is_awaited_in_the_loop() -> None:
    threads: list[int] = []

    async def in_loop() -> None:
        threads.append(threading.get_ident())

    def in_thread() -> Coroutine[Any, Any, None]:
        threads.append(threading.get_ident())
        return in_loop()

    await BackgroundTask(in_thread)()

    assert threads[0] != threading.get_ident()
    assert threads[1] == threading.get_ident()


def test_future_returned_by_a_plain_function_is_awaited() -> None:
    async def main() -> str:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = asyncio.ensure_future(BackgroundTask(lambda: future)())
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(future.set_result, None)
        await task
        return "done" if future.done() else "not awaited"

    assert asyncio.run(main()) == "done"


@pytest.mark.anyio
async def test_result_is_dropped() -> None:
    run: Callable[[], Awaitable[object]] = BackgroundTask(lambda: 1)

    assert await run() is None


@pytest.mark.anyio
async def test_exception_of_an_async_function_is_raised() -> None:
    async def fail() -> None:
        raise ValueError("bad address")

    with pytest.raises(ValueError, match=r"^bad address$"):
        await BackgroundTask(fail)()


@pytest.mark.anyio
async def test_exception_of_a_plain_function_is_raised() -> None:
    def fail() -> None:
        raise ValueError("bad address")

    with pytest.raises(ValueError, match=r"^bad address$"):
        await BackgroundTask(fail)()


@pytest.mark.anyio
async def test_task_runs_each_time_it_is_awaited(record: Record) -> None:
    task = BackgroundTask(record.append, (1,))

    await task()
    await task()

    assert record == [(1,), (1,)]


# What it says of itself


def test_attributes_are_the_function_and_its_arguments() -> None:
    task = BackgroundTask(print, 1, sep="")

    assert (task.func, task.args, task.kwargs) == (print, (1,), {"sep": ""})


def test_name_shows_no_argument() -> None:
    partial = functools.partial(send_to, ["secret"])

    assert BackgroundTask(partial, to="secret").name == "tests.test_task.send_to"


def test_is_async_cannot_be_set() -> None:
    task: Any = BackgroundTask(print)

    with pytest.raises(AttributeError):
        task.is_async = True


def test_tasks_with_equal_function_and_arguments_are_equal() -> None:
    assert BackgroundTask(print, 1, sep="") == BackgroundTask(print, 1, sep="")


def test_tasks_of_the_same_bound_method_are_equal() -> None:
    assert BackgroundTask(mailer.send, "a") == BackgroundTask(mailer.send, "a")


@pytest.mark.parametrize(
    "other",
    [
        BackgroundTask(add_up, 1, sep=""),
        BackgroundTask(print, 2, sep=""),
        BackgroundTask(print, 1, sep=" "),
        BackgroundTask(print, 1, 1, sep=""),
        print,
        None,
    ],
)
def test_tasks_that_differ_are_not_equal(other: object) -> None:
    assert BackgroundTask(print, 1, sep="") != other


def test_task_is_not_hashable_as_its_arguments_may_not_be() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(BackgroundTask(print))


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (BackgroundTask(print), "BackgroundTask(builtins.print)"),
        (
            BackgroundTask(send_to, ["a"], to="b"),
            "BackgroundTask(tests.test_task.send_to, ['a'], to='b')",
        ),
        (
            BackgroundTask(mailer.send, "ada"),
            "BackgroundTask(tests.test_task.Mailer.send, 'ada')",
        ),
        (
            BackgroundTask(mailer, "ada"),
            "BackgroundTask(tests.test_task.Mailer, 'ada')",
        ),
        (BackgroundTask(mailer.sent.append, "a"), "BackgroundTask(list.append, 'a')"),
        (
            BackgroundTask(functools.partial(send_to, []), "ada"),
            "BackgroundTask(tests.test_task.send_to, 'ada')",
        ),
    ],
)
def test_repr_names_the_function_and_shows_the_arguments(
    task: BackgroundTask, expected: str
) -> None:
    assert repr(task) == expected


def test_repr_of_a_subclass_names_the_subclass() -> None:
    class Timed(BackgroundTask):
        pass

    assert repr(Timed(print)) == "Timed(builtins.print)"


# What it refuses


def generate() -> Iterator[int]:
    yield 1


async def generate_async() -> AsyncIterator[int]:
    yield 1


class Generating:
    def __call__(self) -> Iterator[int]:
        yield 1

    async def generate(self) -> AsyncIterator[int]:
        yield 1


GENERATORS = [
    (generate, "tests.test_task.generate"),
    (generate_async, "tests.test_task.generate_async"),
    (Generating(), "tests.test_task.Generating"),
    (Generating().generate, "tests.test_task.Generating.generate"),
    (functools.partial(generate), "tests.test_task.generate"),
    (functools.partial(Generating()), "tests.test_task.Generating"),
]

add_task = BackgroundTasks().add_task


@pytest.mark.parametrize(("func", "name"), GENERATORS)
@pytest.mark.parametrize("form", ["BackgroundTask", "add_task"])
def test_generator_function_is_refused(
    func: Callable[[], object], name: str, form: str
) -> None:
    add: Any = {"BackgroundTask": BackgroundTask, "add_task": add_task}[form]

    with pytest.raises(TypeError) as caught:
        add(func)

    assert str(caught.value) == (
        f"a background task must not be a generator function, got {name}: calling it "
        "runs none of its code. Write a function that iterates over it, and then "
        f"{form}(that_function, ...)"
    )


@pytest.mark.parametrize(
    ("value", "got"),
    [
        (None, "None"),
        ("send", "'str' object"),
        (3, "'int' object"),
        ([print], "'list' object"),
    ],
)
@pytest.mark.parametrize("form", ["BackgroundTask", "add_task"])
def test_what_is_not_callable_is_refused(value: object, got: str, form: str) -> None:
    add: Any = {"BackgroundTask": BackgroundTask, "add_task": add_task}[form]

    with pytest.raises(TypeError) as caught:
        add(value, 1)

    assert str(caught.value) == (
        f"a background task must be callable, got {got}: "
        f"write {form}(func, ...), not {form}(func(...))"
    )


@pytest.mark.parametrize("form", ["BackgroundTask", "add_task"])
def test_coroutine_is_refused_by_name_and_closed(form: str) -> None:
    add: Any = {"BackgroundTask": BackgroundTask, "add_task": add_task}[form]
    coroutine = send_to([], "ada")

    with pytest.raises(TypeError) as caught:
        add(coroutine)

    assert str(caught.value) == (
        "a background task must be callable, got 'coroutine' object: "
        f"write {form}(send_to, ...), not {form}(send_to(...))"
    )
    # Otherwise Python warns that it was never awaited, and this test fails.
    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED


@pytest.mark.anyio
async def test_coroutine_that_somebody_else_runs_is_left_to_them() -> None:
    async def refuse_itself() -> str:
        with pytest.raises(TypeError):
            add_task(itself)
        await anyio.lowlevel.checkpoint()
        return "finished"

    coroutine = refuse_itself()
    itself: Any = coroutine

    assert await coroutine == "finished"


def test_refused_task_is_not_added() -> None:
    tasks = BackgroundTasks()
    nothing: Any = None

    with pytest.raises(TypeError):
        tasks.add_task(nothing)

    assert tasks.tasks == []


@pytest.mark.anyio
@pytest.mark.parametrize("generator", [generate, generate_async])
async def test_generator_that_a_plain_function_returns_is_a_warning(
    generator: Callable[[], object],
) -> None:
    def call() -> object:
        return generator()

    with pytest.warns(RuntimeWarning, match="returned a generator") as caught:
        await BackgroundTask(call)()

    assert str(caught[0].message) == (
        f"{call.__module__}.{call.__qualname__} returned a generator, whose code "
        "does not run: if it has work to do, write a function that iterates over it"
    )
