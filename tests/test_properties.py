"""Random programs of tasks: what must hold for all of them.

Each program is run twice: by a collection, and by `ByHand`, which awaits one call after
another and is as short as can be. Both must leave the same trace.
"""

import asyncio
import gc
import inspect
import re
import signal
import threading
import warnings
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import suppress
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest
import trio
from anyio.lowlevel import checkpoint, checkpoint_if_cancelled
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from typing_extensions import override

from .subject import BackgroundTask, BackgroundTasks

pytestmark = pytest.mark.no_cover

EVENT_LOOPS: list[tuple[str, dict[str, Any]]] = [
    ("asyncio", {}),
    ("asyncio", {"debug": True}),
    ("asyncio", {"use_uvloop": True}),
    ("trio", {}),
]
EXCEPTIONS: list[type[BaseException]] = [
    ValueError,
    StopIteration,
    StopAsyncIteration,
    KeyboardInterrupt,
    SystemExit,
    GeneratorExit,
]
Shape: TypeAlias = Literal["async", "plain", "async partial", "partial", "lambda"]
Action: TypeAlias = Literal[
    "end",
    "fail",
    "add",
    "add from outside",
    "append",
    "remove",
    "nest",
    "cancel",
    "cancel and fail",
    "cancel natively",
]
OnError: TypeAlias = Literal["none", "plain", "async", "raises"]


# Programs


@dataclass
class Call:
    shape: Shape
    action: Action
    waits: int
    exception: type[BaseException]
    program: "Program"  # to add, or to nest


@dataclass
class Program:
    calls: list[Call]
    as_group: bool = False
    on_error: OnError = "none"
    runner: bool = False


EMPTY = Program([])


# What is added from outside comes at a moment that no order of calls decides.
IN_ORDER: list[Action] = [
    action for action in get_args(Action) if action != "add from outside"
]


def calls(
    programs: st.SearchStrategy[Program], actions: list[Action]
) -> st.SearchStrategy[Call]:
    return st.builds(
        Call,
        shape=st.sampled_from(["async", "plain", "async partial", "partial", "lambda"]),
        action=st.sampled_from([*["end"] * 3, *["fail"] * 2, *actions]),
        waits=st.integers(0, 2),
        exception=st.sampled_from([ValueError, *EXCEPTIONS]),
        program=programs,
    )


def programs_of(
    calls: st.SearchStrategy[Call], as_group: st.SearchStrategy[bool]
) -> st.SearchStrategy[Program]:
    return st.builds(
        Program,
        calls=st.lists(calls, max_size=5),
        as_group=as_group,
        on_error=st.sampled_from(["none", "plain", "plain", "async", "raises"]),
        runner=st.booleans(),
    )


def programs(
    as_group: st.SearchStrategy[bool], actions: list[Action]
) -> st.SearchStrategy[Program]:
    leaves = programs_of(calls(st.just(EMPTY), actions), as_group)
    return programs_of(calls(leaves, actions), as_group)


SEQUENTIAL = programs(st.just(value=False), IN_ORDER)
ANY = programs(st.booleans(), [*get_args(Action)])


# By hand


async def call_by_hand(task: BackgroundTask) -> None:
    if task.is_async:
        func: Any = task.func
        await func(*task.args, **task.kwargs)
        return

    results: list[object] = []
    exceptions: list[BaseException] = []

    def call() -> None:
        try:
            results.append(copy_context().run(task.func, *task.args, **task.kwargs))
        except BaseException as exc:
            exceptions.append(exc)

    await anyio.to_thread.run_sync(call)
    for exception in exceptions:
        raise exception
    for result in results:
        if inspect.isawaitable(result):
            await result
    await checkpoint_if_cancelled()


