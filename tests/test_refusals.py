"""What is accepted works, and what cannot work is refused at once: for any object."""

import functools
import inspect
import itertools
import operator
import re
import types
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast
from unittest.mock import MagicMock, Mock, NonCallableMock

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from .subject import BackgroundTask, BackgroundTasks

# What a func, a runner or an on_error may be


def plain(*_: object) -> None: ...


async def asynchronous(*_: object) -> None: ...


def plain_around_async(*_: object) -> Coroutine[Any, Any, None]:
    return asynchronous()


def generate(*_: object) -> Iterator[int]:
    yield 1


async def generate_async(*_: object) -> AsyncIterator[int]:
    yield 1


@types.coroutine
def old_coroutine(*_: object) -> Iterator[None]:
    yield


class Object:
    def method(self, *_: object) -> None: ...

    async def async_method(self, *_: object) -> None: ...

    def generator_method(self, *_: object) -> Iterator[int]:
        yield 1

    @classmethod
    def class_method(cls, *_: object) -> None: ...

    @staticmethod
    async def static_method(*_: object) -> None: ...


class Callables(Object):
    def __call__(self, *_: object) -> None: ...


class AsyncCallable:
    async def __call__(self, *_: object) -> None: ...


class GeneratorCallable:
    def __call__(self, *_: object) -> Iterator[int]:
        yield 1


class NotCallable(Callables):
    __call__ = None  # type: ignore[assignment]


class Made:
    def __init__(self, *_: object) -> None: ...


class MetaGenerator(type):
    def __call__(cls, *_: object) -> Iterator[int]:
        yield 1


class MadeByGenerator(metaclass=MetaGenerator): ...


@dataclass
class Make:
    """What is made in the test: a coroutine that no test gets would warn."""

    make: Callable[[], object]


def made(given: Any) -> Any:
    if isinstance(given, Make):
        return given.make()
    if isinstance(given, list):
        return [made(item) for item in cast("list[object]", given)]
    return given


FUNCTIONS: list[Any] = [
    plain,
    asynchronous,
    generate,
    generate_async,
    old_coroutine,
    Object().method,
    Object().async_method,
    Object().generator_method,
    Object.class_method,
    Object.static_method,
    Callables(),
    AsyncCallable(),
    GeneratorCallable(),
    NotCallable(),
    Made,
    MadeByGenerator,
    Object,
    print,
    plain_around_async,
    Mock(return_value=None),
    MagicMock(return_value=None),
    NonCallableMock(),
    BackgroundTask(plain),
    BackgroundTasks([plain]),
    BackgroundTask,
]


