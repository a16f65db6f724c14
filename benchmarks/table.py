"""The table, as plain text."""

from __future__ import annotations

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