@dataclass
class ByHand:
    on_error: Callable[[BackgroundTask, Exception], object] | None
    runner: Callable[[BackgroundTask], Awaitable[object]] | None
    tasks: list[Callable[[], object]] = field(
        default_factory=list[Callable[[], object]]
    )

    def add_task(self, func: Callable[..., object], *args: object) -> None:
        self.tasks.append(BackgroundTask(func, *args))

    async def __call__(self) -> None:
        if self.runner is not None and self.tasks:
            await checkpoint_if_cancelled()
        for item in self.tasks:
            task = item if isinstance(item, BackgroundTask) else BackgroundTask(item)
            try:
                if self.runner is None:
                    await call_by_hand(task)
                else:
                    await self.runner(task)
                    await checkpoint_if_cancelled()
            except Exception as exc:
                if self.on_error is None:
                    raise
                reported = self.on_error(task, exc)
                if inspect.isawaitable(reported):
                    await reported
                await checkpoint_if_cancelled()


# What happens to a program


variable = ContextVar("variable", default=-1)


class Line(NamedTuple):
    what: str
    number: int
    seen: object


class ReportFailed(Exception):
    pass


@dataclass
class World:
    """One run of a program, and its trace."""

    by_hand: bool = False
    trace: list[Line] = field(default_factory=list[Line])
    added: list[int] = field(default_factory=list[int])
    said: list[str] = field(default_factory=list[str])  # the notes
    parents: dict[int, int] = field(default_factory=dict[int, int])
    # Taken out of a list, or not put into one as its run was over.
    removed: set[int] = field(default_factory=set[int])
    over: set[int] = field(default_factory=set[int])  # runs, by their parent
    scope: anyio.CancelScope | None = None
    task: asyncio.Task[None] | None = None
    post: Callable[..., object] | None = None  # by a thread, into the event loop

    async def run_program(self, program: Program, parent: int) -> None:
        try:
            await self.collection(program, parent)()
        finally:
            self.over.add(parent)

    def collection(self, program: Program, parent: int) -> Callable[[], Any]:
        options: dict[str, Any] = {
            "on_error": None if program.on_error == "none" else self.reporter(program),
            "runner": self.run if program.runner else None,
        }
        if self.by_hand:
            tasks: Any = ByHand(**options)
        else:
            tasks = BackgroundTasks(as_group=program.as_group, **options)
        self.add(tasks, program.calls, parent)
        result: Callable[[], Any] = tasks
        return result

    async def run(self, task: BackgroundTask) -> None:
        await (call_by_hand(task) if self.by_hand else task())

    def reporter(self, program: Program) -> Callable[[BackgroundTask, Exception], Any]:
        def report(task: BackgroundTask, exc: Exception) -> None:
            self.trace.append(
                Line("reported", int(task.name.split("_")[-1]), type(exc))
            )
            self.hear(exc)
            if program.on_error == "raises":
                raise ReportFailed

        async def report_async(task: BackgroundTask, exc: Exception) -> None:
            await checkpoint()
            report(task, exc)

        return report_async if program.on_error == "async" else report

    def hear(self, exc: BaseException) -> None:
        self.said += getattr(exc, "__notes__", ())
        inside: tuple[object, ...] = getattr(exc, "exceptions", ())
        for other in (exc.__cause__, exc.__context__, *inside):
            if isinstance(other, BaseException):
                self.hear(other)

    def add(self, tasks: Any, calls: list[Call], parent: int) -> None:
        for _, function in self.functions(tasks, calls, parent):
            tasks.add_task(function)

    def add_from_outside(self, tasks: Any, calls: list[Call], parent: int) -> None:
        functions = [*self.functions(tasks, calls, parent)]
        self.removed.update(number for number, _ in functions)

        def add() -> None:
            if parent not in self.over:
                for number, function in functions:
                    tasks.add_task(function)
                    self.removed.remove(number)

        self.in_loop_soon(add)

    def in_loop_soon(self, call: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the event loop is closed
            if self.post is not None:
                self.post(call)

    def functions(
        self, tasks: Any, calls: list[Call], parent: int
    ) -> Iterator[tuple[int, Callable[[], object]]]:
        for call in calls:
            number = len(self.added)
            self.added.append(number)
            self.parents[number] = parent
            yield number, self.function(number, call, tasks)

    def remove(self, tasks: Any) -> None:
        """Take the last one out of the list, unless it has been started."""
        if getattr(tasks, "as_group", False) or not tasks.tasks:
            return
        last: Any = tasks.tasks[-1]
        task = last if isinstance(last, BackgroundTask) else BackgroundTask(last)
        number = int(task.name.split("_")[-1])
        if number not in self.numbers("start"):
            tasks.tasks.pop()
            self.removed.add(number)

    def function(
        self, number: int, call: Call, tasks: Callable[[], Any]
    ) -> Callable[[], object]:
        def plain() -> None:
            with Step(self, number):
                if call.action == "add from outside":
                    parent = self.parents[number]
                    self.add_from_outside(tasks, call.program.calls, parent)
                    return
                self.act(
                    number, call, tasks, lambda func: anyio.from_thread.run_sync(func)
                )

        async def asynchronous() -> None:
            with Step(self, number):
                for _ in range(call.waits):
                    await checkpoint()
                if call.action == "nest":
                    await self.run_program(call.program, number)
                else:
                    self.act(number, call, tasks, lambda func: func())

        def returning() -> Coroutine[Any, Any, None]:
            return asynchronous()

        is_async = call.shape in {"async", "async partial"}
        function: Callable[[], object] = asynchronous if is_async else plain
        if call.shape == "lambda":
            function = returning
        function.__name__ = function.__qualname__ = f"task_{number}"
        return partial(function) if "partial" in call.shape else function

    def act(
        self,
        number: int,
        call: Call,
        tasks: Any,
        in_loop: Callable[[Callable[[], None]], None],
    ) -> None:
        if call.action == "cancel natively" and self.task is not None:
            self.in_loop_soon(self.task.cancel)
        elif self.scope is not None and "cancel" in call.action:
            in_loop(self.scope.cancel)
        if "fail" in call.action:
            raise call.exception(number)
        # Nothing nested in a thread: in a cancelled scope, anyio 4.16 spins for ever in
        # a task group that from_thread.run() has begun.
        parent = self.parents[number]
        match call.action:
            case "add" | "add from outside":
                self.add(tasks, call.program.calls, parent)
            case "append":
                for _, function in self.functions(tasks, call.program.calls, parent):
                    tasks.tasks.append(function)
            case "remove":
                self.remove(tasks)
            case _:
                pass

    def numbers(self, what: str) -> list[int]:
        return [line.number for line in self.trace if line.what == what]

    def named(self, beginning: str = "") -> set[int]:
        notes = [note for note in self.said if note.startswith(beginning)]
        return {int(number) for number in re.findall(r"task_(\d+)", " ".join(notes))}


@dataclass
class Step:
    """Notes that a call starts, what it sees of the context, and how it ends."""

    world: World
    number: int

    def __enter__(self) -> None:
        self.world.trace.append(Line("start", self.number, variable.get()))
        variable.set(self.number)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.world.trace.append(Line("end", self.number, kind))


Cancel: TypeAlias = Literal["never", "scope", "task", "by a task of it"]


def run(
    program: Program,
    event_loop: tuple[str, dict[str, Any]],
    *,
    by_hand: bool = False,
    cancel: Cancel = "never",
    after: int = 0,
) -> World:
    """Run the program in an event loop of its own, which must be left clean."""
    world = World(by_hand=by_hand)

    async def run_it() -> None:
        try:
            await world.run_program(program, -1)
        except BaseException as exc:
            world.trace.append(Line("left", -1, type(exc)))
            world.hear(exc)
            if isinstance(exc, anyio.get_cancelled_exc_class()):
                raise

    async def cancel_task() -> None:
        world.post = asyncio.get_running_loop().call_soon_threadsafe
        world.task = task = asyncio.ensure_future(run_it())
        if cancel == "task":
            for _ in range(after):
                await asyncio.sleep(0)
            task.cancel()
        await asyncio.wait([task])

    async def main() -> None:
        if event_loop[0] == "trio":
            world.post = trio.lowlevel.current_trio_token().run_sync_soon
        else:
            world.post = asyncio.get_running_loop().call_soon_threadsafe
        with anyio.CancelScope() as scope:
            world.scope = scope
            async with anyio.create_task_group() as group:
                if cancel == "scope":
                    group.start_soon(cancel_later, scope, after)
                await run_it()
        world.trace.append(Line("cancelled", -1, scope.cancelled_caught))

    def hear_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            world.hear(args.exc_value)

    threads = threading.active_count()
    backend, options = event_loop
    excepthook, threading.excepthook = threading.excepthook, hear_thread
    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(5)
    try:
        anyio.run(
            cancel_task if "task" in cancel else main,
            backend=backend,
            backend_options=options,
        )
    finally:
        signal.alarm(0)
        join_workers()
        threading.excepthook = excepthook
    if backend == "asyncio":  # trio keeps its threads for the next event loop
        assert threading.active_count() <= threads, "a thread is left"
    return world


async def cancel_later(scope: anyio.CancelScope, after: int) -> None:
    for _ in range(after):
        await checkpoint()
    scope.cancel()


def too_long(*_: object) -> None:
    raise TimeoutError("the run does not end")


def join_workers() -> None:
    """Wait for the threads of an event loop of asyncio's, once it is closed."""
    for thread in threading.enumerate():
        if thread.name == "AnyIO worker thread":
            thread.join(5)


def assert_all_accounted_for(world: World) -> None:
    started, ended = world.numbers("start"), world.numbers("end")
    assert len(started) == len(set(started)), "a task has run twice"
    assert sorted(started) == sorted(ended), "a task was left in the middle"
    # A task given to a runner, or in a group, may have been cancelled before it began:
    # then it is named as the one where the run ended, or as not finished.
    # A cancelled group names the task that ran a collection, not that one's tasks.
    named = world.named()
    for number in {*world.added} - {*started} - world.removed:
        assert number in named or world.parents[number] in named, "a task was lost"
    assert not world.named("Not run") & {*started}, "a task is wrongly said not to run"


@pytest.fixture(autouse=True, scope="module")
def nothing_is_left() -> Iterator[None]:
    """A coroutine that nobody awaited warns when it is collected: an error here."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gc.collect()


# What must hold


@given(SEQUENTIAL, st.sampled_from(EVENT_LOOPS))
def test_run_leaves_the_trace_of_its_tasks_awaited_by_hand(
    program: Program, event_loop: tuple[str, dict[str, Any]]
) -> None:
    assert (
        run(program, event_loop).trace == run(program, event_loop, by_hand=True).trace
    )


@given(SEQUENTIAL, st.sampled_from(EVENT_LOOPS))
def test_sequential_tasks_do_not_overlap_and_keep_their_order(
    program: Program, event_loop: tuple[str, dict[str, Any]]
) -> None:
    world = run(program, event_loop)

    running: list[int] = []  # nested ones inside those that run them
    last: dict[int, int] = {}
    for line in world.trace:
        number = line.number
        if line.what == "start":
            parent = running[-1] if running else -1
            assert world.parents[number] == parent
            assert last.get(parent, -1) < number
            last[parent] = number
            running.append(number)
        elif line.what == "end":
            assert running.pop() == number


@given(ANY, st.sampled_from(EVENT_LOOPS))
def test_every_task_ran_once_or_is_named_as_not_run(
    program: Program, event_loop: tuple[str, dict[str, Any]]
) -> None:
    assert_all_accounted_for(run(program, event_loop))


@given(ANY, st.sampled_from(EVENT_LOOPS), st.integers(0, 30))
def test_every_task_is_accounted_for_whenever_its_scope_is_cancelled(
    program: Program, event_loop: tuple[str, dict[str, Any]], after: int
) -> None:
    assert_all_accounted_for(run(program, event_loop, cancel="scope", after=after))


@given(ANY, st.sampled_from(EVENT_LOOPS[:-1]), st.integers(0, 30))
def test_every_task_is_accounted_for_whenever_asyncio_cancels_the_run(
    program: Program, event_loop: tuple[str, dict[str, Any]], after: int
) -> None:
    assert_all_accounted_for(run(program, event_loop, cancel="task", after=after))


@given(ANY, st.sampled_from(EVENT_LOOPS[:-1]))
def test_every_task_is_accounted_for_when_one_cancels_the_run_natively(
    program: Program, event_loop: tuple[str, dict[str, Any]]
) -> None:
    assert_all_accounted_for(run(program, event_loop, cancel="by a task of it"))


# A collection's life


class Life(RuleBasedStateMachine):
    """A collection is added to, run, run twice at once, and copied, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.tasks = BackgroundTasks()
        self.all = [self.tasks]
        self.expected: list[int] = []
        self.ran: list[int] = []
        self.number = 0

    async def run_async(self, number: int) -> None:
        await checkpoint()
        self.ran.append(number)

    def next(self) -> int:
        self.number += 1
        self.expected.append(self.number)
        return self.number

    @rule()
    def add_async(self) -> None:
        self.tasks.add_task(self.run_async, self.next())

    @rule()
    def add_plain(self) -> None:
        self.tasks.add_task(self.ran.append, self.next())

    @rule()
    def add_lambda(self) -> None:
        number = self.next()
        self.tasks.add_task(lambda: self.run_async(number))

    @rule()
    def add_partial(self) -> None:
        self.tasks.add_task(partial(self.run_async, number=self.next()))

    @rule(wrong=st.one_of(st.none(), st.integers(), st.text("ab")))
    def add_what_is_refused(self, wrong: Any) -> None:
        with pytest.raises(TypeError):
            self.tasks.add_task(wrong)

    @rule()
    def copy(self) -> None:
        copied = BackgroundTasks(self.tasks.tasks)
        assert copied.tasks == self.tasks.tasks
        self.tasks = copied
        self.all.append(copied)

    @rule()
    def nest(self) -> None:
        self.tasks = BackgroundTasks([self.tasks])
        self.all.append(self.tasks)

    @override
    def teardown(self) -> None:
        for tasks in self.all:
            tasks.tasks.clear()  # not all have been run: no ResourceWarning

    @rule(event_loop=st.sampled_from(EVENT_LOOPS))
    def run_once(self, event_loop: tuple[str, dict[str, Any]]) -> None:
        self.run(self.tasks, event_loop)
        assert self.ran == self.expected
        self.ran.clear()

    @rule(event_loop=st.sampled_from(EVENT_LOOPS))
    def run_as_group(self, event_loop: tuple[str, dict[str, Any]]) -> None:
        self.run(self.tasks.run_as_group, event_loop)
        assert sorted(self.ran) == self.expected
        self.ran.clear()

    @rule(event_loop=st.sampled_from(EVENT_LOOPS))
    def run_twice_at_once(self, event_loop: tuple[str, dict[str, Any]]) -> None:
        self.run(BackgroundTasks([self.tasks] * 2, as_group=True), event_loop)
        assert sorted(self.ran) == sorted(self.expected * 2)
        self.ran.clear()

    @invariant()
    def is_true(self) -> None:
        assert bool(self.tasks) is True

    def run(
        self, call: Callable[[], Awaitable[None]], event_loop: tuple[str, Any]
    ) -> None:
        async def main() -> None:
            await call()

        backend, options = event_loop
        anyio.run(main, backend=backend, backend_options=options)


# Not typed in this version of hypothesis.
TestLife = Life.TestCase  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
