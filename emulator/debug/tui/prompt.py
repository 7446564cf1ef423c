# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line: history, and completion by what the interpreter knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input


class Prompt(Input):
    """complete: the candidates for a line's last words; say: gets them, where there are several."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "history(-1)", show=False),
        Binding("down", "history(1)", show=False),
        Binding("tab", "complete", show=False),
        Binding("escape", "app.leave_prompt", show=False),
    ]

    def __init__(self, complete: Callable[[str], list[str]], say: Callable[[list[str]], None]) -> None:
        super().__init__(
            id="prompt", compact=True, placeholder="s step  n next  c continue  r reverse-  : command  ? help"
        )
        self._complete, self._say = complete, say
        self.history: list[str] = []
        self._place = 0

    def open(self, text: str) -> None:
        """Begin a command."""
        self.value = text
        self.cursor_position = len(text)
        self.focus()

    def taken(self) -> str:
        """The line, which joins the history; an empty one is the last one again, as GDB has it."""
        line = self.value.strip()
        if not line and self.history:
            line = self.history[-1]
        if line and self.history[-1:] != [line]:
            self.history.append(line)
        self._place = len(self.history)
        self.value = ""
        return line

    def action_history(self, by: int) -> None:
        """Lines of before."""
        self._place = max(min(self._place + by, len(self.history)), 0)
        self.value = self.history[self._place] if self._place < len(self.history) else ""
        self.cursor_position = len(self.value)

    def action_complete(self) -> None:
        """As far as it is clear; say what there is where it is not."""
        head, _, word = self.value.rpartition(" ")
        bare = word.lstrip("*$&(")
        found = sorted(set(self._complete(self.value)))
        whole = [each for each in found if each.startswith(self.value.lstrip())]
        begun = self.value.lstrip() if whole else bare
        if not whole:
            found = [each for each in found if each.startswith(bare)]
        found = whole or found
        common = _common(found)
        if len(common) > len(begun) or len(found) == 1:
            kept = "" if whole else (f"{head} " if head else "") + word[: len(word) - len(bare)]
            self.value = kept + common + (" " if len(found) == 1 else "")
            self.cursor_position = len(self.value)
        elif len(found) > 1:
            self._say(["  ".join(found[:60])])


def _common(texts: list[str]) -> str:
    """What all begin with."""
    if not texts:
        return ""
    first, last = min(texts), max(texts)
    return next((first[:i] for i in range(len(first)) if first[i] != last[i : i + 1]), first)
