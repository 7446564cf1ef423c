# SPDX-License-Identifier: GPL-2.0-or-later
"""Thirteen ways to replace code under its callers, measured alike: guestos/measure/alternatives/.

Each program is one scheme under a common harness: what a call of an empty body costs on every hart at once,
and what a replacement costs while nobody calls, while others are inside, and while one waits inside as for a
disk.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from emulator.cycles.histogram import Spread
from emulator.cycles.models import IDEAL, IN_ORDER, MODELS, Model
from emulator.cycles.paths import PathCost
from emulator.cycles.scenario import run_image
from emulator.engine import Pipeline
from emulator.errors import ReplugError
from emulator.options import MachineOptions

HARTS = (1, 2, 4, 8)
QUANTUM = 1  # a basic block a turn: harts meet inside each other's critical sections, as on real ones
PAPER_SCHEME = "flag_fences"
UNSAFE = frozenset({"indirect"})

SCHEMES: Mapping[str, str] = {
    "direct": "direct call",
    "indirect": "bare indirect call",
    "flag_fences": "inside-flag (fences)",
    "flag_amo": "inside-flag (AMO)",
    "counter_amo": "inside-counter (AMO)",
    "counter_lrsc": "inside-counter (LR/SC)",
    "test_and_set": "test-and-set lock",
    "ticket": "ticket lock",
    "reader_writer": "reader-writer lock",
    "seqlock": "sequence lock (parameters)",
    "qsbr": "quiescent states (QSBR)",
    "membarrier": "membarrier + IPI",
    "patching": "code patching + fence.i IPI",
}
"""Program -> what the report calls it, in the report's order."""

DEAR_SYNCHRONISATION = Model(
    name="dear-sync",
    source="the in-order model, but every atomic and every fence that orders stores before loads takes "
    "40 cycles more, and fence.i 200: our own assumption of a core that waits for its memory system",
    limits=IN_ORDER.limits,
    pipeline=replace(IN_ORDER.pipeline or Pipeline(), atomic=40, fence=40, fence_light=4, fence_i=200),
)

_FENCE = 1 << 12
_COUNTING = Model(
    name="counting",
    source="",
    limits="",
    pipeline=Pipeline(atomic=1, fence=_FENCE, fence_light=_FENCE, fence_i=_FENCE),
)
"""Cycles beyond one an instruction: the number of atomics, plus _FENCE for each fence."""

Progress = Callable[[str, int, int], None]
"""Told what is measured next, how many runs are done, how many there are."""


def models_of(names: str | None) -> list[Model]:
    """The models of a comma-separated list, all when there is none; ReplugError for a name that is none."""
    known = {**MODELS, DEAR_SYNCHRONISATION.name: DEAR_SYNCHRONISATION}
    chosen = list(known) if names is None else [name.strip() for name in names.split(",")]
    for name in chosen:
        if name not in known:
            raise ReplugError(f"--model: {name or '(empty)'}: there are {', '.join(known)}")
    return [known[name] for name in dict.fromkeys(chosen)]


@dataclass(frozen=True)
class Cost:
    """Cycles under one model; a replacement's are the replacing hart's own, spinning included.

    call: of every hart's calls, made at the same time; idle, occupied, in_io: of a replacement, None where
    the scheme has none or there is but one hart; interruption: of one inter-hart interrupt on the hart that
    takes it.
    """

    call: Spread
    idle: Spread | None
    occupied: Spread | None
    in_io: Spread | None
    interruption: int

    def replacement(self, interrupts: int) -> int | None:
        """Cycles of a replacement that nobody is in the way of, on all harts together."""
        return None if self.idle is None else self.idle.median + interrupts * self.interruption


@dataclass(frozen=True)
class Alternative:
    """One scheme on so many harts.  instructions, atomics, fences: of a call that nobody is in the way of.

    interrupts: inter-hart interrupts a replacement.  violations: how often old code ran after its replacement
    had returned, in so many working calls and replacements.
    """

    scheme: str
    harts: int
    instructions: int
    atomics: int
    fences: int
    costs: dict[str, Cost]
    interrupts: int
    violations: int
    calls: int
    replacements: int

    @property
    def title(self) -> str:
        return SCHEMES[self.scheme]

    @property
    def is_unsafe(self) -> bool:
        return self.scheme in UNSAFE

    def total(self, model: str, calls_per_replacement: float) -> float | None:
        """Cycles a call, with its share of the replacement; None for what cannot be replaced."""
        cost = self.costs[model]
        replacement = cost.replacement(self.interrupts)
        return None if replacement is None else cost.call.median + replacement / calls_per_replacement


