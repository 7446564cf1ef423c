# SPDX-License-Identifier: GPL-2.0-or-later
"""One point of a sweep: a run, and its rows.  It goes through pickle to a process, here or on a cluster."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emulator.cycles.models import models_by_name
from emulator.cycles.scenario import run_image
from emulator.options import MachineOptions

Row = dict[str, Any]
"""A line of the table: column -> value."""


@dataclass(frozen=True)
class Job:
    """What to run.  point: the parameters as the table shows them; inputs: hashes of all files that go in."""

    point: tuple[tuple[str, int | str], ...]
    image: str
    options: tuple[tuple[str, int | str], ...]
    disk: str | None
    models: str
    max_instructions: int | None
    inputs: tuple[str, ...]

    @property
    def key(self) -> str:
        """Equal for jobs that have the same result."""
        text = json.dumps(
            [self.point, self.options, self.models, self.max_instructions, self.inputs], sort_keys=True
        )
        return hashlib.sha256(text.encode()).hexdigest()[:24]


def run_job(job: Job) -> list[Row]:
    """A row for each path, or one without a path where none was taken to its end."""
    options: dict[str, Any] = dict(job.options)
    models = models_by_name(job.models)
    run = run_image(
        Path(job.image),
        MachineOptions(**options, disk=None if job.disk is None else Path(job.disk)),
        models,
        max_instructions=job.max_instructions,
    )
    about: Row = {
        **dict(job.point),
        "exit": run.outcome.reason,
        "status": run.outcome.status,
        "run instructions": run.instructions,
        "state hash": run.state_hash,
    }
    rows: list[Row] = []
    for cost in run.costs:
        row = about | {"path": cost.full_label, "calls": cost.calls}
        spreads = {"instructions": cost.instructions}
        spreads |= {f"{model.name} cycles": cost.cycles[model.name] for model in models}
        for name, spread in spreads.items():
            row |= {f"{name} {figure}": value for figure, value in spread.as_dict().items()}
        row["own instructions median"] = cost.own.instructions.median
        row["interrupts instructions total"] = cost.interrupts.instructions.total
        rows.append(row)
    return rows or [about | {"path": "", "calls": 0}]
