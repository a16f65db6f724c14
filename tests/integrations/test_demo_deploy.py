"""What `make demo-deploy` shows, after one restart of each server."""

import subprocess
import sys

from tests.project import ROOT


def test_pool_loses_no_task_under_any_server() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "examples.demo_deploy", "--restarts=1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    rows = [line.split() for line in ran.stdout.splitlines() if "in a pool" in line]
    assert [row[0] for row in rows] == ["uvicorn", "hypercorn", "granian"]
    for *_, accepted, ended, lost in rows:
        assert int(accepted) == int(ended) > 0
        assert lost == "0"
