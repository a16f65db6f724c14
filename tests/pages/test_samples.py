"""Each sample does what its page shows, with what the page says to install."""

import ast
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.environments import run
from tests.project import ROOT
from tests.reader import Program, commands_in, programs_of, use
from tests.recipe import PAGE, STEP
from tests.snippets import PAGES, Snippet, snippets_of

# What is not run here, by what stands in it, and the test that sees that it is right.
RECIPE = "tests/pages/test_contributing.py::test_recipes_end_in_code_that_passes"
WRONG_CALL = (
    "tests/pages/test_readme.py::test_wrong_call_is_rejected_in_the_words_shown"
)
SHOWN = "tests/site/test_kit.py::test_page_shows_what_stands_in_the_files"
KIT = "tests/site/test_kit.py::test_kit_makes_the_mistakes_page_of_another_package"
COMMANDS = (
    "tests/pages/test_pages.py::test_every_command_shown_is_a_target_of_the_makefile"
)
WORKER = (
    "tests/integrations/engines/test_page.py"
    "::test_application_of_the_page_has_its_tasks_done_by_a_worker"
)
ARQ = (
    "tests/integrations/engines/test_arq.py"
    "::test_sample_of_the_page_is_run_by_its_worker"
)
TRACED_CELERY = (
    "tests/integrations/test_tracing_page.py::test_sample_with_celery_prints_both_spans"
)
IMPORTS = (
    "tests/integrations/test_documentation.py"
    "::test_imports_of_the_migration_guide_are_right"
)
ELSEWHERE = {
    "README.md": {
        'subjet="Welcome"': WRONG_CALL,
        "error: Argument missing": WRONG_CALL,
        "make demo": COMMANDS,
        "make test": COMMANDS,
    },
    "CONTRIBUTING.md": {
        "make check": COMMANDS,
        **{step["text"]: RECIPE for step in STEP.finditer(PAGE) if step["text"]},
    },
    "engines.md": {
        "from celery import Celery\nfrom fastapi": WORKER,
        "from taskiq_redis import ListQueueBroker\n\nfrom bgtasks.fastapi": WORKER,
        "from arq import": ARQ,
    },
    "migration.md": {
        "from bgtasks": IMPORTS,
        "with patch(": (
            "tests/integrations/test_fastapi_class.py"
            "::test_patch_is_what_requests_use_and_is_taken_back"
        ),
        "grep -rnE": (
            "tests/pages/test_pages.py::test_search_of_the_migration_guide"
            "_finds_what_patches_the_frameworks_classes"
        ),
    },
    "tracing.md": {
        "celery_runner(celery)": TRACED_CELERY,
        "ConnectionError: no route to host\nAt background task 1 of 2": (
            "tests/integrations/test_tracing_page.py::test_page_shows_what_sentry_shows"
        ),
    },
    "tutorial.md": {
        "mypy --strict tutorial.py": (
            "tests/pages/test_pages.py::test_tutorial_shows_what_its_commands_print"
        ),
    },
    "type-tests.md": {
        "def duplicate(": SHOWN,
        '"duplicate": {': SHOWN,
        "typetests/__init__.py": KIT,
        "build/pages/mistakes.md": KIT,
        "typetests/messages.json": KIT,
        "python -m typetests.harness.messages": KIT,
        "python -m pytest typetests": KIT,
        "python -m tools.mistakes": KIT,
        "zensical build": KIT,
    },
    "vendoring.md": {
        "make vendor": (
            "tests/pages/test_copy.py::test_vendor_takes_several_integrations"
        ),
        "make .venv/ready": (
            "tests/pages/test_copy.py"
            "::test_tests_about_other_things_are_left_out_for_a_copy"
        ),
        "BGTASKS_UNDER_TEST": (
            "tests/pages/test_copy.py"
            "::test_tests_about_other_things_are_left_out_for_a_copy"
        ),
        "from ._vendor.bgtasks import BackgroundTasks as": (
            "tests/pages/test_copy.py::test_only_the_wrong_call_in_the_host_is_refused"
        ),
        "anyio>=4.4": (
            "tests/pages/test_pages.py"
            "::test_vendoring_names_the_dependencies_of_the_core"
        ),
        "[tool.vendoring]": (
            "tests/wheel/test_vendoring.py::test_vendored_wheel_is_the_core_itself"
        ),
    },
}
HINT = "write before it what prints it, or name its test in ELSEWHERE"
EVERY = [sample for page in PAGES for sample in snippets_of(page)]
PROGRAMS = [program for page in PAGES for program in programs_of(page)]
INSTALLED = re.compile(r"`pip\s+install\s+([^`]+)`|^\$ pip install (.+)$", re.MULTILINE)


