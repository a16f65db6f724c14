"""Plots of the figures: SVG files of a few lines, readable in light and in dark."""

from __future__ import annotations

from html import escape
from math import ceil, floor, log10

from .measures import OURS, Row

STYLE = """\
<style>
  text { font: 13px system-ui, sans-serif; fill: #222 }
  .small { font-size: 11px; fill: #555 }
  .axis { stroke: #888; stroke-dasharray: 3 3 }
  .ours { fill: #1f6feb; stroke: #1f6feb }
  .peer { fill: #8b949e; stroke: #8b949e }
  polyline { fill: none !important; stroke-width: 2 }
  @media (prefers-color-scheme: dark) {
    text { fill: #eee }
    .small { fill: #bbb }
    .ours { fill: #58a6ff; stroke: #58a6ff }
    .peer { fill: #9aa4ae; stroke: #9aa4ae }
  }
</style>
"""


def svg(width: int, height: int, title: str, body: list[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'role="img">\n<title>{escape(title)}</title>\n{STYLE}'
        + "\n".join(body)
        + "\n</svg>\n"
    )


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" class="{kind}" text-anchor="{anchor}">'
        f"{escape(words)}</text>"
    )


def ratios(rows: list[Row]) -> str:
    """Draw ours beside the best peer, which is the line at 1."""
    left, unit, step = 370, 260, 30
    body: list[str] = []
    for number, row in enumerate(rows):
        peer = row.best_peer()
        if peer is None:
            continue
        ratio = row.ratio(peer).median
        y = 20 + number * step
        width = min(ratio, 1.5) * unit
        body += [
            text(left - 10, y + 14, row.name, anchor="end"),
            f'<rect class="ours" x="{left}" y="{y}" width="{width:.1f}" height="18"/>',
            text(left + max(width, unit) + 10, y + 14, f"{ratio:.2f} of {peer}'s"),
        ]
    height = 40 + len(rows) * step
    line = left + unit
    body += [
        f'<line class="axis" x1="{line}" x2="{line}" y1="10" y2="{height - 20}"/>',
        text(line, height - 6, "the best peer", "small", "middle"),
    ]
    return svg(910, height, "Time of bgtasks beside that of the best peer", body)


def short(figure: float) -> str:
    return f"{figure:.0f}" if figure >= 10 else f"{figure:.2g}"  # noqa: PLR2004


def growth(rows: dict[int, Row]) -> str:
    """Draw the time of one task against how many there are, both logarithmic."""
    left, top, width, height = 70, 20, 480, 300
    names = list(next(iter(rows.values())).figures)
    points = {
        name: [(number, row.median(name) / number) for number, row in rows.items()]
        for name in names
    }
    all_times = [time for line in points.values() for _, time in line]
    low, high = log10(min(all_times)), log10(max(all_times))
    widest = log10(max(rows)) or 1

    def place(number: int, time: float) -> tuple[float, float]:
        x = left + width * log10(number) / widest
        return x, top + height * (high - log10(time)) / ((high - low) or 1)

    body: list[str] = []
    free = 0.0  # where the next name may stand
    for name, line in sorted(points.items(), key=lambda item: -item[1][-1][1]):
        placed = [place(*point) for point in line]
        kind = "ours" if name == OURS else "peer"
        corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        body.append(f'<polyline class="{kind}" points="{corners}"/>')
        x, y = placed[-1]
        y = max(y, free)
        free = y + 16
        body.append(text(x + 8, y + 4, f"{name} {short(line[-1][1])} µs"))
    for number in rows:
        x, _ = place(number, 10**low)
        body.append(text(x, top + height + 20, f"{number:,}", "small", "middle"))
    body.append(text(left, top + height + 40, "sync tasks in the collection", "small"))
    for exponent in range(ceil(low), floor(high) + 1):
        _, y = place(1, 10.0**exponent)
        body.append(text(left - 8, y + 4, f"{10.0**exponent:g} µs", "small", "end"))
    return svg(760, top + height + 50, "Time of each sync task", body)
