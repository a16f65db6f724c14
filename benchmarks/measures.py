"""Figures, and the ratios between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median, quantiles

OURS = "bgtasks"
NOT_PEERS = {OURS, "direct"}


def share(rounds: int) -> float:
    """Return the share of its time that a figure gets: few rounds are only a trial."""
    return min(1.0, rounds / 10)


@dataclass(frozen=True)
class Ratio:
    """The median of the ratios of all rounds, and the middle eight tenths of them."""

    median: float
    low: float
    high: float


@dataclass
class Row:
    """One piece of work, as often as there were rounds, by each library."""

    name: str
    unit: str
    target: float | None = None
    better: str = "less"
    beside: str | None = None  # the peer that the target is about, if not the best
    figures: dict[str, list[float]] = field(default_factory=dict[str, list[float]])

    def note(self, library: str, figure: float) -> None:
        self.figures.setdefault(library, []).append(figure)

    def median(self, library: str) -> float:
        return median(self.figures[library])

    def peers(self) -> list[str]:
        return [name for name in self.figures if name not in NOT_PEERS]

    def best_peer(self) -> str | None:
        if self.beside in self.figures:
            return self.beside
        best = min if self.better == "less" else max
        return best(self.peers(), key=self.median, default=None)

    def ratio(self, peer: str) -> Ratio:
        """Return ours to theirs, each round by itself: noise strikes both."""
        rounds = zip(self.figures[OURS], self.figures[peer], strict=True)
        ratios = [ours / theirs for ours, theirs in rounds]
        if len(ratios) == 1:
            return Ratio(ratios[0], ratios[0], ratios[0])
        tenths = quantiles(ratios, n=10, method="inclusive")
        return Ratio(median(ratios), tenths[0], tenths[-1])
