"""What arrives in the worker, as docs/engines.md has it; a function for each row."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import BaseModel

from tests.integrations.reporting import report
from tests.project import ROOT


class Point(NamedTuple):
    x: int
    y: int


@dataclass
class Picture:
    path: str


class User(BaseModel):
    name: str


class Colour(Enum):
    RED = "red"


NAMES: dict[str, object] = {
    **{each.__name__: each for each in (Point, Picture, User, Colour, Path, UUID)},
    **{each.__name__: each for each in (date, datetime, timedelta, Decimal)},
    "nan": math.nan,
}


class Row(NamedTuple):
    """An argument, and what becomes of it."""

    argument: str
    parameter: str
    celery: str
    taskiq: str
    untyped: str

    @property
    def value(self) -> Any:
        return value_of(self.argument)

    def arrives(self, cell: str) -> str | None:
        """Return the representation of what arrives; None if sending is an error."""
        match cell:
            case "an error":
                return None
            case "the same":
                return repr(self.value)
            case _:
                return repr(value_of(cell))


def value_of(cell: str) -> Any:
    (code,) = re.findall(r"^`(.*?)`", cell)
    return eval(code, NAMES)  # noqa: S307 (our own page)


def rows() -> list[Row]:
    page = (ROOT / "docs" / "engines.md").read_text("utf-8")
    section = page.partition("## What arrives in the worker")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [Row(*line.strip("| ").split(" | ")) for line in lines[2:]]


def taking(number: int, annotation: object = None) -> Callable[..., None]:
    """Return the function of a row; each is another one."""

    def take(value: Any) -> None:
        report("take", number, repr(value))

    take.__annotations__ = {} if annotation is None else {"value": annotation}
    take.__qualname__ = take.__name__ = f"take_{number}"
    return take
