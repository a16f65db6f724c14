"""Try every interleaving of an event loop and its worker threads, within a bound.

A scenario is an async function that takes a `Schedule`, runs some tasks and asserts
what must hold. `explore(scenario)` runs it again and again, each time under another
schedule. Only one thread runs at a time, and at each line of the package it may be
stopped while another goes on. `preemptions` says how often a thread that could go on
may be stopped in one run; to let another go on when it waits or ends costs nothing.

    async def add_while_a_thread_works(schedule: Schedule) -> None:
        ran: list[int] = []
        tasks = BackgroundTasks([lambda: ran.append(1)])
        schedule.outside(lambda: tasks.add_task(ran.append, 2))
        await tasks()
        await schedule.finish()  # all other threads are done
        assert ran == [1, 2]

    explore(add_while_a_thread_works)  # fails, and its note says under which schedule

- `schedule.outside(call)`: somebody posts the call to the event loop, at any moment.
- `schedule.thread(call)`: another thread makes the call, at any moment.
- `schedule.post(call)`: a task in a worker thread posts the call, now.
- `schedule.point()`: one more place to stop at, in a task of the scenario.

A task must not wait for another thread (by an event, or `from_thread.run()`): nobody
would go on, and the run fails after some seconds. The package's `threading.Lock()` is
replaced by one that lets others go on. uvloop cannot be held: it sleeps unseen.

None of the libraries that schedule threads (frontrun, interleave-test, ploom) takes
this work over: they know their own threads and locks, not an event loop that sleeps in
a system call and gets worker threads from anyio.
"""

import asyncio
import faulthandler
import gc
import queue
import selectors
import sys
import threading
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from inspect import currentframe
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple, TypeAlias
from unittest.mock import patch

import anyio
import anyio.to_thread
import trio
from anyio.lowlevel import checkpoint
from typing_extensions import override

from .subject import subject

PACKAGE = Path(subject.__file__ or "").parent
PATIENCE = 20  # seconds until what does not end has failed; nothing ever waits so long
IMPATIENCE = 30  # rounds of the event loop without a sleep, until others must go on

Scenario: TypeAlias = Callable[["Schedule"], Awaitable[None]]
Trace: TypeAlias = Callable[[FrameType, str, Any], Any]

# How a thread wakes the event loop, and how the loop gives work to a thread.
POSTS: set[CodeType] = {
    asyncio.BaseEventLoop.call_soon_threadsafe.__code__,
    trio.lowlevel.TrioToken.run_sync_soon.__code__,
}
STARTS: set[CodeType] = {
    queue.Queue[object].put.__code__,  # of anyio's worker threads
    trio.lowlevel.start_thread_soon.__code__,
}
TRIO: Any = import_module("trio._core._run")


class NotDeterministic(Exception):
    """The same choices have led to another place: a mistake of the scenario's."""


def always() -> bool:
    return True


# These are asked at each call and at each line.


@cache
def is_in(folder: str, file: str) -> bool:
    return Path(file).is_relative_to(folder)


@cache
def name_of(file: str) -> str:
    return Path(file).name


def no_event_loop(_: object) -> None:
    raise RuntimeError("no event loop runs yet")


@dataclass(eq=False)
class Actor:
    """A thread that runs only when it is its turn."""

    name: str
    turn: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    ready: Callable[[], bool] = always
    # Of a worker thread that has only to tell the event loop.
    is_done: bool = False
    trace_before: Any = None


class Decision(NamedTuple):
    """One moment at which more than one thread could go on."""

    where: str
    options: int
    choice: int
    going_on: int | None  # the choice that is no preemption, where there is one
    preemptions: int  # so far, without this one


