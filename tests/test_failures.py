"""A task that fails: what is raised, what is reported, what is said of the others."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import anyio
import pytest
from typing_extensions import override

from .subject import BackgroundTask, BackgroundTasks, subject

HERE = __name__


class Failure(Exception):
    pass


def fail(secret: str = "") -> None:
    raise Failure(secret)


async def fail_async(secret: str = "") -> None:
    await anyio.lowlevel.checkpoint()
    raise Failure(secret)


def fine() -> None: ...


async def fine_async() -> None: ...


FAILING = pytest.mark.parametrize(
    "failing",
    [fail, fail_async, lambda: fail_async(), partial(fail)],
    ids=["plain", "async", "lambda", "partial"],
)


# Without on_error


@pytest.mark.anyio
@FAILING
async def test_exception_leaves_unchanged(failing: Callable[[], object]) -> None:
    failure = Failure("itself")

    def raise_it() -> None:
        raise failure

    with pytest.raises(Failure) as caught:
        await BackgroundTasks([fine, raise_it])()

    assert caught.value is failure
    assert caught.value.__cause__ is None
    with pytest.raises(Failure):
        await BackgroundTasks([fine, failing, fine_async])()


@pytest.mark.anyio
@FAILING
async def test_tasks_after_a_failure_do_not_run(failing: Callable[[], object]) -> None:
    ran: list[int] = []

    with pytest.raises(Failure):
        await BackgroundTasks(
            [partial(ran.append, 1), failing, partial(ran.append, 2)]
        )()

    assert ran == [1]


BY_NAME = pytest.mark.parametrize(
    ("failing", "name"), [(fail, "fail"), (fail_async, "fail_async")]
)


@pytest.mark.anyio
@BY_NAME
async def test_note_names_the_task_its_place_and_the_tasks_not_run(
    failing: Callable[[str], object], name: str
) -> None:
    tasks = BackgroundTasks([fine])
    tasks.add_task(failing, "secret")
    tasks.add_task(fine)
    tasks.add_task(fine_async)
    tasks.add_task(fine)
    tasks.add_task(BackgroundTasks())

    with pytest.raises(Failure) as caught:
        await tasks()

    assert caught.value.__notes__ == [
        f"At background task 2 of 6, {HERE}.{name}.",
        (
            f"Not run: {HERE}.fine (2 times), {HERE}.fine_async, "
            f"{subject.__name__}.BackgroundTasks."
        ),
    ]


@pytest.mark.anyio
@BY_NAME
async def test_note_of_the_last_task_names_no_other(
    failing: Callable[[], object], name: str
) -> None:
    with pytest.raises(Failure) as caught:
        await BackgroundTasks([fine, failing])()

    assert caught.value.__notes__ == [f"At background task 2 of 2, {HERE}.{name}."]


@pytest.mark.anyio
async def test_notes_of_a_nested_collection_go_from_the_inside_outwards() -> None:
    with pytest.raises(Failure) as caught:
        await BackgroundTasks([BackgroundTasks([fail, fine]), fine_async])()

    assert caught.value.__notes__ == [
        f"At background task 1 of 2, {HERE}.fail.",
        f"Not run: {HERE}.fine.",
        f"At background task 1 of 2, {subject.__name__}.BackgroundTasks.",
        f"Not run: {HERE}.fine_async.",
    ]


@pytest.mark.anyio
async def test_notes_are_printed_with_the_traceback() -> None:
    with pytest.raises(Failure) as caught:
        await BackgroundTasks([fail, fine])()

    printed = "".join(traceback.format_exception(caught.value))
    assert printed.endswith(f"Not run: {HERE}.fine.\n")


@dataclass(frozen=True)
class FrozenFailure(Exception):
    code: int


class StubbornFailure(Exception):
    @override
    def add_note(self, note: str, /) -> None:
        raise RuntimeError("no notes, please")

    @override
    def __str__(self) -> str:
        raise RuntimeError("no text, please")


@pytest.mark.anyio
@pytest.mark.parametrize("failure", [FrozenFailure(1), StubbornFailure()])
async def test_exception_that_forbids_notes_leaves_with_its_note(
    failure: Exception,
) -> None:
    async def raise_it() -> None:  # async, as contextlib itself fails with frozen ones
        raise failure

    with pytest.raises(type(failure)) as caught:
        await BackgroundTasks([raise_it, fine])()

    assert caught.value is failure
    assert caught.value.__notes__[-1] == f"Not run: {HERE}.fine."


class UnnotableFailure(Exception):
    @override
    def __getattribute__(self, name: str) -> object:
        if name == "__notes__":
            raise RuntimeError("no notes, please")
        return super().__getattribute__(name)


@pytest.mark.anyio
@pytest.mark.parametrize("as_group", [False, True])
async def test_exception_that_can_have_no_notes_is_reported_all_the_same(
    *, as_group: bool
) -> None:
    reported: list[Exception] = []
    ran: list[int] = []

    def fail() -> None:
        raise UnnotableFailure

    await BackgroundTasks(
        [fail, partial(ran.append, 1)],
        as_group=as_group,
        on_error=lambda _, exc: reported.append(exc),
    )()

    assert [type(exc) for exc in reported] == [UnnotableFailure]
    assert ran == [1]


class Proxy:
    """As frameworks have them: it stands for something while a request is served."""

    served = True

    def __getattribute__(self, name: str) -> object:
        if not Proxy.served:
            raise RuntimeError("outside of a request")
        return super().__getattribute__(name)

    def __call__(self) -> None: ...


@pytest.mark.anyio
async def test_proxy_that_stands_for_nothing_any_more_is_a_failure_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reported: list[list[str]] = []
    ran: list[int] = []
    tasks = BackgroundTasks(
        [partial(ran.append, 1), Proxy(), partial(ran.append, 2), Proxy()],
        on_error=lambda _, exc: reported.append(exc.__notes__),
    )
    monkeypatch.setattr(Proxy, "served", False)

    await tasks()

    assert ran == [1, 2]
    assert reported == [
        [f"At background task 2 of 4, {HERE}.Proxy."],
        [f"At background task 4 of 4, {HERE}.Proxy."],
    ]


@pytest.mark.anyio
@pytest.mark.parametrize("exception", [KeyboardInterrupt, SystemExit, GeneratorExit])
@pytest.mark.parametrize("is_async", [False, True])
async def test_other_than_exceptions_leave_with_the_note_too(
    exception: type[BaseException], *, is_async: bool
) -> None:
    def stop() -> None:
        raise exception

    async def stop_async() -> None:
        raise exception

    reported: list[object] = []
    tasks = BackgroundTasks(
        [stop_async if is_async else stop, fine],
        on_error=lambda _, exc: reported.append(exc),
    )

    with pytest.raises(exception) as caught:
        await tasks()

    assert caught.value.__notes__[-1] == f"Not run: {HERE}.fine."
    assert reported == []


@pytest.mark.anyio
@pytest.mark.parametrize("exception", [StopIteration, StopAsyncIteration])
async def test_stop_iteration_is_reported_as_python_reports_it(
    exception: type[Exception],
) -> None:
    # PEP 479: it cannot leave a coroutine.
    def stop() -> None:
        raise exception

    async def stop_async() -> None:
        raise exception

    for failing in (stop, stop_async):
        with pytest.raises((RuntimeError, exception)) as caught:
            await BackgroundTasks([failing, fine])()

        assert exception in {type(caught.value), type(caught.value.__cause__)}
        assert caught.value.__notes__[-1] == f"Not run: {HERE}.fine."


# With on_error

Reported = list[tuple[BackgroundTask, Exception]]


@pytest.mark.anyio
@FAILING
async def test_on_error_gets_the_task_and_its_exception_and_the_run_goes_on(
    failing: Callable[[], object],
) -> None:
    reported: Reported = []
    ran: list[int] = []
    tasks = BackgroundTasks(on_error=lambda task, exc: reported.append((task, exc)))
    for number, func in enumerate([fine, failing, fine_async, failing, fine]):
        tasks.add_task(func)
        tasks.add_task(ran.append, number)

    await tasks()

    assert ran == [0, 1, 2, 3, 4]
    assert [task for task, _ in reported] == [BackgroundTask(failing)] * 2
    assert [type(exc) for _, exc in reported] == [Failure] * 2


@pytest.mark.anyio
@pytest.mark.parametrize("as_group", [False, True])
async def test_exception_that_on_error_gets_says_which_task_it_is_of(
    *, as_group: bool
) -> None:
    notes: list[str] = []

    def report(task: BackgroundTask, exc: Exception) -> None:
        notes.extend(exc.__notes__)

    await BackgroundTasks([fine, fail, fine], as_group=as_group, on_error=report)()

    assert notes == [f"At background task 2 of 3, {HERE}.fail."]


@pytest.mark.anyio
async def test_places_are_right_whatever_a_hop_leaves_over() -> None:
    notes: list[str] = []
    tasks = BackgroundTasks(on_error=lambda _, exc: notes.extend(exc.__notes__))
    funcs: list[Callable[[], object]] = [
        *(fail, fail_async, fail, fine),
        *(fine_async, fail, fail_async),
    ]
    for func in funcs:
        tasks.add_task(func)

    await tasks()

    places = [note.split()[3] for note in notes]
    assert places == ["1", "2", "3", "6", "7"]


@pytest.mark.anyio
async def test_async_on_error_is_awaited() -> None:
    reported: Reported = []

    async def report(task: BackgroundTask, exc: Exception) -> None:
        await anyio.lowlevel.checkpoint()
        reported.append((task, exc))

    await BackgroundTasks([fail, fail_async], on_error=report)()

    assert [task.func for task, _ in reported] == [fail, fail_async]


@pytest.mark.anyio
async def test_plain_on_error_is_called_in_the_event_loop() -> None:
    tasks_there: list[int] = []

    await BackgroundTasks(
        [fail], on_error=lambda _, __: tasks_there.append(anyio.get_current_task().id)
    )()

    assert tasks_there == [anyio.get_current_task().id]


@pytest.mark.anyio
@FAILING
@pytest.mark.parametrize("is_async", [False, True])
async def test_what_on_error_raises_ends_the_run(
    failing: Callable[[], object], *, is_async: bool
) -> None:
    ran: list[int] = []

    def report(task: BackgroundTask, exc: Exception) -> None:
        raise LookupError("no log")

    async def report_async(task: BackgroundTask, exc: Exception) -> None:
        await anyio.lowlevel.checkpoint()
        report(task, exc)

    tasks = BackgroundTasks(
        [fine, failing, partial(ran.append, 1)],
        on_error=report_async if is_async else report,
    )

    with pytest.raises(LookupError, match="no log") as caught:
        await tasks()

    assert ran == []
    assert isinstance(caught.value.__context__, Failure)
    assert caught.value.__notes__ == ["Not run: list.append."]


@pytest.mark.anyio
async def test_on_error_may_raise_what_it_was_given() -> None:
    def report(task: BackgroundTask, exc: Exception) -> None:
        raise exc

    with pytest.raises(Failure) as caught:
        await BackgroundTasks([fail, fine], on_error=report)()

    assert caught.value.__notes__ == [
        f"At background task 1 of 2, {HERE}.fail.",
        f"Not run: {HERE}.fine.",
    ]


@pytest.mark.anyio
async def test_exception_group_goes_to_on_error_as_one() -> None:
    reported: Reported = []

    def fail_twice() -> None:
        raise ExceptionGroup("two", [Failure(), Failure()])

    await BackgroundTasks(
        [fail_twice], on_error=lambda task, exc: reported.append((task, exc))
    )()

    assert [type(exc) for _, exc in reported] == [ExceptionGroup]


@pytest.mark.anyio
async def test_thread_that_cannot_start_is_the_failure_of_its_task(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("can't start new thread")

    reported: Reported = []
    tasks = BackgroundTasks(
        [fine, fine_async, fine],
        on_error=lambda task, exc: reported.append((task, exc)),
    )
    monkeypatch.setattr(anyio.to_thread, "run_sync", refuse)

    await tasks()

    assert [task.func for task, _ in reported] == [fine, fine]
