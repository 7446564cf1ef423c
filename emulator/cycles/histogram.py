# SPDX-License-Identifier: GPL-2.0-or-later
"""Exact statistics from a histogram of whole numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """Minimum, median, maximum and total.  The median of an even number of values is the lower of the two in
    the middle.
    """

    min: int
    median: int
    max: int
    total: int

    @staticmethod
    def of(histogram: Mapping[int, int]) -> Spread:
        """histogram: value -> how often; not empty."""
        count = sum(histogram.values())
        if count == 0:
            raise ValueError("no values")
        values = sorted(histogram)
        seen = 0
        for value in values:
            seen += histogram[value]
            if 2 * seen >= count:
                total = sum(each * times for each, times in histogram.items())
                return Spread(values[0], value, values[-1], total)
        raise AssertionError("unreachable: the counts add up to the total")

    def as_dict(self) -> dict[str, int]:
        return {"min": self.min, "median": self.median, "max": self.max, "total": self.total}
