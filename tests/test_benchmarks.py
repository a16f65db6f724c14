"""`make bench`, in its shortest form: it measures, and writes what the docs show."""

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.measures import Row

from .snippets import ROOT


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("performance")
    measured = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks", "--rounds", "1"),
            *("--check-calls", "3", "--folder", str(folder)),
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
    for checker in ("mypy", "pyright", "ty", "pyrefly"):
        assert rows[f"{checker}: 3 calls of add_task"]["medians"]["direct"] > 0


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


def test_committed_figures_name_the_machine_and_the_versions() -> None:
    figures = json.loads((ROOT / "docs/performance/figures.json").read_text())

    assert {"processor", "python"} <= {*figures["machine"]}
    assert {"starlette", "fastapi", "lilya", "litestar"} <= {*figures["versions"]}
