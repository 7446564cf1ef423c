# SPDX-License-Identifier: GPL-2.0-or-later
"""The comparison of the alternatives as a table, as JSON and as CSV."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich import box
from rich.table import Table

from emulator.cycles.alternatives import PAPER_SCHEME, Alternative, crossover, paper_row
from emulator.cycles.csv_table import table
from emulator.cycles.histogram import Spread
from emulator.cycles.models import Model
from emulator.cycles.table import columns_of


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


_Cell = Callable[[Alternative, Sequence[Alternative], str], str]

# Heading; what is there for a scheme, of all of them, under a model; when it goes for want of room: 1 first.
_COLUMNS: tuple[tuple[str, _Cell, int], ...] = (
    ("harts", lambda row, _rows, _model: str(row.harts), 0),
    ("instr.", lambda row, _rows, _model: str(row.instructions), 1),
    ("atomics", lambda row, _rows, _model: str(row.atomics), 1),
    ("fences", lambda row, _rows, _model: str(row.fences), 1),
    ("call", lambda row, _rows, model: _median(row.costs[model].call), 0),
    ("idle", lambda row, _rows, model: _median(row.costs[model].idle), 0),
    ("occupied", lambda row, _rows, model: _median(row.costs[model].occupied), 0),
    ("in I/O", lambda row, _rows, model: _median(row.costs[model].in_io), 0),
    ("IPIs", lambda row, _rows, _model: str(row.interrupts), 2),
    ("on others", lambda row, _rows, model: str(row.interrupts * row.costs[model].interruption), 2),
    ("cheaper", _crossover, 0),
    ("old code ran", lambda row, _rows, _model: _violations(row), 3),
)
_LAST_TO_GO = 3


def alternatives_table(rows: Sequence[Alternative], model: Model, width: int) -> tuple[Table, list[str]]:
    """One model's table, a line for each scheme and number of harts, and which columns it is without because
    `width` is not enough for them.  Figures are never cut.
    """
    for going in range(_LAST_TO_GO + 1):
        result = _table(rows, model, going)
        if columns_of(result) <= width:
            break
    return result, [heading for heading, _, goes in _COLUMNS if 0 < goes <= going]


def _table(rows: Sequence[Alternative], model: Model, going: int) -> Table:
    result = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True,
        title=f"Replaceable code, {model.name}: cycles",
    )  # fmt: skip
    shown = [(heading, cell) for heading, cell, goes in _COLUMNS if not 0 < goes <= going]
    result.add_column("scheme", no_wrap=True)
    for heading, _ in shown:
        result.add_column(heading, justify="right", no_wrap=True)
    last = ""
    for row in rows:
        if row.scheme != last and last:
            result.add_section()
        title = f"{row.title}{' (unsafe)' if row.is_unsafe and going >= _LAST_TO_GO else ''}"
        cells = [cell(row, rows, model.name) for _, cell in shown]
        result.add_row(title if row.scheme != last else "", *cells)
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