def crossover(row: Alternative, paper: Alternative, model: str) -> tuple[str, float | None]:
    """When a scheme is cheaper than the paper's inside-flag: ("above" or "below", calls per replacement),
    ("always", None), ("never", None), or ("-", None) where nothing can be compared.
    """
    mine, theirs = row.costs[model], paper.costs[model]
    my_replacement = mine.replacement(row.interrupts)
    their_replacement = theirs.replacement(paper.interrupts)
    if my_replacement is None or their_replacement is None or row.scheme == paper.scheme:
        return "-", None
    per_call = theirs.call.median - mine.call.median  # what a call saves
    once = my_replacement - their_replacement  # what a replacement costs more
    if per_call > 0:
        return ("above", once / per_call) if once > 0 else ("always", None)
    if per_call < 0:
        return ("below", once / per_call) if once < 0 else ("never", None)
    return ("always", None) if once < 0 else ("never", None) if once > 0 else ("-", None)


_REPORT = re.compile(
    r"(?P<harts>\d+) harts, (?P<calls>\d+) working calls, (?P<replacements>\d+) replacements, "
    r"(?P<violations>\d+) violations"
)


def _find(costs: Sequence[PathCost], name: str, model: Model) -> Spread | None:
    """The spread of a path, all its parameters taken together."""
    found = [cost for cost in costs if cost.name == name]
    if not found:
        return None
    if len(found) > 1:
        raise ReplugError(f"{name}: its calls did not all send the same number of interrupts")
    return found[0].cycles[model.name]


def _cost(costs: Sequence[PathCost], model: Model) -> Cost:
    call = _find(costs, "call", model)
    if call is None:
        raise ReplugError("a measuring program made no call")
    interruption = _find(costs, "barrier on another hart", model)
    return Cost(
        call=call,
        idle=_find(costs, "replace, idle", model),
        occupied=_find(costs, "replace, occupied", model),
        in_io=_find(costs, "replace, in I/O", model),
        interruption=0 if interruption is None else interruption.median,
    )


LIMIT = 100_000_000  # instructions: a scheme that has not come to its end by then has stopped in a deadlock


def measure_scheme(image: Path, scheme: str, harts: int, models: Sequence[Model]) -> Alternative:
    """Run one program under each model.  ReplugError when it does not end, or says that it failed: old code
    ran after its replacement, under a scheme that is to prevent it.
    """
    options = MachineOptions(harts=harts, quantum=QUANTUM)
    run = run_image(image, options, models, name=scheme, max_instructions=LIMIT)
    report = _REPORT.search(run.console)
    if run.problems() or report is None or int(report["harts"]) != harts:
        found = f": {report[0]}" if report else ""
        raise ReplugError(f"{scheme} on {harts} harts: ended by {run.outcome.reason}{found}")
    alone = run_image(image, MachineOptions(quantum=QUANTUM), [IDEAL, _COUNTING], name=scheme)
    (call,) = [cost for cost in alone.costs if cost.name == "call"]
    beyond = call.cycles[_COUNTING.name].min - call.instructions.min
    return Alternative(
        scheme=scheme,
        harts=harts,
        instructions=call.instructions.min,
        atomics=beyond % _FENCE,
        fences=beyond // _FENCE,
        costs={model.name: _cost(run.costs, model) for model in models},
        interrupts=max(cost.parameters.get("interrupts", 0) for cost in run.costs),
        violations=int(report["violations"]),
        calls=int(report["calls"]),
        replacements=int(report["replacements"]),
    )


def measure_all(
    images: Mapping[str, Path],
    models: Sequence[Model],
    harts: Sequence[int] = HARTS,
    progress: Progress | None = None,
) -> list[Alternative]:
    """Every scheme on every number of harts.  images: scheme -> program."""
    rows = []
    runs = [(scheme, count) for scheme in SCHEMES for count in harts]
    for done, (scheme, count) in enumerate(runs):
        if progress is not None:
            progress(f"{SCHEMES[scheme]}, {count} harts", done, len(runs))
        rows.append(measure_scheme(images[scheme], scheme, count, models))
    if progress is not None:
        progress("done", len(runs), len(runs))
    return rows


def problems(rows: Sequence[Alternative]) -> list[str]:
    """What contradicts the schemes' own claims: violations of a safe one, none of the unsafe one."""
    found = [
        f"{row.title} on {row.harts} harts: old code ran {row.violations} times after its replacement"
        for row in rows
        if row.violations and not row.is_unsafe
    ]
    for scheme in sorted(UNSAFE & {row.scheme for row in rows if row.harts > 1}):
        if not any(row.violations for row in rows if row.scheme == scheme):
            found.append(f"{SCHEMES[scheme]}: is unsafe, and yet no old code ran: the check sees nothing")
    return found


def paper_row(rows: Sequence[Alternative], harts: int) -> Alternative | None:
    """The paper's own scheme on so many harts, with which the others are compared."""
    return next((row for row in rows if row.scheme == PAPER_SCHEME and row.harts == harts), None)
