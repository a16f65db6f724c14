"""Measure all, print the table, write the figures and the plots.

``make bench`` says how it is called.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from . import calls, checkers, engines, requests
from .libraries import installed
from .measures import Row, share
from .plots import growth, ratios
from .table import as_json, line, table, with_figures

MEASURED = (
    *("bgtasks", "starlette", "fastapi", "lilya", "litestar", "anyio", "uvloop"),
    *("uvicorn", "celery", "taskiq", "redis", "mypy", "pyright", "ty", "pyrefly"),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--page", type=Path, help="where a table of them goes")
    parser.add_argument("--only", choices=["calls", "requests", "engines", "checkers"])
    parser.add_argument("--most", type=int, default=1000, help="tasks, or calls")
    given = parser.parse_args()
    rounds: int = given.rounds
    most: int = given.most
    libraries = installed()
    rows: list[Row] = []

    def done(*new: Row) -> None:
        for row in new:
            rows.append(row)
            sys.stderr.write(f"{time.strftime('%H:%M:%S')} {line(row)}\n")

    if given.only in {None, "calls"}:
        for row in calls.adding(libraries, rounds, most):
            done(row)
        for loop in ("asyncio", "uvloop"):
            done(*calls.on_loop(loop, calls.running(libraries, rounds, most, loop)))
        done(*calls.on_loop("asyncio", calls.options(rounds)))
        done(*calls.on_loop("asyncio", calls.pooling(rounds)))
        done(calls.memory(libraries), calls.importing(libraries, rounds))
    if given.only in {None, "requests"}:
        few = max(1, rounds // 2)
        done(*requests.end_to_end(few, seconds=share(rounds)))
    if given.only in {None, "engines"}:
        for row in engines.sending(max(3, rounds // 3), most):
            done(row)
    if given.only in {None, "checkers"}:
        for row in checkers.checking(rounds, most):
            done(row)

    print(table(rows))
    write(given.folder, rows, most, given.page)


def write(folder: Path, rows: list[Row], most: int, page: Path | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    figures = {"machine": machine(), "versions": versions(), "rows": as_json(rows)}
    text = json.dumps(figures, indent=1, ensure_ascii=False)
    (folder / "figures.json").write_text(f"{text}\n")
    if page is not None:
        page.write_text(with_figures(page.read_text("utf-8"), figures), "utf-8")
    by_name = {row.name: row for row in rows}
    shown = [
        row
        for row in rows
        if row.target is not None or row.name.startswith("sync endpoint")
    ]
    (folder / "ratios.svg").write_text(ratios(shown))
    numbers = sorted([*calls.NUMBERS, most])
    names = {number: f"add and run {number} sync, asyncio" for number in numbers}
    if all(name in by_name for name in names.values()):
        sizes = {number: by_name[name] for number, name in names.items()}
        (folder / "sync.svg").write_text(growth(sizes))


def machine() -> dict[str, object]:
    processor = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        lines = information.read_text().splitlines()
        models = [line.split(":")[1].strip() for line in lines if "model name" in line]
        processor = models[0] if models else processor
    return {
        "processor": processor,
        "processors": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d"),
    }


def versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in MEASURED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


main()
