# SPDX-License-Identifier: GPL-2.0-or-later
"""What a 1-byte read costs while so many harts read at once: generic and specialised, files of their own and
one file for all (guestos/measure/contention/reads.c).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from emulator.cycles.models import Model
from emulator.cycles.scenario import Run, run_image
from emulator.errors import ReplugError
from emulator.options import MachineOptions
from guestos.images import SYSTEM, build, contention_image
from toolchain.disk import Source, create_image

CROWDS = (1, 2, 4, 8)
"""Numbers of harts, each with a reader."""
INTERLEAVINGS = (1, 3, 7)
"""Quanta. How often readers of one file sleep is a matter of the interleaving: the mean of several."""
LIMIT = 500_000_000  # instructions: what has not ended by then hangs
BLOCK = 4096
GENERIC = "generic read"


@dataclass(frozen=True)
class Crowd:
    """Cycles a read, spinning included: mean over all reads, by model, for each of CROWDS."""

    generic: Mapping[str, tuple[float, ...]]
    specialised: Mapping[str, tuple[float, ...]]

    def saving(self, model: str) -> tuple[float, ...]:
        """What a specialised read costs less, for each of CROWDS."""
        return tuple(g - s for g, s in zip(self.generic[model], self.specialised[model], strict=True))


def measure_crowd(kernel: Path, directory: Path, models: Sequence[Model], *, one_file: bool) -> Crowd:
    """Boot the kernel on each number of harts, with generic and with specialised reads.

    one_file: all read the same file, by the level that shared files have; else each its own, by the level of
    files that nobody shares.  directory: where program and disks go.
    """
    level, path = ("s", "specialised read, shared") if one_file else ("e", "specialised read")
    program = build(contention_image(), directory)
    means: dict[str, dict[str, list[float]]] = {
        name: {m.name: [] for m in models} for name in (GENERIC, path)
    }
    for harts in CROWDS:
        files: dict[str, Source] = {f"/data{i}": bytes(BLOCK) for i in range(harts)}
        choice = f"{harts}{'s' if one_file else 'o'}"
        disk = create_image(
            directory / f"reads-{choice}.img",
            {**SYSTEM, **files, "/init": program, "/choice": choice.encode()},
        )
        for name, levels in ((GENERIC, "-"), (path, level)):
            # Short slices: locks are held for a few instructions, and are to be met that long.
            runs = [
                run_image(
                    kernel,
                    MachineOptions(harts=harts, quantum=quantum, disk=disk, bootargs=f"levels={levels}"),
                    models,
                    max_instructions=LIMIT,
                )
                for quantum in (INTERLEAVINGS if one_file and harts > 1 else INTERLEAVINGS[:1])
            ]
            for model in models:
                means[name][model.name].append(fmean(_mean(run, name, model.name) for run in runs))
    return Crowd(
        {model: tuple(figures) for model, figures in means[GENERIC].items()},
        {model: tuple(figures) for model, figures in means[path].items()},
    )


def _mean(run: Run, name: str, model: str) -> float:
    if run.problems():
        raise ReplugError(f"readers all at once: {run.problems()[0]}\n{run.console}")
    for cost in run.costs:
        if (cost.name, cost.step, cost.parameters) == (name, "", {"bytes": 1}):
            return cost.cycles[model].total / cost.calls
    raise ReplugError(f"readers all at once: no {name}")
