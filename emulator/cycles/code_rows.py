# SPDX-License-Identifier: GPL-2.0-or-later
"""Costs by function and by line as rows of a report: for JSON, CSV and a terminal alike."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table

from emulator.cycles.code import CodeCosts

Row = dict[str, object]
SHOWN = 30  # rows of a table that is not to show everything
BY_FUNCTION = ("run", "function", "address", "instructions", "share", "executions")
BY_LINE = ("run", "file", "line", "function", "address", "instructions", "share", "executions")


def function_rows(code: CodeCosts) -> list[Row]:
    """share: of all instructions of the run; executions: of the function's first instruction."""
    total = max(code.instructions, 1)
    return [
        {
            "run": code.run,
            "function": cost.place.name,
            "address": cost.place.address,
            "instructions": cost.instructions,
            "share": cost.instructions / total,
            "executions": cost.executions,
        }
        for cost in code.functions()
    ]


def line_rows(code: CodeCosts) -> list[Row]:
    """file is "" and line 0 where the image does not tell; executions: of the instruction of the line that
    retired most often.
    """
    total = max(code.instructions, 1)
    return [
        {
            "run": code.run,
            "file": "" if cost.line is None else cost.line[0],
            "line": 0 if cost.line is None else cost.line[1],
            "function": cost.place.name,
            "address": cost.place.address,
            "instructions": cost.instructions,
            "share": cost.instructions / total,
            "executions": cost.executions,
        }
        for cost in code.lines()
    ]


def code_table(code: CodeCosts, rows: Sequence[Row], *, by_line: bool, everything: bool) -> Table:
    """The most expensive rows, or all of them, and their sum."""
    what = "source line" if by_line else "function"
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, title=f"{code.run}: code by {what}"
    )
    table.add_column(what)
    if by_line:
        table.add_column("function")
    for heading in ("instructions", "share", "executions"):
        table.add_column(heading, justify="right", no_wrap=True)
    shown = rows if everything or len(rows) <= SHOWN else rows[:SHOWN]
    for row in shown:
        names = [str(row["function"])]
        if by_line:
            names.insert(0, f"{row['file']}:{row['line']}" if row["file"] else "(not told)")
        table.add_row(*names, f"{row['instructions']:,}", f"{row['share']:.2%}", f"{row['executions']:,}")
    table.add_section()
    left = len(rows) - len(shown)
    names = [f"all {len(rows):,}" + (f" ({left:,} not shown: --all)" if left else ""), ""]
    table.add_row(*names[: 2 if by_line else 1], f"{code.instructions:,}", "100.00%", "")
    return table
