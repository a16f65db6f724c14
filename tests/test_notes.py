"""Notes on an exception: about this run, and about no other."""

import asyncio
import copy
import gc
import pickle
import weakref
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import anyio
import anyio.to_thread
import pytest
from typing_extensions import override

from .subject import BackgroundTask, BackgroundTasks

HERE = __name__


class Failure(Exception):
    pass


def fine() -> None: ...


async def fine_async() -> None: ...


def notes_of(exc: BaseException) -> list[str]:
    return list(exc.__notes__)


async def failing_run(tasks: BackgroundTasks) -> list[str]:
    """Run the tasks, of which one fails, and return the notes of its exception."""
    if not tasks.as_group:
        with pytest.raises(Failure) as caught:
            await tasks()
        return notes_of(caught.value)
    with pytest.raises(ExceptionGroup) as caught_group:
        await tasks()
    (failure,) = caught_group.value.exceptions
    return notes_of(failure)


# One exception object, many runs


def shared_by_raising() -> Callable[[], object]:
    failure = Failure()

    def fail() -> None:
        raise failure

    return fail


@pytest.mark.anyio
@pytest.mark.parametrize("as_group", [False, True])
async def test_exception_raised_in_many_runs_keeps_the_notes_of_the_last(
    *, as_group: bool
) -> None:
    fail = shared_by_raising()
    name = getattr(fail, "__qualname__", "")
    for _ in range(100):
        await failing_run(BackgroundTasks([fail, fine], as_group))

    notes = await failing_run(BackgroundTasks([fail, fine], as_group))
    assert notes[0] == f"At background task 1 of 2, {HERE}.{name}."
    assert notes[1:] == ([] if as_group else [f"Not run: {HERE}.fine."])


@pytest.mark.parametrize("as_group", [False, True])
def test_future_that_many_runs_await_at_once_has_notes_of_one(
    *, as_group: bool
) -> None:
    counts: list[int] = []

    async def main() -> None:
        future = asyncio.get_running_loop().create_future()

        async def wait() -> None:
            await future

        async def request() -> None:
            tasks = BackgroundTasks([fine_async, wait, fine], as_group)
            counts.append(len(await failing_run(tasks)))

        async with asyncio.TaskGroup() as group:
            for _ in range(100):
                group.create_task(request())
            for _ in range(20):
                await asyncio.sleep(0)
            future.set_exception(Failure())

    asyncio.run(main())

    assert counts == [1 if as_group else 2] * 100


@pytest.mark.anyio
async def test_exception_that_another_run_has_had_meanwhile_is_noted_anew() -> None:
    failure = Failure()

    def fail() -> None:
        raise failure.with_traceback(None)  # as a failed future does

    async def fail_twice() -> None:
        await failing_run(BackgroundTasks([fail, fine]))
        fail()

    assert await failing_run(BackgroundTasks([fail_twice])) == [
        f"At background task 1 of 1, {HERE}.{fail_twice.__qualname__}."
    ]


@pytest.mark.anyio
async def test_exception_that_on_error_has_had_is_noted_anew() -> None:
    fail = shared_by_raising()
    name = getattr(fail, "__qualname__", "")
    reported: list[list[str]] = []
    tasks = BackgroundTasks(
        [fail, BackgroundTasks([fail]), fail],
        on_error=lambda _, exc: reported.append(notes_of(exc)),
    )

    await tasks()

    nested = BackgroundTask(BackgroundTasks()).name
    assert reported == [
        [f"At background task 1 of 3, {HERE}.{name}."],
        [
            f"At background task 1 of 1, {HERE}.{name}.",
            f"At background task 2 of 3, {nested}.",
        ],
        [f"At background task 3 of 3, {HERE}.{name}."],
    ]


@pytest.mark.anyio
async def test_exception_that_tasks_of_a_group_share_names_all_of_them() -> None:
    failure = Failure()

    async def fail() -> None:
        failure.add_note("theirs")
        raise failure

    with pytest.raises(ExceptionGroup) as caught:
        await BackgroundTasks([fail, fine_async, fail, fail], as_group=True)()

    assert caught.value.exceptions == (failure,) * 3
    name = BackgroundTask(fail).name
    assert sorted(notes_of(failure)) == [  # trio starts them in any order
        *(f"At background task {place} of 4, {name}." for place in (1, 3, 4)),
        *["theirs"] * 3,
    ]


