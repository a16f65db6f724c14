"""Workflows and hooks call targets of the Makefile, and nothing else."""

import json
import re
from pathlib import Path

import pytest

from .project import ROOT, targets

WORKFLOWS = sorted(ROOT.glob(".github/workflows/*.yml"))


def called(file: Path, key: str) -> list[str]:
    return re.findall(rf"^ +(?:- )?{key}: (.*)$", file.read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.name)
def test_workflow_runs_only_targets_of_the_makefile(workflow: Path) -> None:
    for command in called(workflow, "run"):
        words = re.fullmatch(r"make ([a-z-]+) PYTHON=python", command)
        assert words, command
        assert words[1] in targets()


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.name)
def test_actions_are_fixed_to_a_commit(workflow: Path) -> None:
    actions = called(workflow, "uses")

    assert actions
    for action in actions:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)


def test_hooks_run_only_targets_of_the_makefile() -> None:
    entries = called(ROOT / ".pre-commit-config.yaml", "entry")

    assert entries
    for entry in entries:
        assert entry.removeprefix("make ") in targets()


def test_pythons_tested_are_those_that_the_package_declares() -> None:
    declared = re.findall(
        r'"Programming Language :: Python :: (3\.\d+)"',
        (ROOT / "pyproject.toml").read_text("utf-8"),
    )
    lists = [
        found.split()
        for file in WORKFLOWS
        for found in re.findall(r"python-version: \|\n((?: +3.*\n)+)", file.read_text())
    ]
    (matrix,) = re.findall(
        r"python: \[(.*)\]", (ROOT / ".github/workflows/check.yml").read_text()
    )
    matrix = json.loads(f"[{matrix}]")

    assert lists
    for free_threaded, *versions in [*lists, matrix[::-1]]:
        assert free_threaded.endswith("t")
        assert sorted(versions) == declared


def test_changelog_begins_with_the_version_of_the_package() -> None:
    (version,) = re.findall(
        r'^__version__ = "(.+)"$',
        (ROOT / "bgtasks" / "__init__.py").read_text("utf-8"),
        re.MULTILINE,
    )
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    first = re.findall(r"^## (.*)$", changelog, re.MULTILINE)[0]

    assert version in re.findall(r"[\d.]+\d", first)
    for heading in ("Type annotations", "Copied folder"):
        assert f"\n### {heading}\n" in changelog


def test_every_part_of_the_check_runs_in_a_workflow() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    (parts,) = re.findall(r"^PARTS := (.*)$", makefile, re.MULTILINE)
    (check,) = (file for file in WORKFLOWS if file.name == "check.yml")
    run = {command.split()[1] for command in called(check, "run")}

    assert {*parts.split()} <= run
