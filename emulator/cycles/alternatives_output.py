# SPDX-License-Identifier: GPL-2.0-or-later
"""The comparison of the alternatives as a table, as JSON and as CSV."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table

from emulator.cycles.alternatives import PAPER_SCHEME, Alternative, crossover, paper_row
from emulator.cycles.csv_table import table
from emulator.cycles.histogram import Spread
from emulator.cycles.models import Model

_CAPTION = (
    "call: from the caller's jump to its return, all harts calling at once. idle, occupied, in I/O: a "
    "replacement while nobody calls, while the others are inside now and then, while one waits inside for "
    "20 us. on others: what its interrupts (IPIs) cost the other harts. cheaper than the flag at: calls per "
    "replacement."
)


def _median(spread: Spread | None) -> str:
    return "-" if spread is None else f"{spread.median:,}"


def _crossover(row: Alternative, rows: Sequence[Alternative], model: str) -> str:
    paper = paper_row(rows, row.harts)
    if paper is None:
        return "-"
    when, calls = crossover(row, paper, model)
    return when if calls is None else f"{when} {calls:,.1f}"


def _violations(row: Alternative) -> str:
    if not row.replacements or row.costs[next(iter(row.costs))].idle is None:
        return "-"
    return f"unsafe: {row.violations}" if row.is_unsafe else str(row.violations)


def alternatives_table(rows: Sequence[Alternative], model: Model) -> Table:
    """One model's table: a line for each scheme and number of harts."""
    result = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True,
        title=f"Replaceable code, {model.name}: cycles", caption=_CAPTION, caption_justify="left",
    )  # fmt: skip
    result.add_column("scheme", no_wrap=True)
    for name in ("harts", "instr.", "atomics", "fences", "call"):
        result.add_column(name, justify="right", no_wrap=True)
    for name in ("idle", "occupied", "in I/O", "IPIs", "on others"):
        result.add_column(name, justify="right", no_wrap=True)
    result.add_column("cheaper than the flag at", justify="right", no_wrap=True)
    result.add_column("old code ran", justify="right", no_wrap=True)
    last = ""
    for row in rows:
        cost = row.costs[model.name]
        if row.scheme != last and last:
            result.add_section()
        result.add_row(
            row.title if row.scheme != last else "",
            str(row.harts),
            str(row.instructions), str(row.atomics), str(row.fences),
            _median(cost.call),
            _median(cost.idle), _median(cost.occupied), _median(cost.in_io),
            str(row.interrupts), str(row.interrupts * cost.interruption),
            _crossover(row, rows, model.name),
            _violations(row),
        )  # fmt: skip
        last = row.scheme
    return result


def as_dict(rows: Sequence[Alternative], models: Sequence[Model]) -> dict[str, object]:
    """The JSON report.  crossover: {"when": "above" | "below" | "always" | "never" | "-", "calls": number or
    null}, against the paper's scheme on the same number of harts."""
    return {
        "models": [{"name": m.name, "source": m.source, "limits": m.limits} for m in models],
        "reference": PAPER_SCHEME,
        "alternatives": [_row_dict(row, rows) for row in rows],
    }


def _row_dict(row: Alternative, rows: Sequence[Alternative]) -> dict[str, object]:
    cycles: dict[str, object] = {}
    paper = paper_row(rows, row.harts)
    for model, cost in row.costs.items():
        when, calls = ("-", None) if paper is None else crossover(row, paper, model)
        cycles[model] = {
            "call": cost.call.as_dict(),
            **{
                f"replace {name}": None if spread is None else spread.as_dict()
                for name, spread in (("idle", cost.idle), ("occupied", cost.occupied), ("in I/O", cost.in_io))
            },
            "interruption": cost.interruption,
            "crossover": {"when": when, "calls": calls},
        }
    return {
        "scheme": row.scheme,
        "title": row.title,
        "harts": row.harts,
        "instructions": row.instructions,
        "atomics": row.atomics,
        "fences": row.fences,
        "interrupts": row.interrupts,
        "cycles": cycles,
        "unsafe": row.is_unsafe,
        "violations": row.violations,
        "working_calls": row.calls,
        "replacements": row.replacements,
    }


def as_csv(rows: Sequence[Alternative]) -> str:
    """One line for each scheme, number of harts and model; medians; empty where there is nothing."""
    header = [
        "scheme", "harts", "model", "instructions", "atomics", "fences", "call", "replace idle",
        "replace occupied", "replace in I/O", "interrupts", "interruption", "cheaper than the flag",
        "calls per replacement", "violations",
    ]  # fmt: skip
    lines: list[list[object]] = []
    for row in rows:
        paper = paper_row(rows, row.harts)
        for model, cost in row.costs.items():
            when, calls = ("-", None) if paper is None else crossover(row, paper, model)
            replacements = [
                "" if spread is None else spread.median for spread in (cost.idle, cost.occupied, cost.in_io)
            ]
            lines.append([
                row.scheme, row.harts, model, row.instructions, row.atomics, row.fences, cost.call.median,
                *replacements, row.interrupts, cost.interruption, when,
                "" if calls is None else f"{calls:.2f}", row.violations,
            ])  # fmt: skip
    return table(header, lines)
