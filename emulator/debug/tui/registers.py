# SPDX-License-Identifier: GPL-2.0-or-later
"""The pane of registers, with those lit that the last move changed."""

from __future__ import annotations

from rich.text import Text

from emulator.debug.tui.pane import Pane

_MOST_COLUMNS = 4
_INTEGERS = 32  # pc, and x1 to x31


class RegistersPane(Pane):
    """In as many columns as have room, filled downwards."""

    def __init__(self) -> None:
        super().__init__(id="registers")
        self._registers: tuple[tuple[str, int], ...] = ()
        self._seen = (-1, 0)  # hart and frame
        self.changed: frozenset[str] = frozenset()

    def show_registers(
        self, registers: tuple[tuple[str, int], ...], hart: int, frame: int, *, moved: bool
    ) -> None:
        """Of a hart, or of a caller. moved: something was executed, rather than looked at."""
        if (hart, frame) != self._seen:
            self.changed = frozenset()
        elif moved or registers != self._registers:
            before = dict(self._registers)
            self.changed = frozenset(name for name, value in registers if before.get(name) != value)
        self._registers, self._seen = registers, (hart, frame)
        self.border_title = f"Registers, frame {frame}" if frame else f"Registers of hart {hart}"
        self.refresh()

    def _blocks(self) -> list[list[list[tuple[str, str]]]]:
        """The columns of pc and integer registers, and those of the others below: CSRs are wider."""
        shown = [(name, f"{value:x}") for name, value in self._registers]
        return [self._columns(block) for block in (shown[:_INTEGERS], shown[_INTEGERS:]) if block]

    def _columns(self, shown: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
        """As many as have room: names and values in hexadecimal."""
        for number in range(_MOST_COLUMNS, 1, -1):
            rows = -(-len(shown) // number)
            columns = [shown[start : start + rows] for start in range(0, len(shown), max(rows, 1))]
            if sum(sum(_widths(column)) + 2 for column in columns) - 1 <= self.content_size.width:
                return columns
        return [shown]

    def count(self) -> int:
        return sum(len(columns[0]) for columns in self._blocks())

    def line(self, index: int, width: int) -> Text:
        text = Text()
        for columns in self._blocks():
            if index < len(columns[0]):
                break
            index -= len(columns[0])
        for column in columns:
            if index < len(column):
                name, value = column[index]
                names, values = _widths(column)
                lit = name in self.changed
                text.append(f"{name:<{names}} ", "bold" if lit else "cyan")
                text.append(" " * (values - len(value)))
                text.append(value, "bold black on yellow" if lit else "")
                text.append(" ")
        return text


def _widths(column: list[tuple[str, str]]) -> tuple[int, int]:
    """Of the names, and of the values."""
    return max(len(name) for name, _ in column), max(len(value) for _, value in column)
