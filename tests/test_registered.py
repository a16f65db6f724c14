"""What the modules of engines share: which task stands for which function."""

import importlib
import json
import threading
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import pytest
from typing_extensions import override

from .subject import NAME

_engines = importlib.import_module(f"{NAME}._engines")


class Task:
    """A task of an engine."""

    def __init__(self, function: Callable[..., object]) -> None:
        self.function = function


def send(to: str) -> None: ...


def print_page(page: str) -> None: ...


class Counting:
    """Return a task's function, and count how many were looked at."""

    def __init__(self) -> None:
        self.looks = 0

    def __call__(self, task: Task) -> object:
        self.looks += 1
        return task.function


@pytest.fixture
def index() -> Any:
    return _engines.Registered(Counting())


def test_function_is_found_by_the_names_of_its_tasks(index: Any) -> None:
    registry = {"a": Task(send), "b": Task(print_page), "c": Task(send)}

    assert index.names(send, registry) == ["a", "c"]
    assert index.names(print_page, registry) == ["b"]
    assert index.names(print, registry) == []


def test_tasks_that_are_added_or_removed_later_are_seen(index: Any) -> None:
    registry = {"a": Task(send)}
    assert index.names(send, registry) == ["a"]

    registry["b"] = Task(send)
    assert index.names(send, registry) == ["a", "b"]

    del registry["a"]
    assert index.names(send, registry) == ["b"]

    registry.clear()
    assert index.names(send, registry) == []


def test_task_that_takes_the_place_of_another_is_seen(index: Any) -> None:
    registry = {"a": Task(send), "b": Task(print)}
    assert index.names(send, registry) == ["a"]

    registry["a"] = Task(print_page)

    assert index.names(send, registry) == []
    assert index.names(print_page, registry) == ["a"]


def test_name_of_two_registries_stands_for_the_task_of_the_last(index: Any) -> None:
    shared = {"a": Task(send), "b": Task(send)}
    own = {"a": Task(print_page)}

    assert index.names(send, shared, own) == ["b"]
    assert index.names(send, shared, own) == ["b"]
    assert index.names(print_page, shared, own) == ["a"]


def test_each_lookup_of_a_method_finds_the_same_task(index: Any) -> None:
    mailer = Mailer()
    registry = {"a": Task(mailer.send), "b": Task(Mailer().send)}

    assert index.names(mailer.send, registry) == ["a"]
    assert index.names(mailer.send, registry) == ["a"]


class Mailer:
    def send(self, to: str) -> None: ...


class Equal:
    """A callable that says of itself that it is any other one."""

    @override
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]

    def __call__(self) -> None: ...


def test_what_only_says_to_be_equal_is_not_the_function(index: Any) -> None:
    assert index.names(Equal(), {"a": Task(send)}) == []
    assert index.names(send, {"a": Task(Equal())}) == []


@pytest.mark.parametrize("count", [10, 1000])
def test_lookup_takes_as_long_among_many_tasks_as_among_few(count: int) -> None:
    counting = Counting()
    index = _engines.Registered(counting)
    registry = {f"task {number}": Task(lambda: None) for number in range(count)}
    registry["send"] = Task(send)
    index.names(send, registry)
    counting.looks = 0

    for _ in range(100):
        index.names(send, registry)

    assert counting.looks == 100


def test_index_is_shared_by_all_runners_of_an_engine_and_goes_with_it() -> None:
    engine = Mailer()

    index = _engines.registered_with(engine, Counting())

    assert _engines.registered_with(engine, Counting()) is index
    assert _engines.registered_with(Mailer(), Counting()) is not index


class ChangesJustNow(dict[str, Task]):
    """A dictionary to which another thread adds, whenever it is asked for its end."""

    @override
    def __reversed__(self) -> Iterator[str]:
        raise RuntimeError("dictionary changed size during iteration")


def test_registry_that_changes_just_now_is_read_anew(index: Any) -> None:
    registry = ChangesJustNow(a=Task(send))

    for _ in range(2):
        assert index.names(send, registry) == ["a"]


def test_threads_find_a_function_while_others_register_some(index: Any) -> None:
    registry = {"send": Task(send)}
    found: list[list[str]] = []
    begin = threading.Barrier(4)

    def look() -> None:
        begin.wait()
        found.extend(index.names(send, registry) for _ in range(500))

    def register() -> None:
        begin.wait()
        for number in range(500):
            registry[f"{number}"] = Task(print_page)
            if number % 3:
                del registry[f"{number}"]

    threads = [threading.Thread(target=look) for _ in range(3)]
    threads.append(threading.Thread(target=register))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [["send"]] * 1500


# What wraps what, and what cannot be sent


def test_what_a_function_wraps_is_named_from_the_outside_to_the_inside() -> None:
    @wraps(send)
    def logged(to: str) -> None: ...

    @wraps(logged)
    def timed(to: str) -> None: ...

    assert [*_engines.wrapped_by(timed)] == [logged, send]
    assert [*_engines.wrapped_by(send)] == []


def test_wrappers_that_wrap_each_other_come_to_an_end() -> None:
    def one() -> None: ...

    def other() -> None: ...

    vars(one)["__wrapped__"] = other
    vars(other)["__wrapped__"] = one

    assert [*_engines.wrapped_by(one)] == [other]


def mail(to: str, *copies: object, subject: object = "", **others: object) -> None: ...


@pytest.mark.parametrize(
    ("func", "args", "kwargs", "names"),
    [
        (mail, ("a",), {"subject": {1}}, ["subject"]),
        (mail, ({1},), {"colour": {1}, "size": 1}, ["to", "others"]),
        (mail, ("a", {1}), {}, ["copies"]),
        (mail, (), {"subject": {1}}, ["subject"]),  # `to` is missing
        (dict.fromkeys, ({1}, 2), {}, ["iterable"]),
        (getattr, ("a", {1}), {}, ["args[1]"]),  # it shows no signature
        (mail, ("a",), {}, []),
    ],
    ids=["keyword", "several", "star", "missing", "builtin", "none", "fine"],
)
def test_arguments_that_cannot_be_sent_are_named_by_their_parameters(
    func: Callable[..., object],
    args: tuple[object, ...],
    kwargs: dict[str, object],
    names: list[str],
) -> None:
    assert _engines.refused_by(json.dumps, func, args, kwargs) == names
