# SPDX-License-Identifier: GPL-2.0-or-later
"""The lower part: what commands print, the guest's console, its stack, descriptors, locks, breakpoints."""

from __future__ import annotations

import codecs
import re

from rich.text import Text

from emulator.debug.tui.pane import Pane
from emulator.debug.tui.view import COMMANDS, STACK

OUTPUT, CONSOLE = "Output", "Console"
PANES = (OUTPUT, CONSOLE, STACK, *COMMANDS)
_MOST_LINES = 10_000
_CONTROL = (
    re.compile(  # ECMA-48: CSI, OSC and other escapes, with what they have in between; single characters
        r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])"
        r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
    )
)
_CUT_CONTROL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]{0,200}\x1b?|[ -/]*)$")


class LowerPane(Pane):
    """One of several texts. chosen: its name, of PANES."""

    def __init__(self) -> None:
        super().__init__(id="lower")
        self._texts: dict[str, list[str]] = {name: [] for name in PANES}
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._cut = ""  # the beginning of a control sequence
        self._open_line = False  # the console's last line has not ended
        self.chosen = OUTPUT
        self._names: tuple[str, ...] = PANES
        self._title()

    def leave_out(self, names: tuple[str, ...]) -> None:
        """Those are shown elsewhere."""
        self._names = tuple(name for name in PANES if name not in names)
        self.choose(self.chosen if self.chosen in self._names else OUTPUT)

    def say(self, lines: list[str]) -> None:
        """What a command printed."""
        self._texts[OUTPUT] += [line for each in lines for line in each.split("\n")]
        self._trim(OUTPUT)

    def print(self, data: bytes) -> None:
        """What the guest printed: without control sequences, which are not for this screen."""
        text = self._cut + self._decoder.decode(data)
        cut = _CUT_CONTROL.search(text)
        self._cut = "" if cut is None else cut[0]
        text = text[: len(text) - len(self._cut)]
        lines = _CONTROL.sub("", text.replace("\r", "")).split("\n")
        texts = self._texts[CONSOLE]
        if texts and self._open_line:
            texts[-1] += lines.pop(0)
        texts += lines
        self._open_line = bool(texts)
        if len(texts) > 1 and texts[-1] == "":
            texts.pop()
            self._open_line = False
        self._trim(CONSOLE)

    def replace(self, name: str, lines: tuple[str, ...]) -> None:
        """Another text for one that a command makes."""
        self._texts[name] = list(lines)
        self.refresh()

    def turn(self, by: int) -> None:
        """To the next one, or the previous."""
        self.chosen = self._names[(self._names.index(self.chosen) + by) % len(self._names)]
        self._title()
        self.to_end()

    def choose(self, name: str) -> None:
        """That one."""
        self.chosen = name
        self._title()
        self.to_end()

    def to_end(self) -> None:
        """Texts that grow are seen from their end, others from their beginning."""
        grows = self.chosen in (OUTPUT, CONSOLE)
        self.top = max(self.count() - max(self.content_size.height, 1), 0) if grows else 0
        self.refresh()

    def _trim(self, name: str) -> None:
        del self._texts[name][:-_MOST_LINES]
        if name == self.chosen:
            self.to_end()

    def _title(self) -> None:
        names = (f"[reverse]{name}[/reverse]" if name == self.chosen else name for name in self._names)
        self.border_title = " ".join(names)
        self.border_subtitle = "< >"

    def count(self) -> int:
        return len(self._texts[self.chosen])

    def text(self, index: int) -> str:
        """A line of the chosen text."""
        return self._texts[self.chosen][index]

    def line(self, index: int, width: int) -> Text:
        return Text(self.text(index).expandtabs(8))


class SidePane(Pane):
    """A text beside the lower part, where the screen has room."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._lines: tuple[str, ...] = ()

    def show_text(self, title: str, lines: tuple[str, ...]) -> None:
        """Another text."""
        self.border_title = title
        self._lines = lines
        self.refresh()

    def count(self) -> int:
        return len(self._lines)

    def line(self, index: int, width: int) -> Text:
        return Text(self._lines[index])
