# SPDX-License-Identifier: GPL-2.0-or-later
"""The comparison of the alternatives as a table, as JSON, as CSV and as a plot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from emulator.cycles.alternatives import PAPER_SCHEME, Alternative, crossover, paper_row
from emulator.cycles.csv_table import table
from emulator.cycles.histogram import Spread
from emulator.cycles.models import Model
from emulator.errors import ReplugError

_RANGE = [10 ** (exponent / 20) for exponent in range(101)]  # calls per replacement: 1 to 100,000


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
        title=f"Replaceable code, {model.name}: cycles",
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


def _pyplot() -> Any:
    try:
        import matplotlib as mpl  # noqa: PLC0415 (optional)
    except ImportError:
        raise ReplugError("--plot: matplotlib is not installed (pip install 'replug[plot]')") from None
    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "replug"  # equal figures give equal files
    import matplotlib.pyplot as plt  # noqa: PLC0415

    return plt


def check_plot(file: Path | None) -> None:
    """ReplugError if that plot could not be made: better now than after all the runs."""
    if file is None:
        return
    if file.suffix not in (".svg", ".png"):
        raise ReplugError(f"--plot {file}: the name of an .svg or a .png file is needed")
    _pyplot()


def plot(rows: Sequence[Alternative], models: Sequence[Model], file: Path) -> None:
    """Cycles a call, its share of the replacement included, over the calls per replacement: one panel a model
    (across) and number of harts (down).  Where two lines cross, the schemes are worth the same.
    """
    plt = _pyplot()
    harts = sorted({row.harts for row in rows})
    figure, axes = plt.subplots(
        len(harts), len(models), figsize=(5.2 * len(models), 3.6 * len(harts)),
        sharex=True, squeeze=False, layout="constrained",
    )  # fmt: skip
    for down, count in enumerate(harts):
        for across, model in enumerate(models):
            panel = axes[down][across]
            panel.set_title(f"{model.name}, {count} hart{'s' if count > 1 else ''}", fontsize=10)
            panel.set_xscale("log")
            panel.set_yscale("log")
            for index, row in enumerate(row for row in rows if row.harts == count):
                totals = [row.total(model.name, calls) for calls in _RANGE]
                style = dict(color=f"C{index % 10}", linestyle="-" if index < 10 else "--", linewidth=1.2)
                if None in totals:
                    panel.axhline(row.costs[model.name].call.median, label=f"{row.title} (never replaced)",
                                  color="black", linewidth=0.8, linestyle=":")  # fmt: skip
                    continue
                label = f"{row.title} (unsafe)" if row.is_unsafe else row.title
                if row.scheme == PAPER_SCHEME:
                    style |= dict(color="black", linewidth=2.2)
                panel.plot(_RANGE, totals, label=label, **style)
            if across == 0:
                panel.set_ylabel("cycles a call, replacement shared out")
            if down == len(harts) - 1:
                panel.set_xlabel("calls per replacement")
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8)
    try:
        figure.savefig(file, dpi=120, metadata={"Date": None} if file.suffix == ".svg" else None)
    except OSError as error:
        raise ReplugError(f"{file}: {error.strerror or error}") from None
    finally:
        plt.close(figure)
