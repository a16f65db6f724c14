"""What CONTRIBUTING.md tells a contributor to do works, by its text alone."""

import re
import sys
from pathlib import Path

import pytest

from .environments import run
from .project import ROOT
from .recipe import CHANGES, COPIES, FILES, PAGE, clone, follow

BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which the recipe has been followed, `make api messages` included."""
    tree = tmp_path_factory.mktemp("clone")
    clone(tree)
    follow(tree)
    run(sys.executable, "-m", "tests.public_api", cwd=tree, PYTHONPATH=tree)
    run(
        *(sys.executable, "-m", "typetests.harness.messages", "--only-new"),
        cwd=tree,
        PYTHONPATH=tree,
    )
    return tree


@pytest.mark.parametrize(
    "tests",
    [
        ["tests/integrations/test_falcon.py"],
        ["tests/integrations/test_page.py", "tests/test_public_api.py"],
        [
            "tests/test_import_rules.py",
            "tests/integrations/test_imports.py",
            "-k",
            "falcon",
        ],
        ["typetests/test_examples.py", "-k", "falcon or of_these_versions"],
    ],
    ids=lambda tests: Path(tests[0]).stem,
)
def test_recipe_ends_in_an_integration_that_passes_its_tests(
    tests: list[str], tree: Path
) -> None:
    done = run(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests),
        cwd=tree,
        PYTHONPATH=tree,
    )

    assert " passed" in done.stdout


@pytest.mark.parametrize(
    "check",
    [
        [BIN / "ruff", "check", *FILES],
        [BIN / "ruff", "format", "--check", *FILES],
        [BIN / "mypy", "bgtasks/falcon.py", "tests/integrations/test_falcon.py"],
        [
            *(BIN / "pyright", "--pythonpath", sys.executable),
            *("bgtasks/falcon.py", "tests/integrations/test_falcon.py"),
        ],
        [
            *(BIN / "ty", "check", "--python", sys.executable),
            *("bgtasks/falcon.py", "tests/integrations/test_falcon.py"),
        ],
        [
            *(BIN / "pyrefly", "check", "--python-interpreter-path", sys.executable),
            *("bgtasks/falcon.py", "tests/integrations/test_falcon.py"),
        ],
        ["make", "vendor", "DEST=copy", "WITH=falcon"],
    ],
    ids=lambda check: Path(check[0]).name,
)
def test_recipe_ends_in_an_integration_that_passes(
    check: list[object], tree: Path
) -> None:
    run(*check, cwd=tree)


def test_recipe_for_an_integration_touches_no_more_files_than_it_says() -> None:
    touched = {*FILES, *(name for name, *_ in [*CHANGES, *COPIES])}

    assert len(touched) == 8
    assert "That is eight files, beside the generated ones." in PAGE


def test_framework_of_the_recipe_has_the_version_that_it_names() -> None:
    (pin,) = re.findall(r'"(falcon==[\d.]+)"', PAGE)

    assert f'"{pin}"' in (ROOT / "pyproject.toml").read_text("utf-8")
