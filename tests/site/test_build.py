"""`make site`: what it shows, what it refuses, and that nothing is written twice."""

import re
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from tests import recipe
from tests.environments import run
from tests.project import ROOT
from tests.public_api import exported

NEW = '''

def new_lesson() -> None:
    """A lesson that nobody has written anywhere else."""
    tasks = BackgroundTasks()
    tasks.add_task(send_email, "grace@example.org", subject="Hi")
    tasks.add_task(send_email, subject=1815)  # E: the year is no subject
'''
# What a build of the site begins with.
LOAD_THE_PACKAGE = """
import griffe
extensions = griffe.load_extensions("tools.reference")
griffe.load("bgtasks", extensions=extensions, docstring_parser="google")
"""


@pytest.fixture
def tree(tmp_path: Path, site: Path) -> Path:
    """A copy of what the site is made of, for a test to change."""
    recipe.clone(tmp_path)
    return tmp_path


def make(*arguments: str, tree: Path) -> subprocess.CompletedProcess[str]:
    return run("make", *arguments, cwd=tree, expect=None, PYTHONPATH=tree)


def add(text: str, to: Path) -> None:
    to.write_text(to.read_text("utf-8") + text, "utf-8")


def replace(old: str, new: str, within: Path) -> None:
    text = within.read_text("utf-8")
    assert old in text
    within.write_text(text.replace(old, new, 1), "utf-8")


# What it shows


@pytest.fixture(scope="session")
def entries(site: Path) -> dict[str, str]:
    """Return where each name has its entry, as other projects find it."""
    inventory = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    lines = zlib.decompress(inventory).decode()
    found: list[tuple[str, str]] = re.findall(
        r"^(bgtasks\S*) py:\w+ 1 (\S+) -$", lines, re.MULTILINE
    )
    return {name: where.replace("$", name) for name, where in found}


@pytest.mark.parametrize("name", exported())
def test_every_public_name_has_its_entry(
    name: str, entries: dict[str, str], site: Path
) -> None:
    page, _, anchor = entries[name].partition("#")

    assert f'id="{anchor}"' in (site / page / "index.html").read_text("utf-8")


def test_no_other_name_has_an_entry(entries: dict[str, str]) -> None:
    public = {*exported()}
    modules = {name.rpartition(".")[0] for name in public}

    for name in entries:
        owner, is_example, _ = name.partition("--")
        if is_example or "._" in name:  # or where a public name is defined
            continue
        assert owner in public | modules or owner.rpartition(".")[0] in public


@pytest.mark.parametrize(
    "example",
    ["BackgroundTasks.add_task--wrong_type", "celery--checked", "ravyn--one_task"],
)
def test_example_can_be_linked_to_from_other_projects(
    example: str, entries: dict[str, str]
) -> None:
    assert entries[f"bgtasks.{example}"].endswith(f"/#bgtasks.{example}")


def test_parameters_of_an_inherited_constructor_are_described_once(site: Path) -> None:
    page = (site / "reference-integrations" / "index.html").read_text("utf-8")
    _, _, rest = page.partition('id="bgtasks.fastapi.BackgroundTasks"')
    entry, _, _ = rest.partition('id="bgtasks.fastapi.background_tasks"')

    assert entry.count("Parameters:") == 1


def test_signature_is_shown_as_written(site: Path) -> None:
    page = (site / "reference" / "index.md").read_text("utf-8")

    assert "*args: P.args" in page
    assert "**kwargs: P.kwargs" in page
    assert "func: Callable[P, object]" in page


@pytest.mark.parametrize("file", ["typed-examples/index.md", "llms-full.txt"])
@pytest.mark.parametrize(
    "part",
    [
        "Wrong type",
        "An argument must have the type of its parameter",
        'tasks.add_task(resize, "portrait.png", "800")',
        'Argument 3 to "add_task" of "BackgroundTasks" has incompatible type "str"',
        '"Literal[\'800\']" is not assignable to "int"',
        "Not reported by",
    ],
)
def test_markdown_copies_have_the_typed_examples(
    file: str, part: str, site: Path
) -> None:
    assert part in (site / file).read_text("utf-8")


def test_llms_txt_leads_to_every_page(site: Path) -> None:
    listed = re.findall(
        r"/([\w-]*)/?index\.md>", (site / "llms.txt").read_text("utf-8")
    )
    pages = {page.parent.name for page in site.rglob("index.html")}

    assert pages - {*listed} == {"site", "changelog"}  # the index, and what nobody asks


