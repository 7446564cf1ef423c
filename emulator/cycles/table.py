# SPDX-License-Identifier: GPL-2.0-or-later
"""The report on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from emulator.cycles.claims import SIZES, Claim
from emulator.cycles.histogram import Spread
from emulator.cycles.models import IDEAL, Model
from emulator.cycles.paths import PathCost

_WHOLE = 2  # with more models than these, only the medians of each have room

_BESIDE = 15  # columns beside the texts of claims
_READABLE = 18  # columns for each of those texts, at least

_PROFILE = "generic read by step"

# Sections of the report on the paper's system: a title, and which rows belong there.
_SECTIONS: tuple[tuple[str, Callable[[PathCost], bool]], ...] = (
    (
        "read, from trap to return",
        lambda cost: "read" in cost.name and cost.name != _PROFILE and cost.parameters.get("bytes") in SIZES,
    ),
    (
        "generic read, step by step",
        lambda cost: cost.name == _PROFILE and cost.parameters.get("bytes") == 1,
    ),
    (
        "entering and leaving specialised code",
        lambda cost: cost.name.startswith(("invocation", "flag clear")),
    ),
    ("replug", lambda cost: cost.name.startswith("replug")),
    ("holding tank", lambda cost: cost.name == "holding tank"),
    ("guards", lambda cost: cost.name.startswith("guard")),
    ("open", lambda cost: cost.name.startswith(("open", "specialise")) and "read" not in cost.name),
)


def _figures(spread: Spread, extremes: bool) -> list[str]:
    if not extremes:
        return [f"{spread.median:,}"]
    if spread.min == spread.max:
        return ["", f"{spread.median:,}", ""]
    return [f"{spread.min:,}", f"{spread.median:,}", f"{spread.max:,}"]


def _row(cost: PathCost, models: Sequence[Model], narrow: bool) -> list[str]:
    label = escape(f"  {cost.step}" if cost.step else cost.name)
    detail = ", ".join(
        f"{value:,} B" if key == "bytes" else f"{key} {value:,}" for key, value in cost.parameters.items()
    )
    interrupts = cost.interrupts.instructions.total
    names = [f"{label} {detail}".rstrip()] if narrow else [label, detail]
    cells = [*names, f"{cost.calls:,}", _own(cost), *_figures(cost.instructions, not narrow)]
    for model in models:
        if model is not IDEAL:
            spread = cost.cycles[model.name]
            cells += _figures(spread, not narrow and len(models) <= _WHOLE)
    return cells if narrow else [*cells, f"{interrupts:,}" if interrupts else ""]


def _own(cost: PathCost) -> str:
    """The median; nothing where all is own."""
    return "" if cost.own.instructions == cost.instructions else f"{cost.own.instructions.median:,}"


def path_table(
    costs: Sequence[PathCost], models: Sequence[Model], *, everything: bool, narrow: bool = False
) -> Table:
    """The paths in their sections; the rest follows under "other paths" when `everything` is asked for.

    Instructions first: own (median, where it is not the total), total; then cycles under each other model;
    at last the instructions of all interrupts that cut calls of the path.  narrow: medians only, so that the
    report on the paper's system fits 80 columns.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("path", no_wrap=True)
    if not narrow:
        table.add_column("", justify="right", no_wrap=True)
    table.add_column("calls", justify="right")
    table.add_column("own", justify="right")
    if narrow:
        table.add_column("total", justify="right", style="bold")
    else:
        table.add_column("total min", justify="right")
        table.add_column("median", justify="right", style="bold")
        table.add_column("max", justify="right")
    for model in models:
        if model is not IDEAL and narrow:
            table.add_column(model.name, justify="right")
        elif model is not IDEAL and len(models) > _WHOLE:
            table.add_column(f"{model.name} median", justify="right")
        elif model is not IDEAL:
            table.add_column(f"{model.name} min", justify="right")
            table.add_column("median", justify="right", style="bold")
            table.add_column("max", justify="right")
    if not narrow:
        table.add_column("interrupts", justify="right")
    left = list(costs)
    sections = []
    for title, belongs in _SECTIONS:
        sections.append((title, [cost for cost in left if belongs(cost)]))
        left = [cost for cost in left if not belongs(cost)]
    if everything or not any(rows for _, rows in sections):
        sections.append(("other paths", left))
    for title, rows in sections:
        if rows:
            table.add_row(f"[bold cyan]{title}[/]")
            for cost in rows:
                table.add_row(*_row(cost, models, narrow))
            table.add_section()
    return table


def claim_table(claims: Sequence[Claim], models: Sequence[Model], width: int) -> Table:
    """The paper's figures beside ours; one below the other where `width` columns are too few for that."""
    title = "The paper's figures and ours"
    if 2 * (width - _BESIDE) < _READABLE * (7 + 2 * len(models)):  # by the ratios below
        return _stacked_claims(claims, models, title)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, title=title)
    table.add_column("")
    table.add_column("claim", ratio=3)
    table.add_column("paper", ratio=2)
    table.add_column("target", ratio=2)
    for model in models:
        table.add_column(model.name, ratio=2)
    table.add_column("holds")
    for claim in claims:
        measured = [claim.measured[model.name] for model in models]
        table.add_row(claim.id, claim.text, claim.paper, claim.target, *measured, _verdict(claim))
    return table


def _stacked_claims(claims: Sequence[Claim], models: Sequence[Model], title: str) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, title=title, title_justify="left"
    )
    for heading in ("", "holds", "claim"):
        table.add_column(heading)
    for claim in claims:
        told = [("paper", claim.paper), ("target", claim.target)]
        told += [(model.name, claim.measured[model.name]) for model in models]
        lines = [claim.text, *(f"{name}: {what}" for name, what in told if what)]
        table.add_row(claim.id, _verdict(claim), Text("\n".join(lines)))
        table.add_section()
    return table


def _verdict(claim: Claim) -> str:
    return "[bold green]yes[/]" if claim.holds else "[bold red]no[/]"


def columns_of(table: Table) -> int:
    """Columns of the screen that it takes without anything cut short."""
    endless = Console(width=10_000)
    return Measurement.get(endless, endless.options, table).maximum


def print_models(console: Console, models: Sequence[Model]) -> None:
    """Where the figures of each model come from, and what it leaves out."""
    for model in models:
        console.print(f"[bold]{model.name}[/]: {model.source}; limits: {model.limits}", highlight=False)
