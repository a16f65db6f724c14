"""The suite fails when the signatures are made worse, and when it is itself wrong."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from .checkers import (
    CONFIGURATION,
    HERE,
    PACKAGE,
    UNDER_TEST,
    CheckerError,
    Reports,
    ask_checkers,
)
from .examples import (
    CHECKERS,
    EXAMPLES,
    INTEGRATIONS,
    TYPETESTS,
    ExampleError,
    ExampleFile,
    all_examples,
    read_examples,
)
from .verdicts import disagreements, outside_examples

SMALL = '''"""A small example file."""

from bgtasks import BackgroundTasks

DOCUMENTS = "bgtasks.BackgroundTasks.add_task"


def resize(width: int) -> None: ...


def wrong_type(tasks: BackgroundTasks) -> None:
    """The width is a number."""
    tasks.add_task(resize, 800)
    tasks.add_task(  # E: an int
        resize,
        "800",
    )
'''
GOOD_CALL = "    tasks.add_task(resize, 800)\n"
LINK = "https://github.com/astral-sh/ty/issues/4212"


def problems_in(file: ExampleFile, found: Reports) -> dict[str, str]:
    """Return what the suite would say, by the name of the failing test."""
    problems: dict[str, str] = {}
    for checker in found.found:
        reports = found.of(checker)
        for example in file.examples:
            text = "\n".join(disagreements(file, example, checker, reports))
            problems[f"{example.name}[{checker}]"] = text
        text = "\n".join(outside_examples(file, checker, reports))
        problems[f"outside_examples[{checker}]"] = text
    return {name: text for name, text in problems.items() if text}


# By source file of the package, an example file that documents a part of it.
SOURCES = {"_task.py": "background_task.py", "_tasks.py": "add_task.py"}
REJECTING = ("mypy", "pyright", "ty", "pyrefly")
# By name: a text of the signature, a worse one, and the checkers that must report that,
# by example.
WORSE: dict[str, tuple[str, str, dict[str, tuple[str, ...]]]] = {
    "loose_parameters": (
        "Callable[P, object]",
        "Callable[..., object]",
        {
            "wrong_type": ("mypy", "ty", "pyrefly"),
            "missing": ("mypy", "ty", "pyrefly"),
            "unknown": ("mypy", "ty", "pyrefly"),
            "too_many": ("mypy", "ty", "pyrefly"),
            "with_partial": ("pyright",),
        },
    ),
    "any_as_result": (
        "Callable[P, object]",
        "Callable[P, Any]",
        {"standard_library": ("mypy",)},
    ),
    "func_has_a_name": (
        "        /,\n        *args: P.args,",
        "        *args: P.args,",
        {"function_by_name": REJECTING, "parameter_called_func": REJECTING},
    ),
}

NOT_FOUND = "not_found.py"


def worse_package(folder: Path, name: str, old: str, new: str) -> None:
    """Copy the package under that name, with a change in each of its signatures."""
    original = find_spec(UNDER_TEST)
    assert original is not None
    assert original.origin is not None
    package = shutil.copytree(Path(original.origin).parent, folder / name)
    for source in SOURCES:
        text = (package / source).read_text("utf-8")
        assert text.count(old) == 1
        (package / source).write_text(text.replace(old, new), "utf-8")


@pytest.fixture(scope="module")
def worse(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Reports]:
    """What is said of the examples of each package that is made worse, or not found."""
    folder = tmp_path_factory.mktemp("worse")
    for name, (old, new, _) in WORSE.items():
        worse_package(folder / "packages", name, old, new)
        for file in SOURCES.values():
            text = (EXAMPLES / file).read_text("utf-8")
            text = text.replace(f"from {PACKAGE} import", f"from {name} import")
            (folder / f"{name}_{file}").write_text(text, "utf-8")
    not_found = SMALL.replace("from bgtasks", "from bgtask")
    (folder / NOT_FOUND).write_text(not_found, "utf-8")
    path = str(folder / "packages")
    return folder, ask_checkers(folder.glob("*.py"), CHECKERS, python_path=path)


@pytest.mark.parametrize("name", WORSE)
def test_a_worse_signature_fails(name: str, worse: tuple[Path, Reports]) -> None:
    folder, found = worse
    *_, expected = WORSE[name]
    for file in SOURCES.values():
        problems = problems_in(read_examples(folder / f"{name}_{file}"), found)
        assert problems.keys() >= {
            f"{name}[{checker}]" for name, some in expected.items() for checker in some
        }


def small_problems(path: Path, text: str) -> dict[str, str]:
    """Return what the suite, with ty alone, says of an example file."""
    path /= "small.py"
    path.write_text(text, "utf-8")
    return problems_in(read_examples(path), ask_checkers([path], ["ty"]))


def test_a_right_file_has_no_problems(tmp_path: Path) -> None:
    assert small_problems(tmp_path, SMALL) == {}


MENDED = f"now rejects this statement (an int): remove the gap, {LINK}, from:"


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        pytest.param("  # E: an int", "", 14, "must accept this", id="no mark"),
        pytest.param(
            GOOD_CALL,
            f"{GOOD_CALL[:-1]}  # E: wrong\n",
            13,
            "must reject this statement (wrong), but accepts it:\n"
            "    tasks.add_task(resize, 800)",
            id="a mark at a right statement",
        ),
        pytest.param(
            "(tasks: BackgroundTasks)",
            "(tasks: BackgroundTask)",
            11,
            "must report nothing beside the example's statements",
            id="an error in the head of an example",
        ),
        pytest.param("E:", f"E(not ty, {LINK}):", 14, MENDED, id="a mended gap"),
        pytest.param(
            "E:", f"E(optional ty, {LINK}):", 14, MENDED, id="a mended optional gap"
        ),
        pytest.param(
            GOOD_CALL,
            f"    # E(only ty, {LINK}): takes an int\n{GOOD_CALL}",
            14,
            f"now accepts this statement: remove the false error, {LINK}, from:",
            id="a mended false error",
        ),
    ],
)
def test_an_example_that_is_not_true_fails(
    old: str, new: str, line: int, said: str, tmp_path: Path
) -> None:
    message = small_problems(tmp_path, SMALL.replace(old, new))["wrong_type[ty]"]
    assert f"small.py:{line}: ty {said}" in message


def test_an_error_outside_of_the_examples_fails(tmp_path: Path) -> None:
    problems = small_problems(tmp_path, f"{SMALL}\n\nwidth: int = '800'\n")
    assert problems.keys() == {"outside_examples[ty]"}
    assert problems["outside_examples[ty]"].startswith("small.py:20: ty must report")


def test_zuban_may_accept_what_others_reject(tmp_path: Path) -> None:
    path = tmp_path / "small.py"
    path.write_text(SMALL, "utf-8")
    [example] = read_examples(path).examples
    right, wrong = example.statements
    assert right.must_be_rejected_by("zuban") is False
    assert wrong.must_be_rejected_by("zuban") is None


@pytest.mark.parametrize(
    "mark",
    [
        "# E",
        "# E:",
        "# E (an int)",
        "#E: an int",
        "# E(not ty): an int",
        "# E(not ty, issue 7): an int",
        "# E(not ty, https://github.com/astral-sh/ty/issues): an int",
        "# E(not ty, gaps/of_nobody.py): an int",
        f"# E(not typo, {LINK}): an int",
        f"# E(unless ty, {LINK}): an int",
        f"# E(not ty, {LINK}, not mypy, {LINK}): an int",
        f"# E(not ty, {LINK}; only mypy, {LINK}): an int",
        f"# E(optional ty, {LINK}; only mypy, {LINK}): an int",
    ],
)
def test_an_unknown_form_of_mark_is_refused(mark: str, tmp_path: Path) -> None:
    path = tmp_path / "small.py"
    path.write_text(SMALL.replace("# E: an int", mark), "utf-8")
    with pytest.raises(ExampleError, match=r"small\.py:14: .*must"):
        read_examples(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("...\n", "...  # E: not in an example\n"),
        (GOOD_CALL, f"    if tasks:\n    {GOOD_CALL[:-1]}  # E: not simple\n"),
        ("        resize,\n", "        resize,  # E: a second mark\n"),
    ],
)
def test_a_misplaced_mark_is_refused(old: str, new: str, tmp_path: Path) -> None:
    path = tmp_path / "small.py"
    assert old in SMALL
    path.write_text(SMALL.replace(old, new, 1), "utf-8")
    with pytest.raises(ExampleError, match=r"small\.py:\d+: a (mark|statement) must"):
        read_examples(path)


@pytest.mark.parametrize(
    ("checker", "configuration"),
    [
        ("mypy", "mypy.ini"),
        ("pyright", "pyrightconfig.json"),
        ("ty", "ty.toml"),
        ("pyrefly", "pyrefly.toml"),
    ],
)
def test_a_misspelt_configuration_is_an_error(
    checker: str, configuration: str, tmp_path: Path
) -> None:
    path = tmp_path / "empty.py"
    path.touch()
    for name in CONFIGURATION:
        text = (HERE / name).read_text("utf-8").replace("strict", "stricht")
        text = text.replace('all = "error"', 'al = "error"')
        (tmp_path / name).write_text(text, "utf-8")
    assert (tmp_path / configuration).read_text("utf-8") != (
        HERE / configuration
    ).read_text("utf-8")
    found = ask_checkers([path], [checker], configuration=tmp_path)
    with pytest.raises(CheckerError, match=f"{checker} failed with exit code"):
        found.of(checker)


@pytest.mark.parametrize("checker", CHECKERS)
def test_a_package_that_is_not_found_is_noticed(
    checker: str, worse: tuple[Path, Reports]
) -> None:
    folder, found = worse
    problems = problems_in(read_examples(folder / NOT_FOUND), found)
    assert f"outside_examples[{checker}]" in problems


def test_an_example_is_read_as_readers_see_it(tmp_path: Path) -> None:
    path = tmp_path / "small.py"
    path.write_text(SMALL, "utf-8")
    file = read_examples(path)
    [example] = file.examples
    assert file.documents == "bgtasks.BackgroundTasks.add_task"
    assert example.heading == "Wrong type"
    assert example.prose == "The width is a number."
    assert example.given == (
        "from bgtasks import BackgroundTasks\n\n\n"
        "def resize(width: int) -> None: ...\n\n\n"
        "tasks: BackgroundTasks"
    )
    assert example.accepted == "tasks.add_task(resize, 800)"
    [rejected] = example.rejected
    assert rejected.code == 'tasks.add_task(\n    resize,\n    "800",\n)'
    assert example.code == f"{example.accepted}\n{rejected.code}"


def public_objects() -> Iterator[str]:
    module = import_module(UNDER_TEST)
    exported: list[str] = module.__all__
    for name in exported:
        yield f"{PACKAGE}.{name}"
        value: object = getattr(module, name)
        for member in vars(value) if isinstance(value, type) else ():
            if member == "__call__" or not member.startswith("_"):
                yield f"{PACKAGE}.{name}.{member}"


def test_every_public_object_has_its_examples() -> None:
    core = [file for file in all_examples() if file.path.parent != INTEGRATIONS]
    assert {file.documents for file in core} == {*public_objects()}


def test_no_two_files_have_one_name() -> None:
    names = [file.path.name for file in all_examples()]
    assert len(names) == len({*names})


def test_the_suite_runs_elsewhere_and_names_what_fails(tmp_path: Path) -> None:
    suite = tmp_path / "typetests"
    shutil.copytree(TYPETESTS, suite)
    for path in (suite / "examples").glob("*.py"):
        if path.stem != "is_async":
            path.unlink()
    shutil.rmtree(suite / "integrations")
    file = suite / "examples" / "is_async.py"
    text = file.read_text("utf-8")
    assert text.count("  # E: it cannot be set") == 1
    file.write_text(text.replace("  # E: it cannot be set", ""), "utf-8")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "typetests/test_examples.py",
            "-k",
            "test_example and (pyrefly or zuban)",
        ],
        check=False,
        capture_output=True,
        cwd=tmp_path,
        encoding="utf-8",
    )
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    failed = re.findall(r"FAILED .*::test_example\[(\S+)\]", done.stdout)
    assert {*failed} == {"is_async-read_only-pyrefly", "is_async-read_only-zuban"}
