"""Where the example files and the checkers disagree."""

from collections.abc import Iterator

from .checkers import Report
from .examples import Example, ExampleFile, Statement


def disagreements(
    file: ExampleFile, example: Example, checker: str, reports: list[Report]
) -> Iterator[str]:
    """Say which statements of the example a checker should not accept or reject."""
    rest = reports_in(file, example, reports)
    for statement in example.statements:
        found = reports_in(file, statement, rest)
        rest = [report for report in rest if report not in found]
        where = f"{file.path.name}:{statement.first_line}: {checker}"
        said = "".join(f"\n    {checker}: {report.message}" for report in found)
        code = "".join(f"\n    {line}" for line in statement.code.splitlines())
        if problem := disagreement(statement, checker, rejected=bool(found)):
            yield f"{where} {problem}{code}{said}"
    for report in rest:
        yield (
            f"{file.path.name}:{report.line}: {checker} must report nothing beside the "
            f"example's statements, but says: {report.message}"
        )


def disagreement(statement: Statement, checker: str, *, rejected: bool) -> str | None:
    must_be_rejected = statement.must_be_rejected_by(checker)
    if must_be_rejected is None or must_be_rejected == rejected:
        return None
    if statement.mark is None:
        return "must accept this statement, but rejects it:"
    reason = statement.mark.reason
    gaps = {**statement.mark.gaps, **statement.mark.optional}
    if link := gaps.get(checker):
        return f"now rejects this statement ({reason}): remove the gap, {link}, from:"
    if link := statement.mark.false_errors.get(checker):
        return f"now accepts this statement: remove the false error, {link}, from:"
    if statement.mark.false_errors:
        return "must accept this statement, but rejects it:"
    return f"must reject this statement ({reason}), but accepts it:"


def outside_examples(
    file: ExampleFile, checker: str, reports: list[Report]
) -> Iterator[str]:
    """Say what is reported of the file, but of none of its examples."""
    for report in reports_in(file, file, reports):
        if not any(reports_in(file, example, [report]) for example in file.examples):
            yield (
                f"{file.path.name}:{report.line}: {checker} must report nothing "
                f"outside of the examples, but says: {report.message}"
            )


def reports_in(
    file: ExampleFile, part: ExampleFile | Example | Statement, reports: list[Report]
) -> list[Report]:
    name = file.path.name
    return [
        report
        for report in reports
        if report.file == name and part.first_line <= report.line <= part.last_line
    ]