class Schedule:
    """One run of a scenario: who goes on at each moment."""

    def __init__(self, choices: list[int], *, folder: Path, opcodes: bool) -> None:
        self.decisions: list[Decision] = []
        self.switches: list[str] = []
        self._choices = choices
        self._folder = str(folder)
        self._opcodes = opcodes
        self._actors: list[Actor] = []
        self._by_thread: dict[int, Actor] = {}
        self._loop = Actor("loop")
        self._posted = False
        self._is_asleep = False
        self._rounds = 0
        self._moves = 0
        self._post: Callable[..., object] = no_event_loop
        self._arrived = threading.Condition()
        self._expected = 0
        self._names = 0
        self._outside: list[Callable[[], object]] = []
        self._threads: list[threading.Thread] = []
        self._error: BaseException | None = None

    # For scenarios

    def outside(self, call: Callable[[], object]) -> None:
        """Let somebody else post the call to the event loop, at any moment."""
        self._outside.append(call)

    def thread(self, call: Callable[[], object]) -> None:
        """Make the call at any moment in a thread that is nobody's."""
        visit = self._visit(call, is_worker=False)
        self._expected += 1
        thread = threading.Thread(target=visit, daemon=True)
        self._threads.append(thread)
        thread.start()
        self._settle()

    def point(self) -> None:
        """Let another thread go on here."""
        actor = self._by_thread.get(threading.get_ident())
        if actor is not None:
            self._switch(actor, "a task")

    def post(self, call: Callable[[], object]) -> None:
        """Make the call in the event loop, from a task in a worker thread."""
        self._post(call)

    async def finish(self) -> None:
        """Wait until all other threads are done, and what they posted is."""
        self.wait_for(lambda: self._actors == [self._loop], "the end")
        for _ in range(3):
            await checkpoint()

    # For explore()

    def run(self, scenario: Scenario, backend: str) -> None:
        def in_thread() -> None:
            try:
                TRIO._r.seed(0)  # noqa: SLF001 (trio runs its tasks in a random order)
                # In debug mode the same schedules would take as long again.
                options = {"loop_factory": self._event_loop, "debug": False}
                anyio.run(
                    self._main,
                    scenario,
                    backend=backend,
                    backend_options=options if backend == "asyncio" else None,
                )
            except BaseException as exc:
                self._fail(exc)

        thread = threading.Thread(target=in_thread, name="loop", daemon=True)
        with self._in_charge():
            thread.start()
            thread.join(PATIENCE)
            for other in self._threads:
                other.join(PATIENCE)
        if thread.is_alive():
            faulthandler.dump_traceback(sys.__stderr__ or 2)
            self._fail(TimeoutError("the run does not end"))
        if self._error is not None:
            raise self._error

    def _event_loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.SelectorEventLoop(IdleSelector(self))

    async def _main(self, scenario: Scenario) -> None:
        try:
            self._post = asyncio.get_running_loop().call_soon_threadsafe
        except RuntimeError:
            self._post = trio.lowlevel.current_trio_token().run_sync_soon
            trio.lowlevel.add_instrument(TrioIsIdle(self))
        self._actors.append(self._loop)
        self._begin(self._loop)
        try:
            await scenario(self)
        finally:
            self._outside.clear()
            await self.finish()
            self._leave(self._loop)

    @contextmanager
    def _in_charge(self) -> Generator[None]:
        run_sync: Any = anyio.to_thread.run_sync
        lock = threading.Lock

        def run_in_turn(func: Callable[..., Any], *args: Any, **options: Any) -> Any:
            return run_sync(self._visit(func), *args, **options)

        def lock_in_turn() -> object:
            frame = currentframe()
            caller = None if frame is None else frame.f_back
            if caller is not None and is_in(self._folder, caller.f_code.co_filename):
                return LockInTurn(self)
            return lock()

        with (
            patch.object(anyio.to_thread, "run_sync", run_in_turn),
            patch.object(threading, "Lock", lock_in_turn),
        ):
            yield

    # A worker thread's visit

    def _visit(
        self, func: Callable[..., Any], *, is_worker: bool = True
    ) -> Callable[..., Any]:
        self._names += 1
        actor = Actor(f"thread {self._names}")

        def visit(*args: Any) -> Any:
            self._arrive(actor)
            try:
                return func(*args)
            finally:
                if is_worker:
                    actor.is_done = True  # and leaves when it has told the event loop
                else:
                    self._leave(actor)

        return visit

    def _arrive(self, actor: Actor) -> None:
        with self._arrived:
            self._actors.append(actor)
            self._expected -= 1
            self._arrived.notify_all()
        self._take_turn(actor)
        self._begin(actor)

    def _begin(self, actor: Actor) -> None:
        self._by_thread[threading.get_ident()] = actor
        actor.trace_before = sys.gettrace()
        sys.settrace(self._trace(actor))

    def _leave(self, actor: Actor) -> None:
        sys.settrace(actor.trace_before)
        self._by_thread.pop(threading.get_ident(), None)
        self._actors.remove(actor)
        if self._actors:
            self._choose(None, f"the end of {actor.name}").turn.release()

    def _settle(self) -> None:
        """Wait for the threads that were started, so that each run does the same."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: self._expected <= 0, PATIENCE):
                self._fail(TimeoutError("a thread that was started does not begin"))

    # Whose turn it is

    def _trace(self, actor: Actor) -> Trace:
        def at_line(frame: FrameType, event: str, _: object) -> Trace:
            if event == ("opcode" if self._opcodes else "line"):
                self._switch(actor, where(frame))
            return at_line

        def at_post(_: FrameType, event: str, __: object) -> Trace:
            if event == "return":
                self._posted = True
                if actor.is_done:
                    self._leave(actor)
            return at_post

        def at_start(_: FrameType, event: str, __: object) -> Trace:
            if event == "return":
                self._settle()
            return at_start

        def at_call(frame: FrameType, _: str, __: object) -> Trace | None:
            code = frame.f_code
            if code in POSTS:
                return at_post
            if code in STARTS and frame.f_locals.get("item", "some") is not None:
                self._expected += 1
                return at_start
            if not is_in(self._folder, code.co_filename):
                return None
            frame.f_trace_opcodes = self._opcodes
            return at_line

        return at_call

    def _switch(self, actor: Actor, where: str) -> None:
        self._moves += actor is not self._loop
        chosen = self._choose(actor, where)
        if chosen is not actor:
            chosen.turn.release()
            self._take_turn(actor)

    def _take_turn(self, actor: Actor) -> None:
        if not actor.turn.acquire(timeout=PATIENCE):
            self._fail(TimeoutError(f"it is never the turn of {actor.name}"))

    def _choose(self, actor: Actor | None, where: str) -> Actor:
        ready = [other for other in self._actors if other.ready()]
        if not ready:
            return self._loop  # sleeps, until something from elsewhere wakes it
        if len(ready) == 1:
            return ready[0]
        going_on = ready.index(actor) if actor in ready else None
        if actor is self._loop and self._is_asleep:
            going_on = None
        who = "" if actor is None else f"{actor.name} at "
        names = [f"{other.name} goes on" for other in ready]
        return ready[self._decide(f"{who}{where}", names, going_on)]

    def _decide(self, where: str, options: list[str], going_on: int | None) -> int:
        if len(options) == 1:
            return 0
        index = len(self.decisions)
        preemptions = 0
        if self.decisions:
            last = self.decisions[-1]
            preemptions = last.preemptions + (
                last.going_on is not None and last.going_on != last.choice
            )
        choice = self._choices[index] if index < len(self._choices) else going_on or 0
        if choice >= len(options):
            self._fail(NotDeterministic(where))
            choice = 0
        self.decisions.append(
            Decision(where, len(options), choice, going_on, preemptions)
        )
        if going_on != choice and options[choice].endswith("goes on"):
            self.switches.append(f"{where}: {options[choice]}")
        return choice

    def wait_for(self, ready: Callable[[], bool], where: str) -> bool:
        """Let others go on until it is ready; false in a thread that has no turns."""
        actor = self._by_thread.get(threading.get_ident())
        if actor is None:
            return False
        actor.ready = ready
        self._switch(actor, where)
        actor.ready = always
        return True

    def goes_round(self, *, sleeps: bool) -> None:
        """Let others go on between two rounds of the event loop, until it is woken."""
        self._rounds = 0 if sleeps else self._rounds + 1
        if self._rounds > IMPATIENCE:  # anyio may go round until a thread is done
            self._rounds, before = 0, self._moves
            self.wait_for(lambda: self._moves != before, "one round of too many")
        self._is_asleep = sleeps and not self._posted
        if not self.wait_for(
            lambda: not sleeps or self._posted or bool(self._outside), "its next round"
        ):
            return
        self._is_asleep = False
        while self._outside:
            # Two that are equal are not tried in both orders.
            calls = [
                call
                for index, call in enumerate(self._outside)
                if call not in self._outside[:index]
            ]
            options = [f"{call} is posted" for call in calls]
            going_on = None
            if not sleeps or self._posted:
                options.insert(0, "nothing is posted")
                going_on = 0
            choice = self._decide("loop at its next round", options, going_on)
            choice -= len(options) - len(calls)
            if choice < 0:
                break
            self.switches.append(f"loop at its next round: {calls[choice]} is posted")
            self._outside.remove(calls[choice])
            self._post(calls[choice])
            self._posted = True

    def is_awake(self) -> None:
        self._posted = False

    def _fail(self, exc: BaseException) -> None:
        if self._error is None:
            self._error = exc


class IdleSelector(selectors.DefaultSelector):
    def __init__(self, schedule: Schedule) -> None:
        super().__init__()
        self._schedule = schedule

    @override
    def select(self, timeout: float | None = None) -> Any:
        self._schedule.goes_round(sleeps=timeout is None or timeout > 0)
        events = super().select(timeout)
        self._schedule.is_awake()
        return events


class TrioIsIdle(trio.abc.Instrument):
    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule

    @override
    def before_io_wait(self, timeout: float) -> None:
        self._schedule.goes_round(sleeps=timeout > 0)

    @override
    def after_io_wait(self, timeout: float) -> None:
        self._schedule.is_awake()


class LockInTurn:
    """A lock for which a thread waits by letting others go on."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._is_locked = False

    def acquire(self) -> bool:
        while self._is_locked:
            if not self._schedule.wait_for(lambda: not self._is_locked, "a lock"):
                msg = "a lock of the package's is taken where no turns are kept"
                raise RuntimeError(msg)
        self._is_locked = True
        return True

    def release(self) -> None:
        self._is_locked = False

    def locked(self) -> bool:
        return self._is_locked

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


