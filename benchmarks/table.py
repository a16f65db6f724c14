"""The table: as plain text, as JSON, and from that as Markdown for the docs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .measures import NOT_PEERS, OURS, Row

COLUMNS = "{:<58} {:>11} {:>11} {:<10} {:>7} {:>14} {:>7}"


def table(rows: list[Row]) -> str:
    head = COLUMNS.format(
        "work", "bgtasks", "best peer", "", "ratio", "spread", "target"
    )
    return "\n".join([head, "-" * len(head), *map(line, rows)])


def line(row: Row) -> str:
    peer = row.best_peer()
    ours = f"{row.median(OURS):,.2f} {row.unit.split('/')[0][:2]}"
    if peer is None:
        return COLUMNS.format(row.name, ours, "", "", "", "", "").rstrip()
    ratio = row.ratio(peer)
    return COLUMNS.format(
        row.name,
        ours,
        f"{row.median(peer):,.2f}",
        peer,
        f"{ratio.median:.2f}" if ratio.median >= 0.1 else f"{ratio.median:.3f}",  # noqa: PLR2004
        f"{ratio.low:.2f}-{ratio.high:.2f}",
        "" if row.target is None else f"{row.target:.2f}",
    ).rstrip()


def as_json(rows: list[Row]) -> list[dict[str, object]]:
    return [
        {
            "work": row.name,
            "unit": row.unit,
            "better": row.better,
            "target": row.target,
            "best peer": row.best_peer(),
            "medians": {name: round(row.median(name), 4) for name in row.figures},
            "ratios": {
                peer: {
                    "median": round(row.ratio(peer).median, 4),
                    "spread": [
                        round(row.ratio(peer).low, 4),
                        round(row.ratio(peer).high, 4),
                    ],
                }
                for peer in (*row.peers(), *(NOT_PEERS - {OURS} & {*row.figures}))
                if peer in row.figures
            },
        }
        for row in rows
    ]


BEGIN, END = "<!-- begin figures -->\n", "<!-- end figures -->\n"


def with_figures(page: str, figures: Any) -> str:
    """Return the page with these figures between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return "".join([before, BEGIN, *as_markdown(figures), END, after])


def as_markdown(figures: Any) -> Iterator[str]:
    machine = figures["machine"]
    named = [f"{name} {number}" for name, number in figures["versions"].items()]
    yield (
        f"\n{machine['processor']}, {machine['processors']} processors, "
        f"{machine['system']}, Python {machine['python']}, {machine['date']};\n"
    )
    yield f"{', '.join(named)}.\n\n"
    yield "| work | bgtasks | best peer | ratio | 80 % of rounds | target |\n"
    yield "|---|--:|--:|--:|--:|--:|\n"
    for row in figures["rows"]:
        yield markdown_row(row)
    yield "\n"


def markdown_row(row: Any) -> str:
    medians, unit = row["medians"], row["unit"]
    peer = row["best peer"]
    ratio = row["ratios"][peer]
    low, high = ratio["spread"]
    cells = [
        row["work"],
        f"{short(medians[OURS])} {unit}",
        f"{short(medians[peer])} {unit}, {peer}",
        f"{ratio['median']:.2g}",
        f"{low:.2g} to {high:.2g}",
        "" if row["target"] is None else f"{row['target']}",
    ]
    return f"| {' | '.join(cells)} |\n"


def short(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"  # noqa: PLR2004