@pytest.mark.anyio
async def test_notes_of_other_people_stay() -> None:
    failure = Failure()
    failure.add_note("theirs")

    def fail() -> None:
        failure.add_note("more of theirs")
        raise failure

    tasks = BackgroundTasks([fail])
    await failing_run(tasks)
    notes = await failing_run(tasks)

    place = f"At background task 1 of 1, {HERE}.{fail.__qualname__}."
    assert notes == ["theirs", "more of theirs", "more of theirs", place]


# A run inside of another


async def inner() -> None:
    def fail() -> None:
        raise Failure

    await BackgroundTasks([fail, fine])()


async def by_task() -> None:
    await asyncio.create_task(inner())


async def by_gather() -> None:
    await asyncio.gather(inner(), fine_async())


async def by_wait_for() -> None:
    await asyncio.wait_for(inner(), 5)


async def by_thread() -> None:
    await asyncio.to_thread(lambda: asyncio.run(inner()))


def by_plain_function() -> None:
    asyncio.run(inner())


@pytest.mark.parametrize("as_group", [False, True])
@pytest.mark.parametrize(
    "outer", [inner, by_task, by_gather, by_wait_for, by_thread, by_plain_function]
)
def test_notes_of_a_run_inside_stay(
    outer: Callable[[], object], *, as_group: bool
) -> None:
    notes: list[str] = []

    async def main() -> None:
        notes.extend(await failing_run(BackgroundTasks([outer, fine], as_group)))

    for _ in range(2):
        notes.clear()
        asyncio.run(main())

    fail = f"{HERE}.inner.<locals>.fail"
    assert notes[:3] == [
        f"At background task 1 of 2, {fail}.",
        f"Not run: {HERE}.fine.",
        f"At background task 1 of 2, {HERE}.{getattr(outer, '__name__', '')}.",
    ]
    assert notes[3:] == ([] if as_group else [f"Not run: {HERE}.fine."])


@pytest.mark.anyio
@pytest.mark.parametrize("as_group", [False, True])
async def test_failure_taken_out_of_a_group_keeps_its_note(*, as_group: bool) -> None:
    async def take_out() -> None:
        with pytest.raises(ExceptionGroup) as caught:
            await BackgroundTasks([shared_by_raising(), fine], as_group=True)()
        raise caught.value.exceptions[0]

    assert await failing_run(BackgroundTasks([take_out], as_group)) == [
        f"At background task 1 of 2, {HERE}.shared_by_raising.<locals>.fail.",
        f"At background task 1 of 1, {HERE}.{take_out.__qualname__}.",
    ]


@pytest.mark.anyio
async def test_notes_can_be_copied_and_pickled_without_this_library() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        await BackgroundTasks([BackgroundTask(divmod, 1, 0)])()

    place = "At background task 1 of 1, builtins.divmod."
    assert notes_of(copy.deepcopy(caught.value)) == [place]
    pickled = pickle.dumps(caught.value)
    assert b"bgtasks" not in pickled
    assert notes_of(pickle.loads(pickled)) == [place]  # noqa: S301 (our own)


# Names


class WithoutModule:
    @override
    def __getattribute__(self, name: str) -> Any:
        if name == "__module__":
            raise RuntimeError("no module, please")
        return super().__getattribute__(name)

    def __call__(self) -> None:
        raise Failure


class Unnamed(BackgroundTask):
    @property
    @override
    def name(self) -> str:
        raise RuntimeError("no name, please")


class Nameless(type):
    @override
    def __getattribute__(cls, name: str) -> Any:
        if name == "__qualname__":
            raise RuntimeError("no name, please")
        return super().__getattribute__(name)


class OfNameless(metaclass=Nameless):
    async def __call__(self) -> None:
        raise Failure


