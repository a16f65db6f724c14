"""The public API is what its committed description says, and is documented."""

import re
import shutil
from inspect import signature
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from bgtasks import BackgroundTasks
from bgtasks._tasks import Options, make_tasks

from .project import ROOT
from .public_api import FILE, describe, exported, missing_options

REFERENCE = [
    page for page in ROOT.glob("docs/**/*.md") if "\n::: " in page.read_text("utf-8")
]


def test_public_api_is_as_described() -> None:
    written = FILE.read_text("utf-8")

    assert describe() == written, "the public API has changed: look, then `make api`"


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """Another tree with the core, for a test to change."""
    (tmp_path / "bgtasks").mkdir()
    for file in ROOT.glob("bgtasks/_*.py"):
        shutil.copy(file, tmp_path / "bgtasks")
    return tmp_path


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("_tasks.py", "    ) -> None:", "        limit: int = 3,\n    ) -> None:"),
        ("_tasks.py", "as_group: Annotated[", "in_group: Annotated["),
        ("_tasks.py", "] = False", "] = True"),
        ("_tasks.py", "        *,\n", ""),
        ("_tasks.py", "Callable[P, object]", "Callable[P, Any]"),
        ("_tasks.py", "async def run_single", "def run_single"),
        ("_task.py", "args: tuple[Any, ...]", "args: list[Any]"),
        ("_task.py", "    @property\n    def name", "    def name"),
        ("__init__.py", '["BackgroundTask", ', "["),
    ],
)
def test_a_change_of_the_public_api_is_seen(
    file: str, old: str, new: str, changed: Path
) -> None:
    path = changed / "bgtasks" / file
    text = path.read_text("utf-8")
    before = describe(changed)
    path.write_text(text.replace(old, new, 1), "utf-8")

    assert describe(changed) != before


INTEGRATION = '''\
"""Background tasks for Zope."""

from typing import Annotated, Final

from typing_extensions import Doc

from . import BackgroundTasks

__all__ = ["LIMIT", "ZopeTasks"]

LIMIT: Final = 3


class ZopeTasks(BackgroundTasks):
    """Tasks that Zope runs."""

    def start(self, app: Annotated[object, Doc("The application.")], /) -> None:
        """Start them."""
'''


def test_a_new_module_is_described_without_being_imported(changed: Path) -> None:
    before = describe(changed)
    (changed / "bgtasks" / "zope.py").write_text(INTEGRATION + "import nowhere\n")

    described = describe(changed).removeprefix(before)

    assert described == (
        "\n"
        "module bgtasks.zope\n"
        "    Background tasks for Zope.\n"
        "\n"
        "bgtasks.zope.LIMIT: Final = 3\n"
        "\n"
        "class bgtasks.zope.ZopeTasks(BackgroundTasks)\n"
        "    Tasks that Zope runs.\n"
        "    def start(\n"
        "        app: object,\n"
        "        /,\n"
        "    ) -> None\n"
        "        Start them.\n"
    )


def test_a_module_without_all_is_refused(changed: Path) -> None:
    (changed / "bgtasks" / "zope.py").write_text('"""Zope."""\n')

    with pytest.raises(LookupError, match="zope exports nothing: write its __all__"):
        describe(changed)


def test_every_option_is_passed_on_where_any_is() -> None:
    missing = missing_options()

    assert not missing, "\n".join(missing)


def test_options_of_integrations_are_those_of_the_constructor() -> None:
    constructor = dict(signature(BackgroundTasks).parameters)
    del constructor["tasks"]
    taken = signature(Options).parameters

    assert {*taken} == {*constructor}
    for name, option in constructor.items():
        assert taken[name].default == option.default
        hint = get_type_hints(Options.__init__)[name]
        assert hint == get_type_hints(BackgroundTasks.__init__)[name]


def test_options_of_integrations_reach_the_collection() -> None:
    given: dict[str, Any] = {name: object() for name in signature(Options).parameters}
    kind: Any = dict

    assert make_tasks(kind, Options(**given)) == given


@pytest.mark.parametrize(
    "passed_on",
    [
        "def tasks(*, as_group: bool, runner: object) -> None: ...\n",
        "class Tasks:\n    def __init__(self, as_group, *, runner): ...\n",
    ],
)
def test_an_option_that_is_not_passed_on_is_noticed(
    passed_on: str, changed: Path
) -> None:
    (changed / "bgtasks" / "zope.py").write_text(passed_on)

    (missing,) = (each for each in missing_options(changed) if "on_error" in each)

    assert missing.startswith("bgtasks.zope.")
    assert missing.endswith(" lacks on_error")


@pytest.mark.parametrize("name", exported())
def test_every_public_name_has_its_place_in_the_reference(name: str) -> None:
    pages = "\n".join(page.read_text("utf-8") for page in REFERENCE)
    entries = re.findall(r"^::: (\S+)$", pages, re.MULTILINE)

    assert {name, name.rpartition(".")[0]} & {*entries}
