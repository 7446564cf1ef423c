# SPDX-License-Identifier: GPL-2.0-or-later
"""Cost models: how many cycles a run would have taken on some hart.

A model only watches.  The guest's own counters count instructions whatever models are looked at, so one run
gives the figures of all of them, and its schedule and state hash are the same under each.
"""

from __future__ import annotations

from dataclasses import dataclass

from emulator.engine import Pipeline
from emulator.errors import ReplugError


@dataclass(frozen=True)
class Model:
    """A cost model: its name, where its figures are from, what it leaves out.  pipeline is None for
    `ideal`.
    """

    name: str
    source: str
    limits: str
    pipeline: Pipeline | None


IDEAL = Model(
    name="ideal",
    source="one cycle for each instruction that retires",
    limits="no stall of any kind",
    pipeline=None,
)

# Section 3.2 and 3.3 of the manual give: result latencies of 2 cycles for LW, 3 for LH and LB, 3 for CSR
# reads, 5 for MUL; 3 cycles for a mispredicted control transfer and none for a predicted one.  Division is
# data dependent there (up to one bit a cycle): its worst case for 64 bits is taken.  The manual says
# nothing of fences, atomics and traps: those figures are ours.
IN_ORDER = Model(
    name="in-order",
    source="SiFive FE310-G000 manual, sections 3.2 and 3.3 (E31: single issue, five stages); "
    "fences, atomics and traps: our own assumptions",
    limits="no caches; static prediction (backward taken), returns predicted, other indirect jumps not; "
    "a result outstanding at the end of a basic block is taken as ready in the next one",
    pipeline=Pipeline(
        load_use=1,
        load_use_narrow=2,
        multiply=4,
        divide=64,
        mispredict=3,
        jump=0,
        indirect=3,
        ret=0,
        csr=2,
        fence=5,
        fence_light=1,
        fence_i=10,
        atomic=5,
        trap=3,
        floating=4,
    ),
)

MODELS = {model.name: model for model in (IDEAL, IN_ORDER)}


def models_by_name(names: str) -> list[Model]:
    """The models of a comma-separated list; ReplugError for a name that is none."""
    chosen = []
    for name in names.split(","):
        model = MODELS.get(name.strip())
        if model is None:
            raise ReplugError(f"--model: {name.strip() or '(empty)'}: there are {', '.join(MODELS)}")
        if model not in chosen:
            chosen.append(model)
    return chosen
