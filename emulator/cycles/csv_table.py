# SPDX-License-Identifier: GPL-2.0-or-later
"""The report as comma-separated values (RFC 4180, but for lines that end in a newline alone)."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from io import StringIO

from emulator.cycles.models import Model
from emulator.cycles.paths import PathCost

SPREAD = ("min", "median", "max", "total")


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table as text, with its header as the first line."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def paths_csv(costs: Sequence[PathCost], models: Sequence[Model]) -> str:
    """One line a path: name, step, parameters ("bytes=1", several with a space between), calls, and the
    spreads of instructions and of cycles under each model: total, own and of interrupts."""
    quantities = ["instructions", *(f"{model.name} cycles" for model in models)]
    columns = [part + quantity for part in ("", "own ", "interrupts ") for quantity in quantities]
    header = ["path", "step", "parameters", "calls"]
    header += [f"{column} {figure}" for column in columns for figure in SPREAD]
    return table(header, [_row(cost, models) for cost in costs])


def _row(cost: PathCost, models: Sequence[Model]) -> list[object]:
    parameters = " ".join(f"{name}={value}" for name, value in cost.parameters.items())
    row: list[object] = [cost.name, cost.step, parameters, cost.calls]
    for part in (cost, cost.own, cost.interrupts):
        for spread in (part.instructions, *(part.cycles[model.name] for model in models)):
            row += [spread.as_dict()[figure] for figure in SPREAD]
    return row
