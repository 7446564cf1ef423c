# SPDX-License-Identifier: GPL-2.0-or-later
"""The rows of a benchmark as a table for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from emulator.bench.row import Row


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _row(row: Row) -> list[str]:
    peer = f"{row.peer}: {_figure(row.peer_value)}" if row.peer_value is not None else ""
    wanted = f"{row.wanted}{f' {row.unit}' if row.wanted.of_value else ''}" if row.wanted is not None else ""
    reached = {None: "", True: ": [green]yes[/green]", False: ": [red]no[/red]"}[row.reached]
    spread = " to ".join(_figure(end) for end in row.spread)
    ratio = _figure(row.ratio) if row.ratio is not None else ""
    return [row.name, _figure(row.value), row.unit, peer, ratio, spread, wanted + reached]


def print_table(console: Console, title: str, rows: Sequence[Row]) -> None:
    """Print them; the ratio says how many times as fast as the peer we are."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("what", "ours", "unit", "peer", "ratio", "spread", "wanted"):
        right = heading in ("ours", "ratio")
        # Where the terminal is narrow, these have the lines that can be broken.
        table.add_column(
            heading, justify="right" if right else "left", no_wrap=heading not in ("what", "peer", "spread")
        )
    for row in rows:
        table.add_row(*_row(row))
    console.print(table)