def objects(functions: list[Any], *wrappers: Callable[..., Any]) -> Any:
    """Return a strategy for anything, functions in wrappers of Python's included."""

    def wrapped(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        callables = inner.filter(callable)
        return st.one_of([st.builds(wrapper, callables) for wrapper in wrappers])

    return st.one_of(
        st.integers(),
        # Others than ASCII take hypothesis two seconds in each new environment.
        st.text(st.characters(codec="ascii"), max_size=5),
        st.binary(max_size=5),
        st.lists(st.integers(), max_size=2),
        st.builds(object),
        st.sampled_from([Make(asynchronous), Make(generate), Make(generate_async)]),
        st.recursive(st.sampled_from(functions), wrapped, max_leaves=4),
    )


# These show other parameters than they take, so they are functions here, not options.
UNTOLD = [operator.methodcaller("__repr__"), functools.lru_cache(plain)]
ANYTHING = st.none() | objects([*FUNCTIONS, *UNTOLD], functools.partial, staticmethod)
OPTIONS = objects(FUNCTIONS, functools.partial)
REMEDIES = ("write ", "iterate", "takes", "is called as")


def assert_refused_in_time(refused: Exception, given: object) -> None:
    assert isinstance(refused, TypeError), repr(refused)
    assert any(remedy in str(refused) for remedy in REMEDIES), str(refused)
    if inspect.iscoroutine(given):
        assert inspect.getcoroutinestate(given) == inspect.CORO_CLOSED


def run(tasks: Callable[[], Any]) -> None:
    async def main() -> None:
        await tasks()

    anyio.run(main)


@given(ANYTHING, st.sampled_from(["BackgroundTask", "add_task", "tasks"]))
def test_any_func_works_or_is_refused_with_a_remedy(func: Any, form: str) -> None:
    func, tasks = made(func), BackgroundTasks()
    try:
        match form:
            case "BackgroundTask":
                tasks.tasks.append(BackgroundTask(func))
            case "add_task":
                tasks.add_task(func)
            case _:
                tasks = BackgroundTasks([func])
    except Exception as refused:
        assert_refused_in_time(refused, func)
        return

    # Whether the arguments fit is what type checkers are for: inspect.signature() at
    # each add_task() would take longer than ten of them.
    with suppress(TypeError, ValueError):
        inspect.signature(func).bind()
        run(tasks)
        return
    with pytest.raises((TypeError, ValueError)):
        inspect.signature(func).bind()


@given(
    st.one_of(ANYTHING, st.lists(ANYTHING, max_size=3), st.just(Make(itertools.count)))
)
def test_any_tasks_work_or_are_refused_with_a_remedy(tasks: Any) -> None:
    tasks = made(tasks)
    try:
        collection = BackgroundTasks(tasks)
    except Exception as refused:
        assert_refused_in_time(refused, tasks)
        return

    assert all(isinstance(task, BackgroundTask) for task in collection.tasks)


@given(OPTIONS, st.booleans())
def test_any_on_error_works_or_is_refused_with_a_remedy(
    on_error: Any, as_group: object
) -> None:
    def fail() -> None:
        raise ValueError("reported")

    on_error = made(on_error)
    try:
        tasks = BackgroundTasks([fail], as_group=bool(as_group), on_error=on_error)
    except Exception as refused:
        assert_refused_in_time(refused, on_error)
        return

    run(tasks)


@given(OPTIONS, st.booleans())
def test_any_runner_works_or_is_refused_with_a_remedy(
    runner: Any, as_group: object
) -> None:
    runner = made(runner)
    try:
        tasks = BackgroundTasks([plain], as_group=bool(as_group), runner=runner)
    except Exception as refused:
        assert_refused_in_time(refused, runner)
        return

    try:
        run(tasks)
    except (TypeError, ExceptionGroup) as exc:
        # What a plain function returns is seen when it is called, and not before.
        inner = exc.exceptions[0] if isinstance(exc, ExceptionGroup) else exc
        assert "runner must return an awaitable" in str(inner)


# What the fuzzing has found


def test_endless_iterator_of_wrong_tasks_is_refused() -> None:
    endless: Any = itertools.count()

    with pytest.raises(TypeError, match="each of the tasks must be callable"):
        BackgroundTasks(endless)


def test_static_method_that_is_a_generator_function_is_refused() -> None:
    with pytest.raises(TypeError, match="must not be a generator function"):
        BackgroundTask(staticmethod(generate))


def test_static_method_that_is_async_is_async() -> None:
    assert BackgroundTask(staticmethod(asynchronous)).is_async


def test_object_whose_class_forbids_calls_is_refused() -> None:
    wrong: Any = NotCallable()

    for func in (wrong, functools.partial(wrong)):
        with pytest.raises(TypeError, match="must be callable, got"):
            BackgroundTask(func)


# Parameters of on_error and runner


def one(task: object) -> None: ...


def two(task: object, exc: object) -> None: ...


def with_default(task: object, exc: object, log: object = print) -> None: ...


def keyword(task: object, exc: object, *, log: object) -> None: ...


class Reporter:
    def report(self, task: object, exc: object) -> None: ...

    def report_one(self, task: object) -> None: ...


@functools.wraps(one)
def takes_two_around_one(*args: object) -> None: ...


@pytest.mark.parametrize(
    "on_error",
    [
        two,
        plain,
        with_default,
        Reporter().report,
        functools.partial(keyword, log=print),
        functools.partial(print, "failed"),
        takes_two_around_one,
        print,
        dict,  # shows no signature
        Mock(),
    ],
)
def test_on_error_that_takes_a_task_and_an_exception_is_accepted(on_error: Any) -> None:
    BackgroundTasks(on_error=on_error)


@pytest.mark.parametrize(
    ("on_error", "name", "reason"),
    [
        (one, "one", "too many positional arguments"),
        (keyword, "keyword", "missing a required (keyword-only )?argument: 'log'"),
        (Reporter().report_one, "Reporter.report_one", "too many positional arguments"),
    ],
)
def test_on_error_that_takes_something_else_is_refused(
    on_error: Any, name: str, reason: str
) -> None:
    with pytest.raises(TypeError) as caught:
        BackgroundTasks(on_error=on_error)

    assert re.fullmatch(
        r"on_error is called as on_error\(task, exc\), which "
        rf"{__name__}.{name} does not accept: {reason}",
        str(caught.value),
    )


def test_runner_that_takes_no_task_is_refused() -> None:
    runner: Any = two

    with pytest.raises(TypeError, match=r"^runner is called as runner\(task\), which "):
        BackgroundTasks(runner=runner)


@pytest.mark.parametrize("flag", ["false", two, [True]])
def test_flag_that_is_something_else_is_refused(flag: Any) -> None:
    got = re.escape(f"got '{type(flag).__name__}' object")

    with pytest.raises(TypeError, match=f"^as_group must be True or False, {got}$"):
        BackgroundTasks([plain], flag)


@pytest.mark.parametrize("given", [{}, {"func": plain}, {"path": "portrait.png"}])
def test_call_without_the_function_or_with_it_by_name_is_told_how_to_write_it(
    given: dict[str, Any],
) -> None:
    tasks = BackgroundTasks()
    add_task: Any = tasks.add_task
    new_task: Any = BackgroundTask

    with pytest.raises(
        TypeError, match=r"write add_task\(func, \.\.\.\), not add_task"
    ):
        add_task(**given)
    with pytest.raises(TypeError, match=r"write BackgroundTask\(func, \.\.\.\), not"):
        new_task(**given)
    assert tasks.tasks == []


@pytest.mark.parametrize("takes_func", [BackgroundTask, BackgroundTasks.add_task])
def test_signature_says_that_the_function_must_be_given(
    takes_func: Callable[..., object],
) -> None:
    func = inspect.signature(takes_func).parameters["func"]

    assert func.default is func.empty
    assert func.kind is func.POSITIONAL_ONLY
