# SPDX-License-Identifier: GPL-2.0-or-later
"""The comparison of the alternatives as a plot: from how many calls per replacement which is cheaper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emulator.cycles.alternatives import PAPER_SCHEME, Alternative, crossover, paper_row
from emulator.cycles.models import Model
from emulator.errors import ReplugError

_RANGE = [10 ** (exponent / 20) for exponent in range(101)]  # calls per replacement: 1 to 100,000
_STYLES: Mapping[str, tuple[str, str]] = {
    "direct": ("0.3", ":"),
    "indirect": ("0.6", "-"),
    "flag_fences": ("black", "-"),
    "flag_amo": ("tab:red", "--"),
    "counter_amo": ("tab:purple", "-"),
    "counter_lrsc": ("tab:purple", "--"),
    "test_and_set": ("tab:orange", "-"),
    "ticket": ("tab:orange", "--"),
    "reader_writer": ("tab:brown", "-."),
    "seqlock": ("tab:cyan", "-"),
    "qsbr": ("tab:green", "-"),
    "membarrier": ("tab:blue", "-"),
    "patching": ("tab:blue", "--"),
}
"""A colour a family (flags, counters, locks, ...), a line a scheme in it."""


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
    (across) and number of harts (down), one scale a model.  A dot is where a scheme meets the paper's.
    """
    plt = _pyplot()
    harts = sorted({row.harts for row in rows})
    figure, axes = plt.subplots(
        len(harts), len(models), figsize=(5.2 * len(models), 4.2 * len(harts) + 1.5),
        sharex=True, sharey="col", squeeze=False, layout="constrained",
    )  # fmt: skip
    for down, count in enumerate(harts):
        for across, model in enumerate(models):
            panel = axes[down][across]
            _panel(panel, [row for row in rows if row.harts == count], model.name)
            panel.set_title(f"{model.name}, {count} hart{'s' if count > 1 else ''}", fontsize=13)
            if across == 0:
                panel.set_ylabel("cycles a call, replacement shared out", fontsize=11)
            if down == len(harts) - 1:
                panel.set_xlabel("calls per replacement", fontsize=11)
    found: dict[str, Any] = {}
    for panel in axes.flat:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    columns = min(len(models) + 1, 4)
    figure.legend(found.values(), found.keys(), loc="outside lower center", ncols=columns, fontsize=12)
    try:
        figure.savefig(file, dpi=110, metadata={"Date": None} if file.suffix == ".svg" else None)
    except OSError as error:
        raise ReplugError(f"{file}: {error.strerror or error}") from None
    finally:
        plt.close(figure)


def _panel(panel: Any, rows: Sequence[Alternative], model: str) -> None:
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.grid(visible=True, which="major", color="0.9", linewidth=0.8)
    panel.set_axisbelow(True)
    for row in rows:
        color, line = _STYLES[row.scheme]
        totals = [row.total(model, calls) for calls in _RANGE]
        paper = paper_row(rows, row.harts)
        style = dict(color=color, linestyle=line, linewidth=1.6)
        if None in totals:
            panel.axhline(row.costs[model].call.median, label=f"{row.title} (never replaced)", **style)
            continue
        if row.scheme == PAPER_SCHEME:
            style |= dict(linewidth=4, alpha=0.55)  # broad: another one may lie on it
        panel.plot(_RANGE, totals, label=f"{row.title} (unsafe)" if row.is_unsafe else row.title, **style)
        _, calls = ("", None) if paper is None else crossover(row, paper, model)
        if calls is not None and _RANGE[0] <= calls <= _RANGE[-1]:
            panel.plot([calls], [row.total(model, calls)], marker="o", markersize=5, color=color, zorder=5)
