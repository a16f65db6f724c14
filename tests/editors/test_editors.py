"""What somebody sees who writes ``tasks.add_task(...)`` in an editor."""

import re
from collections.abc import Iterator
from textwrap import dedent

import griffe
import pytest

from tests.project import ROOT
from tests.public_api import exported, load

from .editor import SERVERS, Editor

pytestmark = pytest.mark.anyio

GIVEN = dedent(
    '''\
    from bgtasks import BackgroundTask, BackgroundTasks

    def send_email(to: str, *, subject: str = "") -> None:
        """Send an email."""

    tasks = BackgroundTasks()
    task = BackgroundTask(print)
    '''
)


def servers(*but: str, reason: str = "") -> pytest.MarkDecorator:
    """Ask every server; with those named in ``but``, it is known to fail."""
    fails = pytest.mark.xfail(raises=AssertionError, reason=reason)
    return pytest.mark.parametrize(
        "editor",
        [
            pytest.param(server, marks=[fails] if server in but else [])
            for server in SERVERS
        ],
        indirect=True,
    )


# Hover: what is under the cursor shows the docstring, without the texts in Doc()

PACKAGE = load(ROOT)


def public_names() -> Iterator[tuple[str, str]]:
    for path in exported():
        module, _, name = path.rpartition(".")
        if not PACKAGE[path.removeprefix("bgtasks.")].is_attribute:
            yield module, name


def public_members() -> Iterator[tuple[str, str]]:
    for holder in ("BackgroundTask", "BackgroundTasks"):
        for name, member in PACKAGE[holder].members.items():
            if member.docstring and not name.startswith("_"):
                yield holder, name


def summary(path: str) -> str:
    """Return the first sentence of a docstring."""
    described = PACKAGE[path.removeprefix("bgtasks.")]
    assert isinstance(described, griffe.Object | griffe.Alias)
    assert described.docstring is not None, path
    return described.docstring.value.partition("\n")[0].replace("``", "`")


def assert_stands_alone(shown: str, path: str) -> None:
    assert summary(path) in shown.replace("``", "`")
    assert "Doc(" not in shown


@pytest.mark.parametrize(("module", "name"), list(public_names()))
async def test_hover_shows_the_docstring_of_each_public_name(
    request: pytest.FixtureRequest, editor: Editor, module: str, name: str
) -> None:
    if name == "background_tasks" and "[zuban" in request.node.name:
        reason = "zuban shows no docstring of a function that a decorator returns"
        request.applymarker(pytest.mark.xfail(raises=AssertionError, reason=reason))

    shown = await editor.hover(f"from {module} import |{name}")

    assert_stands_alone(shown, f"{module}.{name}")


@pytest.mark.parametrize(("holder", "name"), list(public_members()))
async def test_hover_shows_the_docstring_of_each_public_member(
    editor: Editor, holder: str, name: str
) -> None:
    subject = {"BackgroundTask": "task", "BackgroundTasks": "tasks"}[holder]

    shown = await editor.hover(f"{GIVEN}{subject}.|{name}")

    assert_stands_alone(shown, f"{holder}.{name}")


@servers()
async def test_hover_shows_the_docstring_of_the_type_that_fastapi_injects(
    editor: Editor,
) -> None:
    shown = await editor.hover("from bgtasks.fastapi import |BackgroundTasks")

    assert_stands_alone(shown, "fastapi.BackgroundTasks")


@servers("pyrefly", reason="it shows __init__, which has no docstring of its own")
async def test_hover_shows_the_docstring_of_a_class_that_is_called(
    editor: Editor,
) -> None:
    shown = await editor.hover(f"{GIVEN}|BackgroundTask(send_email, 'ada')")

    assert_stands_alone(shown, "BackgroundTask")


# Inside add_task(send_email, ...): send_email's own parameters and keywords

CALLS = pytest.mark.parametrize("call", ["tasks.add_task", "BackgroundTask"])
ONLY_PYRIGHT = ("ty", "pyrefly", "zuban")