def elsewhere(page: Path, text: str) -> list[str]:
    """Return the tests that see to it."""
    return [test for part, test in ELSEWHERE.get(page.name, {}).items() if part in text]


HERE = [each for each in PROGRAMS if not elsewhere(each.sample.page, each.text)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_fence_opens_or_closes_a_sample_of_a_known_language(page: Path) -> None:
    fences = re.findall(r"^\s*(?:```|~~~)", page.read_text("utf-8"), re.MULTILINE)

    samples = list(snippets_of(page))

    assert len(fences) == 2 * len(samples)
    assert {each.language for each in samples} <= {
        *("console", "diff", "markdown", "python", "text", "toml")
    }


@pytest.mark.parametrize(
    "program", [each for each in HERE if not each.is_test], ids=str
)
def test_sample_does_what_the_page_shows(program: Program, tmp_path: Path) -> None:
    assert program.file, "say how to save it: save it as `main.py`"
    # No Redis server runs there, whatever this machine has.
    program.text = program.text.replace("127.0.0.1:6379", "127.0.0.1:1")

    printed, answers = use(program, tmp_path)

    assert printed
    for line in program.lines_printed:
        assert line in printed
    for block in program.printed:
        assert re.fullmatch(with_gaps(block.text), printed)
    for first, *_ in program.runs:
        is_told = program.lines_printed or program.printed
        assert is_told or "uvicorn" not in first.words
        assert first.shown in {"", printed}
    for request, answer in answers:
        told = [answer] if f"`{answer}`" in "".join(program.said) else []
        assert request.shown.splitlines() == answer.splitlines() or told


def with_gaps(block: str) -> str:
    """Return a pattern in which three dots stand for lines as far to the right."""
    return "".join(
        rf"(?:{line[: line.index('...')]}.*\n)+"
        if line.strip() == "..."
        else re.escape(line)
        for line in block.splitlines(keepends=True)
    )


@pytest.mark.parametrize(
    "page",
    sorted({each.sample.page for each in HERE if each.is_test}),
    ids=lambda page: page.name,
)
def test_samples_that_are_tests_pass(page: Path, tmp_path: Path) -> None:
    tests = [each for each in HERE if each.is_test and each.sample.page == page]
    for number, program in enumerate(tests):
        (tmp_path / f"test_{number}.py").write_text(program.text)
    for sample in snippets_of(page):
        if sample.language == "toml":
            (tmp_path / "pyproject.toml").write_text(sample.text)

    ran = run(sys.executable, "-m", "pytest", "-rA", cwd=tmp_path)

    names = re.findall(r"^PASSED \w+\.py::(\w+)", ran.stdout, re.MULTILINE)
    expected = re.findall(r"def (test_\w+)", "".join(each.text for each in tests))
    assert {*names} == {*expected}


@pytest.mark.parametrize("sample", EVERY, ids=str)
def test_nothing_is_shown_that_no_test_sees(sample: Snippet) -> None:
    programs = [each for each in PROGRAMS if each.sample.page == sample.page]
    if sample.language != "console" and elsewhere(sample.page, sample.text):
        pass
    elif sample.language == "python":
        assert sample in [each.sample for each in HERE]
    elif sample.language == "text":
        is_drawing = "─" in sample.text
        printed = [each for of in programs for each in of.printed]
        assert is_drawing or sample in printed, HINT
    elif sample.language == "toml":
        assert any(each.is_test for each in programs)
        assert tomllib.loads(sample.text)
    else:
        assert sample.language == "console"
        run_here = {each.typed for of in programs for each in of.commands}
        run_here |= {first.typed for of in programs for first, *_ in of.runs}
        for command in commands_in(sample):
            assert (
                command.words[:2] == ["pip", "install"]
                or command.words[0] in {"export", "pytest"}
                or command.typed in run_here
                or elsewhere(sample.page, command.typed)
            ), f"{command.typed}: {HINT}"


@pytest.mark.parametrize(
    ("name", "part", "test"),
    [
        pytest.param(name, part, test, id=f"{name}-{number}")
        for name, tests in ELSEWHERE.items()
        for number, (part, test) in enumerate(tests.items())
    ],
)
def test_what_is_tested_elsewhere_is_there(name: str, part: str, test: str) -> None:
    file, _, function = test.partition("::")

    assert [each for each in EVERY if each.page.name == name and part in each.text]
    assert f"def {function}(" in (ROOT / file).read_text("utf-8")


# What to install


def installed_by(text: str) -> Iterator[str]:
    """Yield what the commands in a page's text install."""
    for inline, typed in INSTALLED.findall(text):
        for name in shlex.split(inline or typed):
            yield "typed-bgtasks" if name == "path/to/bgtasks" else name


def with_dependencies(names: Iterator[str]) -> dict[str, Distribution]:
    found: dict[str, Distribution] = {}
    seen: set[str] = set()
    wanted = [Requirement(name) for name in names]
    while wanted:
        requirement = wanted.pop()
        if f"{requirement}" in seen:
            continue
        seen.add(f"{requirement}")
        try:
            found[requirement.name] = distribution(requirement.name)
        except PackageNotFoundError:
            continue  # arq: not in this environment
        extras = [*requirement.extras, ""]
        wanted += [
            each
            for each in map(Requirement, found[requirement.name].requires or [])
            if each.marker is None
            or any(each.marker.evaluate({"extra": extra}) for extra in extras)
        ]
    return found


@cache
def modules_of(name: str) -> set[str]:
    if name == "typed-bgtasks":  # it is installed as a link to this folder
        files = [f"bgtasks/{file.name}" for file in ROOT.glob("bgtasks/*.py")]
    else:
        files = [f"{file}" for file in distribution(name).files or []]
    return {
        file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        for file in files
        if file.endswith(".py")
    }


def imported_by(text: str) -> Iterator[set[str]]:
    """Yield what each import may be the name of: a module, or something in one."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from ({each.name} for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            package = node.module.partition(".")[0]
            for each in node.names:
                yield {package} & sys.stdlib_module_names or {
                    node.module,
                    f"{node.module}.{each.name}",
                }


@pytest.mark.parametrize("program", HERE, ids=str)
def test_page_says_to_install_what_the_sample_needs(program: Program) -> None:
    text = program.sample.page.read_text("utf-8")
    end = text.find("\n```python\n", text.index(program.sample.text))
    found = with_dependencies(installed_by(text[:end]))
    modules = set[str]().union(*map(modules_of, found))
    scripts = {
        entry.name
        for of in found.values()
        for entry in of.entry_points
        if entry.group == "console_scripts"
    }

    if program.is_test:
        commands = {"pytest"}
    else:
        commands = {first.words[0] for first, *_ in program.runs} - {"python"}

    assert commands <= scripts
    for names in imported_by(program.text):
        assert names & (modules | sys.stdlib_module_names), names


@pytest.mark.parametrize(
    "page", sorted({each.sample.page for each in HERE}), ids=lambda page: page.name
)
def test_page_with_samples_says_which_python_and_where_to_get_bgtasks(
    page: Path,
) -> None:
    text = page.read_text("utf-8")
    before, command, _ = text.partition("pip install")
    near = before[-300:].replace("\n", " ")

    assert command
    assert "Python 3.11 or newer" in near
    if page.parent.name == "docs" and page.name != "tutorial.md":
        assert "[checkout](index.md#install-it)" in near
