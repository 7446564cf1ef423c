# SPDX-License-Identifier: GPL-2.0-or-later
"""The paper's figures beside ours: each claim computed from the costs of paths, with a plain yes or no.

Which claims there are, and why they are put this way, is told in guestos/PROTOCOL.md.  A claim holds when
it holds under every model; one whose paths were never taken does not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from emulator.cycles.histogram import Spread
from emulator.cycles.paths import PathCost

SIZES = (1, 8192, 65536)
A1_LIMIT = 35
A2_LIMIT = 535
A3_LIMIT = 3.0


@dataclass(frozen=True)
class Claim:
    """measured: model name -> the figure in words, or why there is none."""

    id: str
    text: str
    paper: str
    target: str
    measured: dict[str, str]
    holds: bool

    def as_dict(self) -> dict[str, object]:
        return {
            "id": self.id,
            "text": self.text,
            "paper": self.paper,
            "target": self.target,
            "measured": self.measured,
            "holds": self.holds,
        }


class NotMeasured(Exception):
    """A path that a claim speaks of was never taken."""


class Costs:
    """Looks up the spread of a path under one model."""

    def __init__(self, costs: Sequence[PathCost], model: str) -> None:
        self._model = model
        self._costs = costs

    def of(self, name: str, **parameters: int) -> Spread:
        for cost in self._costs:
            if cost.name == name and not cost.step and cost.parameters == parameters:
                return cost.cycles[self._model]
        detail = "".join(f", {key} {value}" for key, value in parameters.items())
        raise NotMeasured(f"no call of {name}{detail}")

    def ratio(self, size: int) -> float:
        """Generic read over specialised read, from trap to return, each at its least: cached, nobody in
        the way.
        """
        return self.of("generic read", bytes=size).min / self.of("specialised read", bytes=size).min


def _invocation(costs: Costs, hits: Costs) -> tuple[str, bool]:
    through, direct = hits.of("invocation, through the flag"), hits.of("invocation, direct")
    overhead = through.median - direct.median
    constant = through.min == through.max and direct.min == direct.max
    text = f"{overhead}{'' if constant else ' (not constant)'}"
    if hits is not costs:
        first = costs.of("invocation, through the flag").max - costs.of("invocation, direct").max
        text += f" where all hits, {first} where nothing does (the first call)"
    return text, overhead <= A1_LIMIT and constant


def _replug(costs: Costs, hits: Costs) -> tuple[str, bool]:
    spread = hits.of("replug, uncontended")
    overhead = hits.of("invocation, through the flag").median - hits.of("invocation, direct").median
    text = f"{spread.median} (at most {spread.max}; {spread.median / overhead:.1f} invocations)"
    if hits is not costs:
        missing_too = costs.of("replug, uncontended")
        text += (
            f" where all hits, {missing_too.median} with the misses there were (at most {missing_too.max})"
        )
    return text, spread.median <= A2_LIMIT


def _small_read(costs: Costs, _hits: Costs) -> tuple[str, bool]:
    ratio = costs.ratio(1)
    return f"{ratio:.2f}", ratio >= A3_LIMIT


def _shape(costs: Costs, _hits: Costs) -> tuple[str, bool]:
    ratios = [costs.ratio(size) for size in SIZES]
    falls = all(larger > smaller for larger, smaller in pairwise(ratios)) and ratios[-1] > 1
    return " > ".join(f"{ratio:.3f}" for ratio in ratios) if falls else ", ".join(
        f"{r:.3f}" for r in ratios
    ), falls


_CLAIMS: tuple[tuple[str, str, str, str, Callable[[Costs, Costs], tuple[str, bool]]], ...] = (
    (
        "A1",
        "overhead of an invocation: check, inside-flag twice, indirect branch",
        "35 cycles",
        f"<= {A1_LIMIT}, constant",
        _invocation,
    ),
    ("A2", "uncontended replug, steps 1 to 8", "about 535 cycles", f"<= {A2_LIMIT}", _replug),
    ("A3", "1-byte read, generic over specialised", "more than 3", f">= {A3_LIMIT}", _small_read),
    (
        "A4",
        "the same ratio at 1 B, 8 KB, 64 KB",
        "> 3 at 1 B, 1.35 at 8 KB (companion paper's abstract)",
        "falls, all > 1",
        _shape,
    ),
)


def claims(
    costs: Sequence[PathCost], models: Sequence[str], hits: Mapping[str, str] | None = None
) -> list[Claim]:
    """All claims, judged from the costs of one report.

    hits: for models with caches, the name of the model of the same without misses.  The paper counts
    instructions (A2) and times a loop (A1): these two are judged without misses, and told with them.
    """
    result = []
    for identity, text, paper, target, measure in _CLAIMS:
        measured: dict[str, str] = {}
        verdicts = []
        for model in models:
            try:
                all_costs = Costs(costs, model)
                without = Costs(costs, hits[model]) if hits and model in hits else all_costs
                measured[model], verdict = measure(all_costs, without)
            except NotMeasured as error:
                measured[model], verdict = str(error), False
            verdicts.append(verdict)
        result.append(Claim(identity, text, paper, target, measured, all(verdicts)))
    return result


_STEPS = (
    "1 per-process lock",
    "2 per-file lock",
    "3 pointer to the tank",
    "4 spin on the inside-flag",
    "5 specialise",
    "6 descriptor update",
    "7 release file",
    "8 release process",
)

REQUIRED: tuple[tuple[str, dict[str, int], str], ...] = (
    *((name, {"bytes": size}, "") for name in ("generic read", "specialised read") for size in SIZES),
    ("invocation", {}, ""),
    ("invocation, through the flag", {}, ""),
    ("invocation, direct", {}, ""),
    *((f"replug, {kind}", {}, step) for kind in ("uncontended", "contended") for step in ("", *_STEPS)),
    ("holding tank", {}, ""),
    ("read through the holding tank", {"bytes": 1}, ""),
    ("specialise", {}, ""),
    ("specialise again", {}, ""),
    ("guard, taken", {}, ""),
    ("guard, not taken", {}, ""),
    ("guard of one descriptor, not taken", {}, ""),
    ("open, specialised", {}, ""),
    ("open, not specialised", {}, ""),
)
"""Name, parameters and step of every row that the report on the paper's system must have."""


def missing(costs: Sequence[PathCost]) -> list[str]:
    """Rows that the report must have and does not: paths that were never taken."""
    present = {(cost.name, tuple(sorted(cost.parameters.items())), cost.step) for cost in costs}
    result = []
    for name, parameters, step in REQUIRED:
        if (name, tuple(sorted(parameters.items())), step) not in present:
            detail = "".join(f", {key} {value}" for key, value in parameters.items())
            result.append(f"{name}{detail}{': ' + step if step else ''}")
    return result
