from pathlib import Path

import pytest

from tests.project import ROOT


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
