"""Notes on exceptions, which name the tasks that failed or were not run."""

# SPDX-License-Identifier: MIT-0

from collections.abc import Callable
from contextlib import suppress
from itertools import count
from types import CodeType
from typing import Self

from typing_extensions import override

# A run takes the next number when it begins: one inside of it has a higher number.
run_numbers = count(1)

# The code that catches what tasks raise: in a traceback, it stands for its run.
run_codes: set[CodeType] = set()


class Note(str):
    """A note by this library, and the number of the run that it is about.

    With 0 it is about none, and stays; with -1 the next run removes it.
    """

    __slots__ = ("run",)
    run: int

    def __new__(cls, text: str, run: int = 0) -> Self:
        note = super().__new__(cls, text)
        note.run = run
        return note

    @override
    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)  # who unpickles it need not have this library


def add_note(exc: BaseException, text: str, run: int) -> None:
    """Add a note about a run, and remove those about runs that are not inside of it.

    Many runs may raise one exception object, for example that of a failed future that
    all of them await.
    """
    with suppress(Exception):  # a failure without its note is better than no failure
        notes: list[object] = getattr(exc, "__notes__", [])
        if notes and isinstance(last := notes[-1], Note) and last.run == run:
            # Adding that one has removed the others. To look at all notes again, for
            # each of 4,000 tasks in a group that share a failure, takes 6 s.
            notes.append(Note(text, run))
            return
        inside = was_raised_by_a_run(exc)
        _set_note(
            exc,
            Note(text, run),
            lambda note: note.run in {0, run} or (inside and note.run > run),
        )


def notes_of_runs(exc: BaseException) -> list[str]:
    """Return the notes of the runs that the exception came through."""
    with suppress(Exception):  # as above
        if was_raised_by_a_run(exc):
            return [note for note in exc.__notes__ if isinstance(note, Note)]
    return []


def replace_note(exc: BaseException, start: str, text: str, run: int = 0) -> None:
    """Add a note that is not about a run, in place of others with the same start."""
    with suppress(Exception):
        _set_note(exc, Note(start + text, run), lambda note: not note.startswith(start))


def was_raised_by_a_run(exc: BaseException) -> bool:
    """Whether it came through a run to the code that has caught it.

    (A context variable would tell too, for a sixth more time in every run.)
    """
    step = exc.__traceback__ and exc.__traceback__.tb_next  # the first one caught it
    while step is not None:
        if step.tb_frame.f_code in run_codes:
            return True
        step = step.tb_next
    return False


def _set_note(exc: BaseException, note: Note, keep: Callable[[Note], bool]) -> None:
    notes: list[object] = [
        other
        for other in getattr(exc, "__notes__", ())
        if not isinstance(other, Note) or keep(other)
    ]
    # Not exc.add_note(): the exception may be frozen, or have its own add_note().
    BaseException.__setattr__(exc, "__notes__", [*notes, note])
