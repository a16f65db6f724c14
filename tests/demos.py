"""The demos, run as their users do: what they show, and that nothing is left."""

import os
import re
import signal
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

import pytest

from .project import ROOT

PATIENCE = 300  # seconds until a demo is given up


def shown_by(demo: str, folder: Path) -> str:
    """Return what the demo prints, after it has ended well."""
    ended = subprocess.run(
        [sys.executable, "-u", "-m", demo],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
    return ended.stdout


def interrupt(demo: str, how: signal.Signals, folder: Path, *, lines: int) -> str:
    """End the demo after so many lines, and return all it prints."""
    with subprocess.Popen(
        [sys.executable, "-u", "-m", demo],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout
        shown = "".join(process.stdout.readline() for _ in range(lines))
        process.send_signal(how)
        shown += process.stdout.read()
    assert process.returncode != 0
    return shown


def assert_nothing_is_left(shown: str, folder: Path) -> None:
    address = re.search(r"on http://(127\.0\.0\.1:\d+)", shown)
    assert address
    with pytest.raises(ConnectionRefusedError):
        HTTPConnection(address[1]).connect()
    assert list(folder.iterdir()) == []
