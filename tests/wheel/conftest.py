from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.environments import make_environment
from tests.snippets import ROOT

from .pythons import installed


def only(pattern: str) -> Path:
    found = list(ROOT.glob(pattern))
    if len(found) != 1:
        msg = f"there must be one {pattern}, not {len(found)}: run make build"
        raise FileNotFoundError(msg)
    return found[0]


@pytest.fixture(scope="session")
def wheel() -> Path:
    return only("dist/*.whl")


@pytest.fixture(scope="session")
def sdist() -> Path:
    return only("dist/*.tar.gz")


@pytest.fixture(scope="session")
def environment_of(
    wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """Make an environment with the wheel for a Python, once: the tests share it."""

    @cache
    def make(python: str) -> Path:
        environment = tmp_path_factory.mktemp("environment")
        make_environment(
            environment,
            *(wheel, "--group", f"{ROOT / 'pyproject.toml'}:fastapi", "httpx==0.28.1"),
            python=installed()[python],
        )
        return environment

    return make
