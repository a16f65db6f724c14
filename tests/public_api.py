"""The description of the public API: names, signatures, summaries, ``__all__``.

It is read from the source, so that no framework need be installed. Its differences
are what an upgrade means to a user; ``make api`` writes it anew.
"""

from collections.abc import Iterator
from pathlib import Path

import griffe

from tools.signatures import complete_signatures

from .project import ROOT

FILE = ROOT / "tests" / "public_api.txt"
SEPARATORS = {
    griffe.ParameterKind.var_positional: "*",
    griffe.ParameterKind.var_keyword: "**",
}


def load(root: Path) -> griffe.Module:
    loaded = griffe.load(
        "bgtasks",
        search_paths=[root],
        try_relative_path=False,  # not what is in the present folder
        allow_inspection=False,
    )
    assert isinstance(loaded, griffe.Module)
    complete_signatures(loaded)
    return loaded


def describe(root: Path = ROOT) -> str:
    """Return the description of the package in ``root``."""
    loaded = load(root)
    return "\n".join(
        line for module in public_modules(loaded) for line in module_lines(module)
    )


def public_modules(package: griffe.Module) -> Iterator[griffe.Module]:
    yield package
    for name, module in sorted(package.modules.items()):
        if not name.startswith("_"):
            yield module


def exported(root: Path = ROOT) -> list[str]:
    """Return the full names of all that the package and its modules export."""
    loaded = load(root)
    return [
        f"{module.path}.{name}"
        for module in public_modules(loaded)
        for name in module.exports or ()
    ]


def missing_options(root: Path = ROOT) -> list[str]:
    """Return where an option of the collection is not passed on, though others are."""
    package = load(root)
    constructor = package["_tasks.BackgroundTasks.__init__"]
    # Litestar has a name of its own for as_group; the pool has options of its own.
    options = {*keywords(constructor)} - {"as_group"}
    return [
        f"{function.path} lacks {option}"
        for module in [package["_tasks"], *public_modules(package)]
        if module.name != "pool"
        for function in functions(module)
        if (given := options & {*named(function)})
        for option in sorted(options - given)
    ]


def functions(holder: griffe.Module | griffe.Class) -> Iterator[griffe.Function]:
    for member in holder.members.values():
        if isinstance(member, griffe.Function):
            yield member
        elif isinstance(member, griffe.Class):
            yield from functions(member)


def named(function: griffe.Function) -> Iterator[str]:
    """Yield what may be passed by name: what may not is a subject, and no option."""
    for parameter in function.parameters:
        if parameter.kind is not griffe.ParameterKind.positional_only:
            yield parameter.name


def keywords(function: griffe.Function) -> Iterator[str]:
    for parameter in function.parameters:
        if parameter.kind is griffe.ParameterKind.keyword_only:
            yield parameter.name


def module_lines(module: griffe.Module) -> Iterator[str]:
    if module.exports is None:
        msg = f"{module.path} exports nothing: write its __all__"
        raise LookupError(msg)
    yield f"module {module.path}"
    yield f"    {summary(module)}"
    for name in sorted(map(str, module.exports)):
        yield ""
        member = module.members[name]
        target = member.final_target if isinstance(member, griffe.Alias) else member
        yield from lines(f"{module.path}.{name}", target)
    yield ""


def lines(name: str, described: griffe.Object) -> Iterator[str]:
    match described:
        case griffe.Class():
            bases = ", ".join(map(str, described.bases))
            yield f"class {name}({bases})" if bases else f"class {name}"
            yield f"    {summary(described)}"
            for member_name, member in sorted(described.members.items()):
                if isinstance(member, griffe.Object) and is_public(member_name, member):
                    for line in lines(member_name, member):
                        yield f"    {line}"
        case griffe.Function():
            prefix = "async def" if "async" in described.labels else "def"
            given = [p for p in parameters(described) if p != "self"]
            returned = type_of(described.returns)
            if given:
                yield f"{prefix} {name}("
                yield from (f"    {line}," for line in given)
                yield f") -> {returned}"
            else:
                yield f"{prefix} {name}() -> {returned}"
            if described.docstring:
                yield f"    {summary(described)}"
        case griffe.Attribute():
            is_property = "property" in described.labels
            value = f" = {described.value}" if is_constant(described) else ""
            of = described.annotation
            annotation = "" if of is None else f": {type_of(of)}"
            yield f"{'property ' * is_property}{name}{annotation}{value}"
            if described.docstring:
                yield f"    {summary(described)}"
        case _:
            msg = f"{name} is of a kind that the description does not know"
            raise TypeError(msg)


def is_public(name: str, member: griffe.Object) -> bool:
    special = name.startswith("__") and name.endswith("__") and member.is_function
    return special or not name.startswith("_")


def is_constant(attribute: griffe.Attribute) -> bool:
    """Whether its value tells a reader what it is: an alias's does."""
    return not {"instance-attribute", "property"} & attribute.labels


def parameters(function: griffe.Function) -> Iterator[str]:
    previous: griffe.ParameterKind | None = None
    for parameter in function.parameters:
        kind = parameter.kind
        if (
            previous is griffe.ParameterKind.positional_only
            and kind is not griffe.ParameterKind.positional_only
        ):
            yield "/"
        if kind is griffe.ParameterKind.keyword_only and previous not in {
            kind,
            griffe.ParameterKind.var_positional,
        }:
            yield "*"
        previous = kind
        stars = SEPARATORS.get(kind) if kind else None
        text = f"{stars or ''}{parameter.name}"
        if parameter.annotation is not None:
            text += f": {type_of(parameter.annotation)}"
        if parameter.default is not None and not stars:
            text += f" = {parameter.default}"
        yield text
    if previous is griffe.ParameterKind.positional_only:
        yield "/"


def type_of(annotation: str | griffe.Expr | None) -> str:
    """Return the annotation without its ``Doc``."""
    if (
        isinstance(annotation, griffe.ExprSubscript)
        and str(annotation.left) == "Annotated"
        and isinstance(annotation.slice, griffe.ExprTuple)
    ):
        return str(annotation.slice.elements[0])
    return str(annotation)


def summary(described: griffe.Object) -> str:
    text = described.docstring.value if described.docstring else "(no docstring)"
    return " ".join(text.partition("\n\n")[0].split())


if __name__ == "__main__":
    FILE.write_text(describe(), "utf-8")
