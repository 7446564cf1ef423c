# SPDX-License-Identifier: GPL-2.0-or-later
"""A pane of lines of which some are seen, with or without a cursor."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widget import Widget


class Pane(Widget, can_focus=True):
    """Subclasses say how many lines there are and what is on each.

    top: the first that is seen; cursor: the one that the keys move, None for panes that only scroll.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "move(-1000000000)", show=False),
        Binding("end", "move(1000000000)", show=False),
        Binding("left", "aside(-8)", show=False),
        Binding("right", "aside(8)", show=False),
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, classes="pane")
        self.top = 0
        self._left = 0  # columns that are out of sight
        self.cursor: int | None = None

    def count(self) -> int:
        """Lines that there are."""
        raise NotImplementedError

    def line(self, index: int, width: int) -> Text:
        """One of them, for so many columns."""
        raise NotImplementedError

    def render(self) -> Text:
        """The lines that are seen."""
        width, height = self.content_size
        self.top = max(min(self.top, self.count() - height), 0)
        text = Text(no_wrap=True, overflow="crop")
        for index in range(self.top, min(self.top + height, self.count())):
            line = self.line(index, width + self._left)[self._left :]
            line.truncate(width, pad=True)
            text.append_text(line)
            text.append("\n")
        return text

    def show(self, index: int) -> None:
        """Scroll until a line is seen, with some around it."""
        height = max(self.content_size.height, 1)
        margin = min(3, (height - 1) // 2)
        if not self.top + margin <= index < self.top + height - margin:
            self.top = max(index - height // 3, 0)
        self.refresh()

    def action_move(self, lines: int) -> None:
        """Up or down."""
        last = max(self.count() - 1, 0)
        if self.cursor is None:
            self.top = max(min(self.top + lines, last), 0)
        else:
            self.cursor = max(min(self.cursor + lines, last), 0)
            height = max(self.content_size.height, 1)
            self.top = max(min(self.top, self.cursor), self.cursor - height + 1)
        self.refresh()

    def action_aside(self, columns: int) -> None:
        """To what is too long for the pane, and back."""
        self._left = max(self._left + columns, 0)
        self.refresh()

    def action_page(self, direction: int) -> None:
        """Up or down by what is seen."""
        self.action_move(direction * max(self.content_size.height - 1, 1))
