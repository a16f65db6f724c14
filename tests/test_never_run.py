"""A collection that dies with tasks that no run has begun says so."""

import gc
import subprocess
import sys
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import pytest

from .subject import NAME, BackgroundTasks, subject

pytestmark = pytest.mark.filterwarnings("always::ResourceWarning")


@pytest.fixture(autouse=True)
def only_the_tests_own_objects_are_collected() -> Iterator[None]:
    """Collecting all others each time would take most of the time."""
    gc.freeze()
    yield
    gc.unfreeze()


async def send(to: str) -> None: ...


def fail() -> None:
    raise LookupError


def warned(use: Callable[[], object]) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        use()
        gc.collect()
    return [str(each.message) for each in caught]


def test_warning_names_the_tasks() -> None:
    def forget() -> None:
        tasks = BackgroundTasks()
        tasks.add_task(send, "ada@example.org")
        tasks.add_task(send, "bob@example.org")
        tasks.add_task(fail)

    assert warned(forget) == [
        (
            f"background tasks were never run: {__name__}.send (2 times), "
            f"{__name__}.fail: give their collection to a response, or write "
            "`await tasks()`"
        )
    ]


def test_warning_has_the_collection_as_its_source() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tasks = BackgroundTasks([fail])
        number = id(tasks)
        del tasks
        gc.collect()

    (warning,) = caught
    assert warning.category is ResourceWarning
    assert id(warning.source) == number


def run(tasks: BackgroundTasks) -> None:
    async def main() -> None:
        await tasks()

    anyio.run(main)


def run_twice(tasks: BackgroundTasks) -> None:
    run(tasks)
    run(tasks)


def run_and_add(tasks: BackgroundTasks) -> None:
    run(tasks)
    tasks.add_task(print)


def run_and_fail(tasks: BackgroundTasks) -> None:
    tasks.add_task(fail)
    tasks.add_task(fail)
    with pytest.raises(LookupError):
        run(tasks)


def clear(tasks: BackgroundTasks) -> None:
    tasks.add_task(fail)
    tasks.tasks.clear()


def do_nothing(tasks: BackgroundTasks) -> None: ...


@pytest.mark.parametrize("as_group", [False, True])
@pytest.mark.parametrize("use", [run, run_twice, run_and_add, clear, do_nothing])
def test_it_is_silent_once_a_run_has_begun_and_for_an_empty_collection(
    use: Callable[[BackgroundTasks], None], *, as_group: bool
) -> None:
    assert warned(lambda: use(BackgroundTasks(as_group=as_group))) == []


def test_it_is_silent_after_a_run_that_failed() -> None:
    assert warned(lambda: run_and_fail(BackgroundTasks())) == []


def test_it_is_silent_where_an_exception_has_told() -> None:
    def tell() -> None:
        tasks = BackgroundTasks([fail])
        note_not_run: Any = sys.modules[f"{NAME}._tasks"]
        exc = LookupError()
        note_not_run.note_not_run(exc, [tasks], "because it failed")
        assert exc.__notes__ == [f"Not run, because it failed: {__name__}.fail."]

    assert warned(tell) == []


def test_nothing_is_told_of_an_empty_collection() -> None:
    module: Any = sys.modules[f"{NAME}._tasks"]
    exc = LookupError()

    module.note_not_run(exc, [BackgroundTasks()], "because the request failed")

    assert not hasattr(exc, "__notes__")


def test_it_is_silent_for_a_collection_that_was_refused() -> None:
    def refuse() -> None:
        options: dict[str, Any] = {"on_error": 1}
        with pytest.raises(TypeError):
            BackgroundTasks([fail], **options)

    assert warned(refuse) == []


def test_run_that_was_made_and_not_awaited_has_not_begun() -> None:
    def forget() -> None:
        BackgroundTasks([fail])().close()

    (message,) = warned(forget)
    assert message.startswith("background tasks were never run: ")


SCRIPT = f"""
import {subject.__name__} as subject
kept = subject.BackgroundTasks([print])
if {{forget}}:
    del kept
"""


@pytest.mark.parametrize(
    ("options", "forget", "expected"),
    [([], True, False), (["-X", "dev"], True, True), (["-X", "dev"], False, False)],
    ids=["by default", "in development mode", "at exit"],
)
def test_when_python_shows_it(
    options: list[str], *, forget: bool, expected: bool
) -> None:
    script = SCRIPT.format(forget=forget)

    done = subprocess.run(
        [sys.executable, *options, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(filter(None, sys.path))},
    )

    assert ("ResourceWarning: background tasks were never run" in done.stderr) is (
        expected
    )


def test_collection_is_freed_without_the_garbage_collector() -> None:
    gc.disable()
    try:
        tasks = BackgroundTasks()
        gone = weakref.ref(tasks)
        del tasks
        assert gone() is None
    finally:
        gc.enable()
