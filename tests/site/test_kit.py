"""The kit of the page on type tests makes the mistakes page of another package."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project import ROOT
from tests.snippets import snippets

PAGE = ROOT / "docs" / "type-tests.md"
PACKAGE = '''"""Send letters."""

__all__ = ["send"]


def send(to: str, *, copies: int = 1) -> int:
    """Send a letter, and return how many copies."""
    return len(to) * copies
'''
EXAMPLES = '''"""Letters."""

from postbox import send

DOCUMENTS = "postbox.send"


def missing() -> None:
    """A letter needs an address."""
    send("Ada", copies=2)
    send()  # E: nobody gets it


def missing_again() -> None:
    """Copies do not say who gets them."""
    send("Ada", copies=2)
    send(copies=2)  # E: nobody gets them


def wrong_type() -> None:
    """The address is a str."""
    send("Ada")
    send(42)  # E: `to` is a str
'''
SETTINGS = """
[project]
site_name = "postbox"
extra_css = ["stylesheets/reference.css"]
extra_javascript = ["javascripts/site.js"]

[project.theme]
font = false

[project.markdown_extensions]
attr_list = {}
pymdownx.highlight = {}
pymdownx.superfences = {}
pymdownx.snippets = {}
"""


def run(*command: object, cwd: Path) -> str:
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A package of another name, with the files that the page lists."""
    files = next(text for text in snippets(PAGE, "text") if "tools/mistakes.py" in text)
    for file in files.split():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    checkers = tmp_path / "typetests" / "harness" / "checkers.py"
    text = checkers.read_text("utf-8")
    assert text.count('PACKAGE = "bgtasks"') == 1
    checkers.write_text(text.replace('PACKAGE = "bgtasks"', 'PACKAGE = "postbox"'))
    (tmp_path / "postbox").mkdir()
    (tmp_path / "postbox" / "__init__.py").write_text(PACKAGE)
    (tmp_path / "postbox" / "py.typed").touch()
    examples = tmp_path / "typetests" / "examples"
    examples.mkdir()
    (examples / "__init__.py").touch()
    (examples / "send.py").write_text(EXAMPLES)
    kinds = tmp_path / "docs" / "mistakes.json"
    content = json.loads(kinds.read_text("utf-8"))
    content["gaps"] = {}
    content["kinds"] = [
        {**kind, "example": f"send.{kind['anchor'].replace('-', '_')}", "statement": 0}
        for kind in content["kinds"]
        if kind["anchor"] in {"missing", "wrong-type"}
    ]
    kinds.write_text(json.dumps(content))
    include = next(text for text in snippets(PAGE, "text") if "--8<--" in text)
    (tmp_path / "docs" / "index.md").write_text(include.replace(";--8<--", "--8<--"))
    (tmp_path / "zensical.toml").write_text(SETTINGS)
    (tmp_path / "typetests" / "messages.json").write_text(
        '{"versions": {}, "messages": {}}'
    )
    return tmp_path


def test_kit_makes_the_mistakes_page_of_another_package(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(project))
    python = sys.executable
    run(python, "-m", "typetests.harness.messages", cwd=project)
    run(python, "-m", "pytest", "-p", "no:cacheprovider", "typetests", cwd=project)
    run(python, "-m", "tools.mistakes", cwd=project)
    zensical = ROOT / ".envs" / "docs" / "bin" / "zensical"
    assert zensical.exists(), "there is no .envs/docs: `make test-docs` makes it"

    run(zensical, "build", "--clean", cwd=project)

    page = (project / "site" / "index.html").read_text("utf-8")
    for shown in ('id="missing"', "nobody gets it", "missing-argument", "call-arg"):
        assert shown in page
    assert "typed-examples" not in page  # of ours


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"why": None}, 'the kind missing in mistakes.json has no "why": write one'),
        ({"statment": 1}, 'the kind missing in mistakes.json has a "statment", which'),
    ],
    ids=["missing", "unknown"],
)
def test_wrong_key_of_a_kind_is_named(
    change: dict[str, object], said: str, project: Path
) -> None:
    kinds = project / "docs" / "mistakes.json"
    content = json.loads(kinds.read_text("utf-8"))
    (kind,) = (each for each in content["kinds"] if each["anchor"] == "missing")
    kind |= change
    content["kinds"] = [{k: v for k, v in kind.items() if v is not None}]
    kinds.write_text(json.dumps(content))

    done = subprocess.run(
        [sys.executable, "-m", "tools.mistakes"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert said in done.stderr


@pytest.mark.parametrize(
    ("number", "file"),
    [(0, "typetests/examples/add_task.py"), (1, "typetests/messages.json")],
)
def test_page_shows_what_stands_in_the_files(number: int, file: str) -> None:
    assert snippets(PAGE, "text")[number] in (ROOT / file).read_text("utf-8")
