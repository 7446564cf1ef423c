# SPDX-License-Identifier: GPL-2.0-or-later
"""Cost models: how many cycles a run would have taken on some hart.

A model only watches.  The guest's own counters count instructions whatever models are looked at, so one run
gives the figures of all of them, and its schedule and state hash are the same under each.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from emulator.cycles.model import Model
from emulator.cycles.model_file import read_model
from emulator.engine import MAX_MODELS, Caches, Pipeline
from emulator.errors import ReplugError

__all__ = ["CACHED", "IDEAL", "IN_ORDER", "MODELS", "Model", "models_by_name", "where_all_hits"]


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

# The FU540-C000's U54 cores have pipelines of the same figures (its manual, v1p0, section 4.3) and caches of
# this shape: for instructions 32 KiB in 8 ways (1.5) and lines of 64 bytes (4.1.1); for data the same,
# written back and kept coherent by a directory in the L2 (4.4).  What a miss costs the manual does not
# say, and is ours: 20 cycles to an L2 nearby, twice that for a line that another core has written to.
CACHED = Model(
    name="in-order-caches",
    source="the in-order model; L1 caches of the SiFive FU540-C000 (manual v1p0, sections 1.5, 4.1 and "
    "4.4: 32 KiB, 8 ways, lines of 64 bytes); latencies of misses, transfers between harts and upgrades: "
    "our own assumptions",
    limits="as of the in-order model; least recently used line replaced, MESI without the cost of writing "
    "back, blocking misses, no prefetching, no TLB; the lines of a basic block are fetched when it starts; "
    "an AMO is a load and a store; page walks and devices are not cached",
    pipeline=IN_ORDER.pipeline,
    caches=Caches(miss=20, transfer=40, upgrade=20),
)

MODELS = {model.name: model for model in (IDEAL, IN_ORDER, CACHED)}


def where_all_hits(model: Model) -> Model | None:
    """The same model with caches that never miss, to tell misses apart; None where there are no caches."""
    if model.caches is None:
        return None
    return replace(model, name=f"{model.name}, all hits", caches=None)


def models_by_name(names: str) -> list[Model]:
    """The models of a comma-separated list of names and TOML files (see model_file); ReplugError for what is
    none.
    """
    chosen: list[Model] = []
    for each in names.split(","):
        name = each.strip()
        model = read_model(Path(name)) if name.endswith(".toml") else MODELS.get(name)
        if model is None:
            known = ", ".join(MODELS)
            raise ReplugError(
                f"--model: {name or '(empty)'}: there are {known}, and tables in files FILE.toml"
            )
        if any(model.name == other.name and model != other for other in chosen):
            raise ReplugError(f"--model: {name}: there is another model of the name {model.name}")
        if model not in chosen:
            chosen.append(model)
    if sum(model.pipeline is not None for model in chosen) > MAX_MODELS:
        raise ReplugError(f"--model: at most {MAX_MODELS} besides ideal in one run")
    return chosen
