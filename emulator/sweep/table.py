# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of a sweep, as CSV or Parquet, and its plots."""

from __future__ import annotations

import csv
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emulator.errors import ReplugError
from emulator.sweep.job import Row
from emulator.sweep.spec import Plot


def check_output(file: Path, plots: Sequence[Plot]) -> None:
    """ReplugError if the table, or a plot, could not be made: better now than after all the runs."""
    if file.suffix not in (".csv", ".parquet"):
        raise ReplugError(f"{file}: the name of a .csv or a .parquet file is needed")
    if not file.parent.is_dir():
        raise ReplugError(f"{file}: no such directory: {file.parent}")
    if file.suffix == ".parquet":
        _optional("pyarrow.parquet", "a Parquet file", "parquet")
    if plots:
        _optional("matplotlib", "a plot", "plot")


def _optional(module: str, what: str, extra: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        name = module.partition(".")[0]
        raise ReplugError(f"{what} needs {name}: pip install 'replug[{extra}]'") from None


def columns(rows: Sequence[Row]) -> list[str]:
    """All that occur, in the order in which they first do."""
    return list(dict.fromkeys(name for row in rows for name in row))


def write_table(file: Path, rows: Sequence[Row]) -> None:
    """One line a path and point; what a line has no value for is empty."""
    names = columns(rows)
    try:
        if file.suffix == ".parquet":
            arrow, parquet = importlib.import_module("pyarrow"), _optional("pyarrow.parquet", "", "parquet")
            table = arrow.table({name: [row.get(name) for row in rows] for name in names})
            parquet.write_table(table, file)
            return
        with file.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, names, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise ReplugError(f"{file}: {error.strerror}") from None


_WIDE = 8  # so many times the smallest parameter: a logarithmic scale
_MOST_TICKS = 10


def draw(plot: Plot, rows: Sequence[Row], folder: Path) -> str | None:
    """Draw a plot into its file; what is wrong with it, or None."""
    column = "instructions median" if plot.y == "instructions" else f"{plot.y} cycles median"
    chosen = [row for row in rows if row.get("path") == plot.path and column in row]
    if not chosen:
        return f"{plot.file}: no run has {column} of the path {plot.path!r}"
    mpl = _optional("matplotlib", "a plot", "plot")
    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "replug"  # equal figures give equal files
    plt = importlib.import_module("matplotlib.pyplot")
    figure, axes = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    groups: dict[Any, list[Row]] = {}
    for row in chosen:
        groups.setdefault(row.get(plot.lines) if plot.lines else None, []).append(row)
    broader = min(2.5, 8 / len(groups))
    for number, (value, members) in enumerate(groups.items()):
        points = sorted(members, key=lambda row: (isinstance(row[plot.x], str), row[plot.x]))
        label = None if plot.lines is None else f"{plot.lines} {value}"
        # Lines may lie on each other: the first ones are broad, and show beside the later ones.
        axes.plot(
            [row[plot.x] for row in points],
            [row[column] for row in points],
            linewidth=1.5 + broader * (len(groups) - 1 - number),
            marker="o",
            markersize=5 + broader * (len(groups) - 1 - number),
            label=label,
        )
    values = sorted({row[plot.x] for row in chosen if not isinstance(row[plot.x], str)})
    if values and values[-1] > _WIDE * values[0] > 0:
        axes.set_xscale("log")
        axes.minorticks_off()
    if values and len(values) <= _MOST_TICKS:
        axes.set_xticks(values, [f"{value:,}" for value in values])
    axes.set_xlabel(plot.x)
    axes.set_ylabel(f"median {'instructions' if plot.y == 'instructions' else f'cycles, {plot.y}'}")
    axes.set_title(plot.path)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    if plot.lines is not None:
        axes.legend()
    try:
        figure.savefig(folder / plot.file, metadata={"Date": None} if plot.file.endswith(".svg") else {})
    except OSError as error:
        raise ReplugError(f"{folder / plot.file}: {error.strerror}") from None
    finally:
        plt.close(figure)
    return None
