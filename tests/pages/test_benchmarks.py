"""`make bench`, in its shortest form: it measures, and writes what the docs show."""

import json
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from benchmarks.measures import Row
from benchmarks.table import with_figures
from tests.project import ROOT


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("performance")
    measured = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks", "--rounds", "1"),
            *("--most", "30", "--folder", str(folder)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert measured.returncode == 0, measured.stderr
    assert "add and run 3 async, asyncio" in measured.stdout
    return folder


def test_figures_say_what_was_measured_and_on_what(folder: Path) -> None:
    figures = json.loads((folder / "figures.json").read_text())

    assert figures["machine"]["python"] in sys.version
    assert figures["versions"]["starlette"]
    rows = {row["work"]: row for row in figures["rows"]}
    assert rows["add 3"]["ratios"]["Starlette"]["median"] > 0
    assert rows["import, whole process"]["medians"]["bgtasks"] > 0
    for engine, way in (("Celery", ".delay()"), ("taskiq", ".kiq()")):
        if shutil.which("redis-server") is not None:
            sent = rows[f"send 30 tasks to {engine}, 1,000 registered"]
            assert sent["medians"][way] > 0
    for checker in ("mypy", "pyright", "ty", "pyrefly"):
        assert rows[f"{checker}: 30 calls of add_task"]["medians"]["direct"] > 0


@pytest.mark.parametrize("name", ["ratios.svg", "sync.svg"])
def test_plots_are_readable_in_light_and_in_dark(name: str, folder: Path) -> None:
    plot = (folder / name).read_text()

    assert ET.fromstring(plot).tag.endswith("svg")  # noqa: S314 (our own)
    assert "prefers-color-scheme: dark" in plot


def test_ratio_is_the_median_of_the_ratios_of_the_rounds() -> None:
    row = Row("add", "µs")
    for ours, theirs in ((1, 2), (9, 10), (2, 2)):
        row.note("bgtasks", ours)
        row.note("Starlette", theirs)

    assert row.ratio("Starlette").median == 0.9
    assert row.best_peer() == "Starlette"


# What is committed

PERFORMANCE = ROOT / "docs" / "performance"


def committed() -> Any:
    return json.loads((PERFORMANCE / "figures.json").read_text("utf-8"))


def test_committed_figures_are_of_what_is_measured(folder: Path) -> None:
    measured = json.loads((folder / "figures.json").read_text("utf-8"))
    works = [
        re.sub(r"\b1,?000\b(?! registered)", "30", row["work"])
        for row in committed()["rows"]
    ]

    assert [row["work"] for row in measured["rows"]] == works, "`make bench`"


def test_committed_figures_are_of_the_versions_that_are_installed() -> None:
    versions = {name: version(name) for name in committed()["versions"]}

    assert committed()["versions"] == versions, "`make bench`"


def test_page_shows_the_committed_figures() -> None:
    page = (ROOT / "docs" / "performance.md").read_text("utf-8")

    assert "| add and run 3 sync, asyncio | " in page
    assert page == with_figures(page, committed())
