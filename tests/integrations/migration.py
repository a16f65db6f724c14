"""The migration guide's imports, and what an application does with either of them."""

from collections.abc import Callable, Sequence
from typing import Any

from tests.project import ROOT
from tests.snippets import snippets

from .serving import get

# With the classes of an import, and with a function for tasks to call.
NewApplication = Callable[[dict[str, Any], Callable[..., None]], object]


def imports(framework: str) -> list[dict[str, Any]]:
    """Return what the guide's old import, and what its new one imports."""
    for diff in snippets(ROOT / "docs" / "migration.md", "diff"):
        if f"from bgtasks.{framework} import " in diff:
            imported: list[dict[str, Any]] = [{}, {}]
            for sign, names in zip("-+", imported, strict=True):
                lines = [each for each in diff.splitlines() if each.startswith(sign)]
                exec("\n".join(each[1:] for each in lines), names)  # noqa: S102
                del names["__builtins__"]
            return imported
    raise LookupError(framework)


async def before_and_after(
    framework: str, new_application: NewApplication, paths: Sequence[str]
) -> list[list[object]]:
    """Return what happened with the old import, and what with the new one."""
    outcomes: list[list[object]] = []
    for names in imports(framework):
        happened: list[object] = []

        def note(*what: object, to: list[object] = happened) -> None:
            to.append(what)

        application = new_application(names, note)
        for path in paths:
            response = await get(application, path, raises=False)
            happened += [path, response.status_code, response.text]
        outcomes.append(happened)
    return outcomes
