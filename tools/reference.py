"""Puts the examples, and what the checkers say of them, into the API reference.

A griffe extension: it runs when the site is built, and needs no checker. It would
rather fail the build than leave anything out.
"""

import re
import tomllib
from ast import literal_eval
from collections.abc import Iterator, Mapping
from textwrap import indent
from typing import Any

import griffe
import griffe_typingdoc
from typing_extensions import override

from typetests.harness import messages
from typetests.harness.checkers import PACKAGE
from typetests.harness.examples import (
    TYPETESTS,
    Example,
    ExampleFile,
    Statement,
    all_examples,
)

from . import mistakes
from .mistakes import fence
from .signatures import complete_signatures

SHOWN_IN_REFERENCE = 3  # of each object's examples
DOCS = {"typing_extensions.Doc", "annotated_doc.Doc", "typing.Doc"}
SPECIAL = {"__init__", "__call__"}
PARAMETERS = griffe.DocstringSectionKind.parameters
STARS: dict[griffe.ParameterKind | None, str] = {
    griffe.ParameterKind.var_positional: "*",
    griffe.ParameterKind.var_keyword: "**",
}


class IncompleteReferenceError(Exception):
    """The reference would be wrong, or have a gap."""


class TypedExamples(griffe_typingdoc.TypingDocExtension):
    """Makes one table of each function's parameters, and appends its examples."""

    @override
    def on_package(self, *, pkg: griffe.Module, **kwargs: Any) -> None:
        if pkg.path != PACKAGE:
            return
        complete_signatures(pkg)
        for public in public_objects(pkg):
            if public.docstring is None:
                msg = f"{public.path} has no docstring, and so no entry: write one"
                raise IncompleteReferenceError(msg)
            public.members.pop("__del__", None)  # Python alone calls it
        functions = list(public_functions(pkg))
        for function in functions:
            check_docs(function)
        super().on_package(pkg=pkg, **kwargs)
        for function in functions:
            join_parameters(function)
        for subclass in subclasses(pkg):
            inherit_parameters(subclass)
        append_examples(pkg)


def public_objects(pkg: griffe.Module) -> Iterator[griffe.Object]:
    for module in (pkg, *pkg.modules.values()):
        if module.name.startswith("_"):
            continue
        for name in module.exports or ():
            member = module[str(name)]
            if member.canonical_path.startswith(f"{PACKAGE}."):
                yield member.final_target if member.is_alias else member


def public_functions(pkg: griffe.Module) -> Iterator[griffe.Function]:
    """Return the functions, methods and constructors that users call."""
    for public in public_objects(pkg):
        if isinstance(public, griffe.Function):
            yield public
        elif isinstance(public, griffe.Class):
            for each in public.members.values():  # not those that it inherits
                is_shown = each.name in SPECIAL or each.name[0] != "_"
                if is_shown and isinstance(each, griffe.Function):
                    yield each


def subclasses(pkg: griffe.Module) -> Iterator[griffe.Class]:
    """Return the public classes that have the constructor of another one of ours."""
    for public in public_objects(pkg):
        if isinstance(public, griffe.Class) and "__init__" not in public.members:
            yield public


def check_docs(function: griffe.Function) -> None:
    """Refuse a ``Doc`` whose text the site could not show.

    Raises:
        IncompleteReferenceError: There is one.
    """
    for parameter in function.parameters:
        for call in calls_in(parameter.annotation):
            if not str(call.function).endswith("Doc"):
                continue
            try:
                texts = [literal_eval(str(argument)) for argument in call.arguments]
            except (SyntaxError, ValueError):
                texts = list[object]()
            if call.function.canonical_path not in DOCS or len(texts) != 1:
                msg = (
                    f"{function.path} describes `{parameter.name}` by {call}: write "
                    'Doc("..."), of typing_extensions, with one literal string'
                )
                raise IncompleteReferenceError(msg)


def calls_in(part: object) -> Iterator[griffe.ExprCall]:
    if isinstance(part, griffe.ExprCall):
        yield part
    elif isinstance(part, griffe.Expr) and not isinstance(part, griffe.ExprName):
        for inner in part.iterate(flat=False):
            yield from calls_in(inner)