# What it refuses, and that nothing is written twice


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the site with a new example, and the integration of CONTRIBUTING.md."""
    tree = tmp_path_factory.mktemp("changed")
    recipe.clone(tree)
    add(NEW, to=tree / "typetests" / "examples" / "add_task.py")
    recipe.INTEGRATION.follow(tree)
    made = make("site", tree=tree)
    assert made.returncode == 0, made.stdout + made.stderr
    return tree / "site"


def test_new_example_is_asserted_shown_and_found(changed: Path) -> None:
    anchor = "bgtasks.BackgroundTasks.add_task--new_lesson"
    page = (changed / "typed-examples" / "index.html").read_text("utf-8")
    assert f'id="{anchor}"' in page
    shown = re.split("<h[2-5]", page[page.index(f'id="{anchor}"') :])[0]
    assert "nobody has written anywhere else" in shown
    assert "grace@example.org" in shown
    assert "the year is no subject" in shown
    assert 'has incompatible type "int"; expected "str"' in shown.replace("&quot;", '"')
    mistakes = (changed / "mistakes" / "index.html").read_text("utf-8")
    assert f"typed-examples/#{anchor}" in mistakes


def test_integration_of_the_recipe_in_contributing_is_shown(changed: Path) -> None:
    entry = (changed / "reference-integrations" / "index.html").read_text("utf-8")
    assert 'id="bgtasks.falcon.background_tasks"' in entry
    anchor = "bgtasks.falcon--after_the_response"
    assert f"typed-examples-integrations/#{anchor}" in entry
    examples = changed / "typed-examples-integrations" / "index.html"
    assert f'id="{anchor}"' in examples.read_text("utf-8")


def test_docs_asks_the_checkers_about_what_the_site_shows(tree: Path) -> None:
    """What fails then, an unmarked error or a stale message, the typetests say."""
    planned = make("--dry-run", "docs", tree=tree).stdout

    assert "-m zensical build" in planned
    assert "-m tools.links site" in planned
    assert "-m pytest typetests" in planned


def test_broken_links_of_a_page_fail_it(tree: Path) -> None:
    faults = "\n\n[Gone](gone.md)\n\n[Gone](reference.md#gone)\n\n"
    replace("\n\n", faults, within=tree / "docs" / "architecture.md")

    made = make("site", tree=tree)

    assert made.returncode != 0
    assert "page does not exist" in made.stdout + made.stderr
    assert "anchor does not exist" in made.stdout + made.stderr


def test_broken_links_of_what_it_made_fail_it(site: Path, tmp_path: Path) -> None:
    """Zensical does not look at what a page has as HTML."""
    made = shutil.copytree(site, tmp_path / "site")
    faults = "<a href='gone/'>Gone</a><img src='https://example.org/a.png'></article>"
    replace("</article>", faults, within=made / "index.html")

    checked = run(sys.executable, "-m", "tools.links", made, cwd=ROOT, expect=1)

    assert checked.stderr.splitlines() == [
        "index.html: gone/: there is no such file",
        "index.html: it asks another host for https://example.org/a.png",
    ]


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (
            "typetests/examples/add_task.py",
            'DOCUMENTS = "bgtasks.BackgroundTasks.add_task"',
            'DOCUMENTS = "bgtasks.BackgroundTasks.gone"',
            "documents bgtasks.BackgroundTasks.gone, which does not exist",
        ),
        (
            "bgtasks/litestar.py",
            'Doc("Runs each task',
            'Doc(documentation="Runs each task',
            "write Doc(",
        ),
        (
            "bgtasks/_tasks.py",
            "            *args: Positional arguments of ``func``.\n",
            "",
            "write a Doc for each",
        ),
        (
            "typetests/messages.json",
            '"wrong_type": {',
            '"gone": {}, "wrong_type": {',
            "is stale in",
        ),
        (
            "docs/typed-examples.md",
            "::: bgtasks.BackgroundTasks.add_task\n",
            "::: bgtasks.BackgroundTasks\n",
            "shows bgtasks.BackgroundTasks.add_task: add its section",
        ),
        ("typetests/messages.json", '"mypy": "', '"mypy": "0.', "is stale"),
    ],
)
def test_fault_of_the_reference_is_named(
    file: str, old: str, new: str, said: str, tree: Path
) -> None:
    replace(old, new, within=tree / file)

    loaded = run(
        *(tree / ".envs" / "docs" / "bin" / "python", "-c", LOAD_THE_PACKAGE),
        cwd=tree,
        expect=1,
        PYTHONPATH=tree,
    )

    assert said in loaded.stderr


def test_fault_of_the_reference_fails_it(tree: Path) -> None:
    documented = '-> BackgroundTasks:\n    """'
    undocumented = '-> BackgroundTasks:\n    pass\n    """'
    replace(documented, undocumented, within=tree / "bgtasks" / "asgi.py")

    made = make("site", tree=tree)

    assert made.returncode != 0
    assert "bgtasks.asgi.current_tasks has no docstring" in made.stdout + made.stderr
