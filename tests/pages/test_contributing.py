"""What CONTRIBUTING.md tells a contributor to do works, by its text alone."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.environments import run
from tests.project import ROOT
from tests.recipe import INTEGRATION, OPTION, Recipe, clone

pytestmark = pytest.mark.skipif(
    OPTION.is_followed or INTEGRATION.is_followed, reason="its example is here already"
)
BIN = Path(sys.executable).parent
# What `make types` asks the checkers about: the examples of typetests are wrong.
CODE = [
    file
    for recipe in (OPTION, INTEGRATION)
    for file in recipe.python_files
    if not file.startswith("typetests/")
]
FORMATTED = [*OPTION.python_files, *INTEGRATION.python_files]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A clone in which both recipes have been followed, with `make api messages`."""
    tree = tmp_path_factory.mktemp("clone")
    clone(tree)
    OPTION.follow(tree)
    INTEGRATION.follow(tree)
    with pytest.MonkeyPatch.context() as patch:
        # The other tests here ask mypy with other options: in one cache, each would
        # write anew what the one before has found out.
        patch.setenv("MYPY_CACHE_DIR", str(ROOT / ".mypy_cache" / "clone"))
        run(sys.executable, "-m", "tests.public_api", cwd=tree, PYTHONPATH=tree)
        run(
            *(sys.executable, "-m", "typetests.harness.messages", "--only-new"),
            cwd=tree,
            PYTHONPATH=tree,
        )
        yield tree


def test_recipes_end_in_code_that_passes_the_tests(tree: Path) -> None:
    done = run(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
        *("tests/integrations/test_falcon.py", "tests/integrations/test_page.py"),
        *("tests/test_never_run.py", "tests/test_package.py"),
        *("tests/test_public_api.py", "tests/test_import_rules.py"),
        # Of these, what asks about the new examples and the new integration.
        *("typetests/test_examples.py", "tests/integrations/test_imports.py", "-k"),
        "not (test_examples.py or test_imports.py) or falcon or ravyn "
        "or of_these_versions or background_tasks-without_the_warning",
        cwd=tree,
        PYTHONPATH=tree,
    )

    assert " passed" in done.stdout


@pytest.mark.parametrize(
    "check",
    [
        [BIN / "ruff", "check", *FORMATTED],
        [BIN / "ruff", "format", "--check", *FORMATTED],
        [BIN / "mypy", *CODE],
        [BIN / "pyright", "--pythonpath", sys.executable, *CODE],
        [BIN / "ty", "check", "--python", sys.executable, *CODE],
        [BIN / "pyrefly", "check", "--python-interpreter-path", sys.executable, *CODE],
        ["make", "vendor", "DEST=vendored", "WITH=falcon,litestar"],
    ],
    ids=lambda check: Path(check[0]).name,
)
def test_recipes_end_in_code_that_passes(check: list[object], tree: Path) -> None:
    run(*check, cwd=tree)


def test_option_reaches_every_integration_that_takes_options(tree: Path) -> None:
    done = run(
        *(sys.executable, "-W", "always", "-c"),
        "from typing import Annotated\n"
        "from fastapi import Depends, FastAPI\n"
        "from fastapi.testclient import TestClient\n"
        "import bgtasks.asgi, bgtasks.fastapi, bgtasks.litestar, bgtasks.starlette\n"
        "async def app(scope, receive, send): ...\n"
        "bgtasks.asgi.BackgroundTasksMiddleware(app, warn=False)\n"
        "Quiet = Depends(bgtasks.fastapi.background_tasks(warn=False))\n"
        "async def keep(tasks: Annotated[bgtasks.fastapi.BackgroundTasks, Quiet]):\n"
        "    kept.append(tasks)\n"
        "kept = []\n"
        "web = FastAPI()\n"
        "web.get('/')(keep)\n"
        "TestClient(web).get('/')\n"
        "kept.pop().add_task(print)\n"
        "for module in bgtasks, bgtasks.fastapi, bgtasks.litestar, bgtasks.starlette:\n"
        "    module.BackgroundTasks([print], warn=False)\n"
        "    module.BackgroundTasks([print])",
        cwd=tree,
        PYTHONPATH=tree,
    )

    assert done.stderr.count("ResourceWarning: background tasks were never run") == 4


@pytest.mark.parametrize(
    ("recipe", "number", "word"), [(OPTION, 5, "five"), (INTEGRATION, 8, "eight")]
)
def test_recipe_touches_as_many_files_as_it_says(
    recipe: Recipe, number: int, word: str
) -> None:
    assert len(recipe.files) == number
    assert f"You have changed {word} files; the generated ones" in recipe.text


def test_framework_of_the_recipe_has_the_version_that_it_names() -> None:
    (pin,) = re.findall(r'"(falcon==[\d.]+)"', INTEGRATION.text)

    assert f'"{pin}"' in (ROOT / "pyproject.toml").read_text("utf-8")
