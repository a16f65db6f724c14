"""What an example file holds, and what is expected of each of its statements.

An example file documents one public object. Each function with a docstring is an
example; everything else at the top level is given. Every checker accepts a statement of
an example, unless a mark says otherwise::

    # E: every checker rejects it, for this reason
    # E(not mypy, https://...): every checker but mypy, which has a known gap
    # E(only mypy, https://...): no checker but mypy, which is known to be wrong
    # E(optional ty, https://...): ty accepts it, as the typing specification allows

A mark stands at the end of the statement, or on a line of its own above it.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from textwrap import dedent
from tokenize import COMMENT, generate_tokens

TYPETESTS = Path(__file__).parents[1]
EXAMPLES = TYPETESTS / "examples"  # of the core
INTEGRATIONS = TYPETESTS / "integrations"
FOLDERS = (EXAMPLES, INTEGRATIONS)
CHECKERS = ("mypy", "pyright", "ty", "pyrefly", "zuban")
# Asked for false errors only: it may miss what the others report.
FREE_TO_ACCEPT = "zuban"

MARK = re.compile(r"# E(?:\((?P<exceptions>[^)]+)\))?: (?P<reason>\S.*)")
EXCEPTION = re.compile(
    r"(?P<kind>not|only|optional) (?P<checker>\w+), "
    r"(?P<link>https://\S+/\d+|gaps/\w+\.py)"
)
FORMS = (
    "`# E: reason` or `# E(not mypy, https://.../123): reason`, likewise `only` or "
    "`optional`, or `gaps/case.py` for the link; several exceptions joined by `; `"
)
LONGEST_CASE = 10  # lines: a maintainer of the checker reads it at a glance


class ExampleError(Exception):
    """An example file is not written as it must be."""


@dataclass(frozen=True)
class Mark:
    """Says which checkers reject a statement, and why."""

    reason: str
    gaps: Mapping[str, str]  # by checker, the thread or the minimal case about it
    false_errors: Mapping[str, str]  # likewise
    optional: Mapping[str, str]  # likewise: the specification leaves it to the checker


@dataclass(frozen=True)
class Statement:
    """A statement of an example, without its mark, and its lines in the file."""

    code: str
    first_line: int
    last_line: int
    mark: Mark | None

    def must_be_rejected_by(self, checker: str) -> bool | None:
        """Whether ``checker`` must reject it, or None if that is left to it."""
        if self.mark is None:
            return False
        if self.mark.false_errors:
            return checker in self.mark.false_errors
        if checker == FREE_TO_ACCEPT:
            return None
        return checker not in {**self.mark.gaps, **self.mark.optional}

    @property
    def is_wrong(self) -> bool:
        """Whether it is an error, though a checker may miss it."""
        return self.mark is not None and not self.mark.false_errors


@dataclass(frozen=True)
class Example:
    """One lesson: a function with a docstring. The texts are for readers: no marks."""

    name: str
    prose: str
    given: str  # the imports and definitions of the file that it uses; its parameters
    code: str  # the whole body
    accepted: str  # the body without what is rejected
    statements: tuple[Statement, ...]
    first_line: int
    last_line: int

    @property
    def heading(self) -> str:
        return self.name.replace("_", " ").strip().capitalize()

    @property
    def rejected(self) -> tuple[Statement, ...]:
        return tuple(statement for statement in self.statements if statement.is_wrong)


@dataclass(frozen=True)
class ExampleFile:
    """The examples of one public object."""

    path: Path
    documents: str
    examples: tuple[Example, ...]
    first_line: int
    last_line: int


def all_examples() -> list[ExampleFile]:
    """Return what stands in the folders of examples. No two files have one name."""
    paths = (path for folder in FOLDERS for path in sorted(folder.glob("*.py")))
    return [read_examples(path) for path in paths if path.stem != "__init__"]


def read_examples(path: Path) -> ExampleFile:
    """Parse the file.

    Raises:
        ExampleError: A mark is misspelt or misplaced.
    """
    return _Reader(path).file()


class _Reader:
    def __init__(self, path: Path) -> None:
        self.path = path
        source = path.read_text("utf-8")
        self.body = ast.parse(source).body
        # Without marks: a line that held nothing else becomes "\0", and is not shown.
        self.lines = source.splitlines()
        self.marks = dict(self.take_marks(source))

    def file(self) -> ExampleFile:
        examples: list[Example] = []
        given: list[ast.stmt] = []
        documents = ""
        for node in self.body:
            match node:
                case ast.Assign([ast.Name("DOCUMENTS")], ast.Constant(str(documents))):
                    pass
                case ast.FunctionDef() | ast.AsyncFunctionDef() if (
                    prose := ast.get_docstring(node)
                ):
                    examples.append(self.example(node, prose, given))
                case _:
                    given.append(node)
        for line in self.marks:
            raise self.error(line, "a mark must stand at a statement of an example")
        if not documents:
            raise self.error(1, 'an example file must have a line `DOCUMENTS = "..."`')
        last_line = len(self.lines)
        return ExampleFile(self.path, documents, tuple(examples), 1, last_line)

    def example(
        self,
        node: ast.FunctionDef | ast.AsyncFunctionDef,
        prose: str,
        given: list[ast.stmt],
    ) -> Example:
        docstring, *body = node.body
        lines = range((docstring.end_lineno or 0) + 1, (node.end_lineno or 0) + 1)
        statements = tuple(self.statement(part, lines.start) for part in body)
        wrong = {
            line
            for statement in statements
            if statement.is_wrong
            for line in range(statement.first_line, statement.last_line + 1)
        }
        return Example(
            name=node.name,
            prose=prose,
            given=self.given(node, given),
            code=self.text(lines),
            accepted=self.text(line for line in lines if line not in wrong),
            statements=statements,
            first_line=first_line(node),
            last_line=lines.stop - 1,
        )

    def given(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef, given: list[ast.stmt]
    ) -> str:
        used = used_by(node, given)
        names = set[str]().union(*map(names_in, (node, *used)))
        imports = {part: import_of(part, names) for part in used}
        texts = [self.text_of(part) for part in used if imports[part] is None]
        first = "\n".join(filter(None, imports.values()))
        declarations = "\n".join(declarations_of(node.args))
        parts = [first, *texts, declarations]
        return "\n\n\n".join(part for part in parts if part)

    def statement(self, node: ast.stmt, body_begins: int) -> Statement:
        first, last = first_line(node), node.end_lineno or 0
        mine = [line for line in self.marks if body_begins <= line <= last]
        mark = self.marks.pop(mine[0]) if mine else None
        if mine and hasattr(node, "body"):
            raise self.error(mine[0], "a mark must stand at a simple statement")
        if len(mine) > 1:
            raise self.error(mine[1], "a statement must have one mark at most")
        return Statement(self.text_of(node), first, last, mark)

    def take_marks(self, source: str) -> Iterator[tuple[int, Mark]]:
        for token in generate_tokens(StringIO(source).readline):
            if token.type == COMMENT and re.match(r"#+\s*E(\W|$)", token.string):
                line, column = token.start
                self.lines[line - 1] = self.lines[line - 1][:column].rstrip() or "\0"
                yield line, self.mark(line, token.string)

    def mark(self, line: int, comment: str) -> Mark:
        mark = MARK.fullmatch(comment)
        links: dict[str, dict[str, str]] = {"not": {}, "only": {}, "optional": {}}
        texts = (mark["exceptions"] or "").split("; ") if mark else ["?"]
        for text in filter(None, texts):
            exception = EXCEPTION.fullmatch(text)
            if exception is None or exception["checker"] not in CHECKERS:
                raise self.error(line, f"got the mark `{comment}`, must be {FORMS}")
            links[exception["kind"]][exception["checker"]] = exception["link"]
            if exception["link"].startswith("gaps/"):
                self.check_minimal_case(line, exception["link"])
        if links["only"] and (links["not"] or links["optional"]):
            raise self.error(
                line, "a mark must not have `only` beside `not`/`optional`"
            )
        reason = mark["reason"] if mark else ""
        return Mark(reason, links["not"], links["only"], links["optional"])

    def check_minimal_case(self, line: int, link: str) -> None:
        case = TYPETESTS / link
        if not case.is_file():
            raise self.error(line, f"the minimal case {link} must exist")
        if len(case.read_text("utf-8").splitlines()) > LONGEST_CASE:
            raise self.error(
                line, f"{link} must not be longer than {LONGEST_CASE} lines"
            )

    def text_of(self, node: ast.stmt) -> str:
        return self.text(range(first_line(node), (node.end_lineno or 0) + 1))

    def text(self, numbers: Iterable[int]) -> str:
        lines = [self.lines[number - 1] for number in numbers]
        return dedent("\n".join(line for line in lines if line != "\0")).strip("\n")

    def error(self, line: int, message: str) -> ExampleError:
        return ExampleError(f"{self.path}:{line}: {message}")


def declarations_of(arguments: ast.arguments) -> Iterator[str]:
    """Declare the parameters of an example as variables, for readers."""
    for argument in (*arguments.args, *arguments.kwonlyargs):
        yield ast.unparse(argument)
    for stars, rest in (("*", arguments.vararg), ("**", arguments.kwarg)):
        if rest is not None:
            yield f"# {stars}{ast.unparse(rest)}"


def first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def used_by(node: ast.AST, given: list[ast.stmt]) -> list[ast.stmt]:
    """Return what ``node`` uses of ``given``, and what that uses itself, in order."""
    used: list[ast.stmt] = []
    waiting = [node]
    while waiting:
        names = names_in(waiting.pop())
        found = [part for part in given if part not in used and names & bound_by(part)]
        used += found
        waiting += found
    return [part for part in given if part in used]


def names_in(node: ast.AST) -> set[str]:
    return {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}


def import_of(node: ast.stmt, names: set[str]) -> str | None:
    """Return the import of these names only, or None if it is no import."""
    match node:
        case ast.ImportFrom(module, aliases, level):
            used = [alias for alias in aliases if (alias.asname or alias.name) in names]
            return ast.unparse(ast.ImportFrom(module, used, level))
        case ast.Import():
            return ast.unparse(node)
        case _:
            return None


def bound_by(node: ast.stmt) -> set[str]:
    match node:
        case ast.Import(names) | ast.ImportFrom(names=names):
            return {alias.asname or alias.name.partition(".")[0] for alias in names}
        case ast.FunctionDef(name) | ast.AsyncFunctionDef(name) | ast.ClassDef(name):
            return {name}
        case _:
            return {
                name.id
                for name in ast.walk(node)
                if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
            }
