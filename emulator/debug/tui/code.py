# SPDX-License-Identifier: GPL-2.0-or-later
"""The pane of the code: source or disassembly, with breakpoints and the current line of every hart."""

from __future__ import annotations

import re

from rich.text import Text

from emulator.debug.listing import Listing, Row
from emulator.debug.tui.pane import Pane

_MARK = 4  # columns for harts: the arrow and up to three of them


_COMMENT = re.compile(r"//.*|/\*.*?(?:\*/|$)|^\s*\*(?:\s.*|/)?$|(?:^|\s)#\s.*")
_LABEL = re.compile(r"^[\w.$]+:(?!:)")
_MNEMONIC = re.compile(r"^[\w.]+")
_SYMBOL = re.compile(r"<[^<>]+>$")


class CodePane(Pane):
    """Each line: breakpoint, harts that stand there, address or line number, text."""

    def __init__(self) -> None:
        super().__init__(id="code")
        self.listing: Listing | None = None
        self.hart = 0
        self.cursor = 0

    def show_listing(self, listing: Listing, hart: int) -> None:
        """Another place; the cursor goes there."""
        before = self.listing
        if before is None or (before.title, len(before.rows)) != (listing.title, len(listing.rows)):
            self.top = max(listing.current - max(self.content_size.height, 1) // 3, 0)
        self.listing, self.hart, self.cursor = listing, hart, listing.current
        self.border_title = f"{'Source' if listing.source else 'Code'}  {listing.title}".replace("[", r"\[")
        self.show(listing.current)

    @property
    def address(self) -> int | None:
        """Of the line under the cursor."""
        row = self._row(self.cursor or 0)
        return row.address if row is not None else None

    @property
    def breakpoint(self) -> int:
        """The number of the breakpoint under the cursor, 0 for none."""
        row = self._row(self.cursor or 0)
        return abs(row.breakpoint) if row is not None else 0

    def count(self) -> int:
        return len(self.listing.rows) if self.listing is not None else 0

    def _row(self, index: int) -> Row | None:
        return self.listing.rows[index] if self.listing is not None and index < self.count() else None

    def line(self, index: int, width: int) -> Text:
        row = self._row(index)
        assert row is not None and self.listing is not None
        text = Text()
        if row.address is None and not row.number:
            text.append(row.text, "bold yellow")
        else:
            mark = "●" if row.breakpoint > 0 else "○" if row.breakpoint < 0 else " "
            text.append(mark, "bold #ff5f5f")
            text.append_text(self._harts(row.harts))
            digits = len(str(self.count())) if self.listing.source else 8
            text.append(f"{row.number:>{digits}} ", "dim" if row.address is not None else "grey42")
            text.append_text(_coloured(row.text, source=self.listing.source))
        if self.hart in row.harts:
            text.stylize("bold")
        if index == self.cursor and self.has_focus:
            text.pad_right(max(width - len(text), 0))
            text.stylize("on grey30" if self.hart not in row.harts else "on dark_blue")
        elif self.hart in row.harts:
            text.pad_right(max(width - len(text), 0))
            text.stylize("on dark_blue")
        return text

    def _harts(self, harts: tuple[int, ...]) -> Text:
        if not harts:
            return Text(" " * _MARK)
        others = [hart for hart in harts if hart != self.hart]
        numbers = ([self.hart] if self.hart in harts else []) + others
        shown = "".join(map(str, numbers))
        if len(shown) >= _MARK:
            shown = f"{numbers[0]}+"
        arrow = ">" if self.hart in harts else "-"
        return Text(f"{shown + arrow:<{_MARK}}", "bold green" if self.hart in harts else "cyan")


def _coloured(text: str, *, source: bool) -> Text:
    """Source whose comments step back; an instruction whose mnemonic, and where it leads, step forward."""
    shown = Text(text)
    if source:
        shown.highlight_regex(_LABEL, "yellow")
        shown.highlight_regex(_COMMENT, "#8a9a8a italic")
    else:
        shown.highlight_regex(_MNEMONIC, "#87d7ff")
        shown.highlight_regex(_SYMBOL, "yellow")
    return shown