def join_parameters(function: griffe.Function) -> None:
    """Make one section of ``Doc`` and ``Args``; a constructor's belongs to its class.

    Raises:
        IncompleteReferenceError: A parameter has no description, or two.
    """
    owner: griffe.Object = function
    sections = sections_of(function)
    if function.name == "__init__" and isinstance(function.parent, griffe.Class):
        owner = function.parent
        sections = [*sections_of(owner), *sections]
        function.docstring = None
    described: dict[str, griffe.DocstringParameter] = {}
    for section in sections:
        if isinstance(section, griffe.DocstringSectionParameters):
            for each in section.value:
                if each.name in described:
                    msg = f"{function.path} describes `{each.name}` in Doc and in Args"
                    raise IncompleteReferenceError(msg)
                described[each.name] = each
    is_method = isinstance(function.parent, griffe.Class)
    seen = [
        f"{STARS.get(each.kind, '')}{each.name}"
        for each in list(function.parameters)[is_method:]
    ]
    if set(seen) != described.keys():
        msg = (
            f"{function.path} has the parameters {seen}, and describes "
            f"{[*described]}: write a Doc for each, and Args for *args and **kwargs"
        )
        raise IncompleteReferenceError(msg)
    others = [section for section in sections if section.kind is not PARAMETERS]
    if seen:
        table = griffe.DocstringSectionParameters([described[name] for name in seen])
        others.insert(1, table)
    if others and owner.docstring is not None:
        owner.docstring.parsed[:] = others


def inherit_parameters(subclass: griffe.Class) -> None:
    """Describe the parameters of a constructor where it is inherited, too."""
    for base in subclass.mro():
        if "__init__" in base.members:  # or it would describe them again
            base.members["__init__"].docstring = None
        tables = [each for each in sections_of(base) if each.kind is PARAMETERS]
        if tables:
            sections_of(subclass)[1:1] = tables
            return


def sections_of(part: griffe.Object) -> list[griffe.DocstringSection]:
    return [] if part.docstring is None else part.docstring.parsed


def append_examples(pkg: griffe.Module) -> None:
    """Append its examples to each object that an example file documents.

    Raises:
        IncompleteReferenceError: There is no such object, or no such message.
    """
    check_versions()
    kinds = kinds_of_examples()
    written = dict(messages.read())
    for file in all_examples():
        said = written.pop(file.path.stem, {})
        check_messages(file, said)
        try:
            documented = pkg[file.documents.removeprefix(f"{PACKAGE}.")]
        except KeyError:
            documented = None
        if documented is None or documented.docstring is None:
            msg = (
                f"{file.path.name} documents {file.documents}, which does not exist, "
                "or has no docstring"
            )
            raise IncompleteReferenceError(msg)
        sections = documented.docstring.parsed
        sections.append(griffe.DocstringSectionText(joined(short_text(file, kinds))))
        # Shown on the page of typed examples alone: show_docstring_examples.
        text = joined(file_text(file, said, messages.read_versions()))
        section = griffe.DocstringSectionExamples([], title="")
        section.value.append((griffe.DocstringSectionKind.text, text))
        sections.append(section)
    if written:
        gone = ", ".join(written)
        msg = f"{messages.FILE.name} is stale, {gone} is gone: {messages.REWRITE}"
        raise IncompleteReferenceError(msg)


def check_versions() -> None:
    pyproject = tomllib.loads((TYPETESTS.parent / "pyproject.toml").read_text("utf-8"))
    pins = " ".join(pyproject["dependency-groups"]["types"])
    for checker, version in messages.read_versions().items():
        if not re.search(rf"\b{checker}(\[\w+\])?=={re.escape(version)}(?!\S)", pins):
            msg = (
                f"{messages.FILE.name} is stale, it is of {checker} {version}, which "
                f"pyproject.toml does not name: {messages.REWRITE}"
            )
            raise IncompleteReferenceError(msg)