def where(frame: FrameType) -> str:
    code = frame.f_code
    return f"{name_of(code.co_filename)}:{frame.f_lineno} ({code.co_name})"


def explore(
    scenario: Scenario,
    *,
    backend: str = "asyncio",
    preemptions: int = 2,
    folder: Path = PACKAGE,
    opcodes: bool = False,
) -> int:
    """Run the scenario under every schedule, and return how many there are."""
    count = 0
    waiting: list[tuple[list[int], list[str]]] = [([], [])]
    was_enabled = gc.isenabled()
    gc.disable()  # what it calls would come at another line each time
    gc.freeze()  # and what was there before need not be looked at again and again
    try:
        while waiting:
            choices, expected = waiting.pop()
            schedule = Schedule(choices, folder=folder, opcodes=opcodes)
            try:
                schedule.run(scenario, backend)
                places = [decision.where for decision in schedule.decisions]
                if places[: len(expected)] != expected:
                    raise NotDeterministic(places, expected)
            except BaseException as exc:
                exc.add_note(f"Under schedule {count + 1}: {choices}.")
                exc.add_note("\n".join(schedule.switches))
                raise
            count += 1
            taken = [decision.choice for decision in schedule.decisions]
            for index in range(len(choices), len(taken)):
                decision = schedule.decisions[index]
                for other in range(decision.options):
                    is_preemption = decision.going_on not in {None, other}
                    if other == decision.choice or (
                        decision.preemptions + is_preemption > preemptions
                    ):
                        continue
                    waiting.append(([*taken[:index], other], places[: index + 1]))
            if count % 20 == 0:  # asyncio looks at all tasks that are left
                gc.collect()
    finally:
        gc.collect()
        gc.unfreeze()
        if was_enabled:
            gc.enable()
    return count