@CALLS
@servers(*ONLY_PYRIGHT, reason="it shows *args and **kwargs")
async def test_signature_help_shows_the_parameters_of_the_function(
    editor: Editor, call: str
) -> None:
    positional = await editor.signature(f"{GIVEN}{call}(send_email, |)")
    keyword = await editor.signature(f"{GIVEN}{call}(send_email, 'ada', subject=|)")

    for shown in (positional, keyword):
        assert {"to: str", 'subject: str = ""'} <= {*shown.parameters}
    assert positional.active == "to: str"
    assert keyword.active == 'subject: str = ""'


@pytest.mark.parametrize("editor", ["ty"], indirect=True)
async def test_signature_help_of_ty_shows_what_the_docstring_says_of_a_parameter(
    editor: Editor,
) -> None:
    shown = await editor.signature(f"{GIVEN}tasks.add_task(send_email, |)")

    assert shown.active == "*args: P.args"
    assert shown.documented[shown.active] == "Positional arguments of ``func``."


@CALLS
@servers(*ONLY_PYRIGHT, reason="it completes no keyword through a ParamSpec")
async def test_completion_offers_the_keywords_of_the_function(
    editor: Editor, call: str
) -> None:
    code = f"{GIVEN}{call}(send_email, 'ada', |)"

    assert "subject=" in await editor.completed_keywords(code)


async def test_signature_help_in_a_lambda_shows_the_parameters_of_the_function(
    editor: Editor,
) -> None:
    shown = await editor.signature(f"{GIVEN}tasks.add_task(lambda: send_email(|))")

    names = [re.split(r"\W", label)[0] for label in shown.parameters]
    assert [*filter(None, names)] == ["to", "subject"]  # pyright shows the `*`, too
    assert shown.active is not None
    assert shown.active.startswith("to")


async def test_completion_in_a_lambda_offers_the_keywords_of_the_function(
    editor: Editor,
) -> None:
    code = f"{GIVEN}tasks.add_task(lambda: send_email('ada', |))"

    assert "subject=" in await editor.completed_keywords(code)


# Where integrations take the options of the constructor

TAKING_OPTIONS = pytest.mark.parametrize(
    "code",
    [
        "from bgtasks.asgi import BackgroundTasksMiddleware as new\nnew(app=print, |)",
        "from bgtasks.fastapi import background_tasks as new\nnew(|)",
        "from bgtasks.fastapi import BackgroundTasks as new\nnew(|)",
        "from bgtasks.litestar import BackgroundTasks as new\nnew(|)",
    ],
    ids=["middleware", "dependency", "FastAPI", "Litestar"],
)


@TAKING_OPTIONS
async def test_completion_offers_the_options(editor: Editor, code: str) -> None:
    assert {"on_error=", "runner="} <= await editor.completed_keywords(code)


@TAKING_OPTIONS
async def test_signature_help_shows_the_options(editor: Editor, code: str) -> None:
    shown = await editor.signature(code)

    names = {re.split(r"\W", label)[0] for label in shown.parameters}
    assert {"on_error", "runner"} <= names


# Wrong calls


@CALLS
async def test_right_call_is_not_marked(editor: Editor, call: str) -> None:
    code = f"{GIVEN}{call}(send_email, 'ada', subject='Hi')"

    assert await editor.errors(code) == []


@CALLS
async def test_wrong_argument_is_marked_and_nothing_else(
    editor: Editor, call: str
) -> None:
    assert await editor.errors(f"{GIVEN}{call}(send_email, 12)") == ["12"]


@CALLS
async def test_wrong_keyword_argument_is_marked_with_its_keyword_or_alone(
    editor: Editor, call: str
) -> None:
    (marked,) = await editor.errors(f"{GIVEN}{call}(send_email, 'ada', subject=12)")

    assert marked in {"12", "subject=12"}


@CALLS
async def test_keyword_that_the_function_does_not_take_is_marked(
    editor: Editor, call: str
) -> None:
    (marked,) = await editor.errors(f"{GIVEN}{call}(send_email, 'ada', sub='Hi')")

    assert marked in {"sub", "sub='Hi'"}


@CALLS
async def test_call_without_a_required_argument_is_marked(
    editor: Editor, call: str
) -> None:
    (marked,) = await editor.errors(f"{GIVEN}{call}(send_email)")

    assert marked in {f"{call}(send_email)", "(send_email)"}
