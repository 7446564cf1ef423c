# SPDX-License-Identifier: GPL-2.0-or-later
"""One line of a benchmark's report: what was measured, against whom, and whether it is what is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Wanted:
    """The figure to reach: a ratio or a value, at least or at most so much."""

    bound: float
    of_value: bool = False
    at_most: bool = False

    def __str__(self) -> str:
        return f"{'<=' if self.at_most else '>='} {round(self.bound, 3):g}"


@dataclass(frozen=True)
class Row:
    """Medians over the repetitions.

    value: ours, in `unit`. peer: who else did the same work, with its value in the same unit. ratio: how many
    times as good as the peer ours is (above 1: ours is faster), the median of the ratios of the pairs.
    spread: least and greatest ratio, or value where there is no peer.
    """

    name: str
    value: float
    unit: str
    spread: tuple[float, float]
    peer: str | None = None
    peer_value: float | None = None
    ratio: float | None = None
    wanted: Wanted | None = None

    @property
    def reached(self) -> bool | None:
        """None where nothing in particular is wanted."""
        if self.wanted is None:
            return None
        figure = self.value if self.wanted.of_value or self.ratio is None else self.ratio
        return figure <= self.wanted.bound if self.wanted.at_most else figure >= self.wanted.bound

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "peer": self.peer,
            "peer_value": self.peer_value,
            "ratio": self.ratio,
            "spread": list(self.spread),
            "wanted": str(self.wanted) if self.wanted is not None else None,
            "reached": self.reached,
        }


def alone(name: str, unit: str, values: Sequence[float], wanted: Wanted | None = None) -> Row:
    """A row without a peer, from one value for each repetition."""
    return Row(name, median(values), unit, (min(values), max(values)), wanted=wanted)


def compared(
    name: str,
    unit: str,
    pairs: Sequence[tuple[float, float]],
    peer: str,
    *,
    wanted: Wanted | None = None,
    less_is_better: bool = False,
) -> Row:
    """A row from (our value, the peer's value) for each repetition."""
    ratios = [theirs / ours if less_is_better else ours / theirs for ours, theirs in pairs]
    return Row(
        name,
        median(ours for ours, _ in pairs),
        unit,
        (min(ratios), max(ratios)),
        peer,
        median(theirs for _, theirs in pairs),
        median(ratios),
        wanted,
    )