def check_messages(file: ExampleFile, said: messages.Messages) -> None:
    shown = {
        example.name: {statement.code for statement in example.rejected}
        for example in file.examples
        if example.rejected
    }
    if shown != {name: set(by_code) for name, by_code in said.items()}:
        msg = f"{messages.FILE.name} is stale in {file.path.stem}: {messages.REWRITE}"
        raise IncompleteReferenceError(msg)


# The text, in Markdown


def kinds_of_examples() -> dict[str, list[mistakes.Kind]]:
    """Return the kinds of mistakes in each example, by its anchor."""
    kinds = mistakes.read_kinds()
    found: dict[str, list[mistakes.Kind]] = {}
    for case in mistakes.all_cases():
        if case.statement.is_wrong:
            of_this = found.setdefault(case.anchor, [])
            kind = mistakes.kind_of(case, kinds)
            of_this += [] if kind in of_this else [kind]
    return found


def short_text(
    file: ExampleFile, kinds: Mapping[str, list[mistakes.Kind]]
) -> Iterator[str]:
    """Show the first examples, and lead to all of them and to the mistakes."""
    for example in file.examples[:SHOWN_IN_REFERENCE]:
        yield f"**{example.heading}.** {example.prose}"
        if example.accepted:
            yield fence("python accepted", example.accepted)
        for statement in example.rejected:
            reason = mistakes.reason(statement)
            yield f"**Rejected**{{ .verdict .rejected }}. Reason: {reason}."
            yield fence("python rejected", statement.code)
    first = f"{file.documents}--{file.examples[0].name}"
    number = len(file.examples)
    page = mistakes.page_of_examples(file.documents)
    if page is None:
        msg = f"no page docs/typed-examples*.md shows {file.documents}: add its section"
        raise IncompleteReferenceError(msg)
    yield f"[All typed examples ({number})]({page}#{first})."
    links = dict.fromkeys(
        f"[{kind.title}](mistakes.md#{kind.anchor})"
        for example in file.examples
        for kind in kinds.get(f"{file.documents}--{example.name}", [])
    )
    if links:
        yield f"Mistakes: {'; '.join(links)}."


def joined(parts: Iterator[str]) -> str:
    return "\n\n".join(parts)


def file_text(
    file: ExampleFile, said: messages.Messages, versions: Mapping[str, str]
) -> Iterator[str]:
    for example in file.examples:
        yield from example_text(example, said.get(example.name, {}), versions)


def example_text(
    example: Example,
    said: Mapping[str, Mapping[str, list[str]]],
    versions: Mapping[str, str],
) -> Iterator[str]:
    yield f'# {example.heading} {{ #{example.name} data-role="example" }}'
    yield example.prose
    yield f'??? given "Given"\n\n{indent(fence("python", example.given), "    ")}'
    if example.accepted:
        yield "**Accepted**{ .verdict .accepted }"
        yield fence("python accepted", example.accepted)
    for statement in example.statements:
        yield from false_errors(statement)
    for statement in example.rejected:
        yield from rejected(statement, said[statement.code], versions)


def false_errors(statement: Statement) -> Iterator[str]:
    if statement.mark:
        for checker, link in statement.mark.false_errors.items():
            yield (
                f"[{checker} wrongly rejects a call here]"
                f"(mistakes.md#{mistakes.slug(link)}): {statement.mark.reason}."
            )


def rejected(
    statement: Statement, said: Mapping[str, list[str]], versions: Mapping[str, str]
) -> Iterator[str]:
    mark = statement.mark
    if mark is None:
        return
    yield f"**Rejected**{{ .verdict .rejected }}. Reason: {mark.reason}."
    yield fence("python rejected", statement.code)
    for checker, version in versions.items():
        if texts := said[checker]:
            yield fence("text says", "\n".join(texts), f"{checker} {version}")
    for checker, link in {**mark.gaps, **mark.optional}.items():
        gap = f"mistakes.md#{mistakes.slug(link)}"
        yield f"[Not reported by {checker}]({gap})."