@pytest.mark.anyio
@pytest.mark.parametrize("as_group", [False, True])
@pytest.mark.parametrize(
    ("make", "name"),
    [
        (WithoutModule, f"{HERE}.WithoutModule"),
        (lambda: Unnamed(WithoutModule()), f"{HERE}.Unnamed"),
        (OfNameless, "a callable that has no name"),
    ],
    ids=["no module", "no name of the task", "no name of the class"],
)
async def test_naming_a_task_never_ends_the_run(
    make: Callable[[], Callable[[], object]], name: str, *, as_group: bool
) -> None:
    reported: list[tuple[type[Exception], list[str]]] = []
    tasks = BackgroundTasks(
        [make()],
        as_group,
        on_error=lambda _, exc: reported.append((type(exc), notes_of(exc))),
    )

    await tasks()

    assert reported == [(Failure, [f"At background task 1 of 1, {name}."])]


# References


def freed_without_the_garbage_collector(
    main: Callable[[object], Coroutine[Any, Any, None]],
) -> bool:
    class Argument: ...

    async def run() -> bool:
        argument = Argument()
        gone = weakref.ref(argument)
        await main(argument)
        del argument
        with anyio.move_on_after(1):
            while gone() is not None:
                # A worker thread may keep its last call until the next one.
                await anyio.to_thread.run_sync(int)
        return gone() is None

    gc.disable()
    try:
        return asyncio.run(run())
    finally:
        gc.enable()


async def fail_with(_: object) -> None:
    raise Failure


async def cancel_itself(_: object) -> None:
    current = asyncio.current_task()
    if current is not None:
        current.cancel()
    await asyncio.sleep(0)


@pytest.mark.parametrize("as_group", [False, True])
@pytest.mark.parametrize("count", [1, 3])
def test_failed_run_keeps_no_arguments_alive(count: int, *, as_group: bool) -> None:
    async def main(argument: object) -> None:
        tasks = BackgroundTasks(as_group=as_group)
        for _ in range(count):
            tasks.add_task(fail_with, argument)
        with suppress(Exception):
            await tasks()

    assert freed_without_the_garbage_collector(main)


@pytest.mark.parametrize("as_group", [False, True])
@pytest.mark.parametrize("task", [fail_with, cancel_itself])
def test_on_error_that_raises_it_again_keeps_no_arguments_alive(
    task: Callable[[object], Coroutine[Any, Any, None]], *, as_group: bool
) -> None:
    def raise_again(_: BackgroundTask, exc: Exception) -> None:
        try:
            raise exc
        finally:
            del exc  # its own cycle

    async def main(argument: object) -> None:
        tasks = BackgroundTasks(as_group=as_group, on_error=raise_again)
        tasks.add_task(task, argument)
        with suppress(Exception, asyncio.CancelledError):
            await tasks()

    assert freed_without_the_garbage_collector(main)


@pytest.mark.parametrize("is_of_on_error", [False, True])
def test_failed_future_that_is_returned_keeps_no_arguments_alive(
    *, is_of_on_error: bool
) -> None:
    async def main(argument: object) -> None:
        loop = asyncio.get_running_loop()

        def fail_later(*_: object) -> asyncio.Future[None]:
            future = loop.create_future()
            future.set_exception(Failure())
            return future

        tasks = BackgroundTasks(on_error=fail_later if is_of_on_error else None)
        task: Any = fail_with if is_of_on_error else fail_later
        tasks.add_task(task, argument)
        with suppress(Failure):
            await tasks()

    assert freed_without_the_garbage_collector(main)


@pytest.mark.parametrize("stops", [False, True])
def test_group_with_a_cancelled_task_keeps_no_arguments_alive(*, stops: bool) -> None:
    class Stop(BaseException): ...

    def stop(_: BackgroundTask, exc: Exception) -> None:
        raise Stop

    async def main(argument: object) -> None:
        tasks = BackgroundTasks(as_group=True, on_error=stop if stops else None)
        tasks.add_task(cancel_itself, argument)
        with suppress(ExceptionGroup, Stop):
            await tasks()

    assert freed_without_the_garbage_collector(main)
