# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line: history as shells have it, and completion by what the interpreter knows."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Key
from textual.widgets import Input

from emulator.debug.commands.completing import Candidates
from emulator.debug.recall import Recall

_MOST_SHOWN = 60  # candidates


class Prompt(Input):
    """complete: candidates for the end of a line; say: gets them, where there are several; remark: gets a few
    words, to be seen beside the state of the machine.

    Up and Down stay among the lines that begin as the one that was typed; Ctrl-R searches anywhere in them.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,ctrl+p", "history(-1)", show=False),
        Binding("down,ctrl+n", "history(1)", show=False),
        Binding("ctrl+r", "search", show=False),
        Binding("tab", "complete", show=False),
        Binding("escape", "app.leave_prompt", show=False),
    ]

    def __init__(
        self,
        complete: Callable[[str], Candidates],
        say: Callable[[list[str]], None],
        remark: Callable[[str], None],
        recall: Recall,
    ) -> None:
        super().__init__(
            id="prompt",
            compact=True,
            select_on_focus=False,
            placeholder="s step  n next  c continue  r reverse-  : command  ? help",
        )
        self._complete, self._say, self._remark, self._recall = complete, say, remark, recall
        self._place = len(recall.lines)
        self._begun = ""  # as it was typed, where the history was entered
        self._sought: str | None = None  # what Ctrl-R looks for, while it does

    @property
    def searching(self) -> bool:
        """Whether what is typed is looked for in the history."""
        return self._sought is not None

    def open(self, text: str) -> None:
        """Begin a command."""
        self._sought, self._place = None, len(self._recall.lines)
        self._show(text)
        self.focus()

    def taken(self) -> str:
        """The line, which joins the history; an empty one is the last one again, as GDB has it."""
        line = self.value.strip()
        if not line and self._recall.lines:
            line = self._recall.lines[-1]
        self._recall.add(line)
        self.clear()
        return line

    def clear(self) -> None:
        """Nothing is typed."""
        self._sought, self._place = None, len(self._recall.lines)
        self.value = ""

    def _show(self, text: str) -> None:
        self.value = text
        self.cursor_position = len(text)

    def action_history(self, by: int) -> None:
        """Lines of before that begin so."""
        if self._place == len(self._recall.lines) or self.value != self._recall.lines[self._place]:
            self._begun, self._place = self.value, len(self._recall.lines)
        find = self._recall.before if by < 0 else self._recall.behind
        found = find(self._place, self._begun)
        if found is not None:
            self._place = found
            self._show(self._recall.lines[found])
        elif by > 0:
            self._place = len(self._recall.lines)
            self._show(self._begun)

    def action_complete(self) -> None:
        """As far as it is clear; say what there is where it is not."""
        line, rest = self.value[: self.cursor_position], self.value[self.cursor_position :]
        found = self._complete(line)
        common = found.common
        if len(common) > len(line) - found.start or len(found.texts) == 1:
            over = " " if len(found.texts) == 1 and not common.endswith("/") and not rest else ""
            self.value = f"{line[: found.start]}{common}{over}{rest}"
            self.cursor_position = found.start + len(common) + len(over)
        elif found.texts:
            shown = "  ".join(each.replace(" ", "\xa0") for each in found.texts[:_MOST_SHOWN])
            more = len(found.texts) - _MOST_SHOWN
            lines = textwrap.wrap(shown, 76, break_long_words=False, break_on_hyphens=False)
            self._say(
                [each.replace("\xa0", " ") for each in lines] + ([f"... {more} more"] if more > 0 else [])
            )

    # --- Ctrl-R ---

    def action_search(self) -> None:
        """Begin to look for a text, or look for the next older line with it."""
        if self._sought is None:
            self._sought, self._begun, self._place = self.value, self.value, len(self._recall.lines)
            if not self._sought:
                self._remark("search: ")
                return
        self._seek(self._place)

    def _seek(self, place: int) -> None:
        assert self._sought is not None
        found = self._recall.before(place, self._sought, anywhere=True) if self._sought else None
        if found is not None:
            self._place = found
            self._show(self._recall.lines[found])
        self._remark(f"{'search' if found is not None or not self._sought else 'not found'}: {self._sought}")

    async def _on_key(self, event: Key) -> None:
        if self._sought is not None and event.key != "ctrl+r":
            if event.is_printable and event.character is not None:
                self._sought += event.character
            elif event.key == "backspace":
                self._sought = self._sought[:-1]
            else:
                self._sought = None
                self._remark("")
                if event.key in ("escape", "ctrl+g"):
                    self._show(self._begun)
                    event.prevent_default().stop()
                    return
                await super()._on_key(event)
                return
            event.prevent_default().stop()
            self._seek(len(self._recall.lines))
            return
        await super()._on_key(event)
