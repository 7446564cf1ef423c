# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the run is: the timeline with the current position, and a line for every hart."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static

from emulator.debug.records import StopKind
from emulator.debug.tui.pane import Pane
from emulator.debug.tui.view import HartView, View

_MOST_HARTS = 4  # lines of the screen; more are scrolled


class TimelineBar(Static):
    """All of the run that was reached, from its start, with checkpoints and the current position."""

    def __init__(self) -> None:
        super().__init__(id="timeline")
        self._view: View | None = None
        self._seen: tuple[int, int] | None = None
        self.remark = ""

    def show_view(self, view: View) -> None:
        """The machine stands."""
        self._view, self._seen = view, None
        self.refresh()

    def show_running(self, reached: tuple[int, int]) -> None:
        """It runs, and was seen at this (step, instructions)."""
        self._seen = reached
        self.refresh()

    def render(self) -> Text:
        view = self._view
        if view is None:
            return Text("")
        step, instructions = self._seen or (view.position.step, view.position.instructions)
        end = max(view.head.step, step, 1)
        text = Text(no_wrap=True, overflow="crop")
        label = f" instruction {instructions:,}"
        if step < view.head.step:
            label += f" of {view.head.instructions:,}"
        if step != instructions:
            label += f"  step {step:,}"
        state = " RUNNING " if self._seen else f" {self._state(view)} "
        room = max(self.size.width - len(label) - len(state) - len(self.remark) - 1, 4)
        text.append(state, "bold black on green" if self._seen else "bold white on blue")
        place = min(step * (room - 1) // end, room - 1)
        marks = {each * (room - 1) // end for each in view.checkpoints if each <= end}
        bar = ["·" if i in marks else "─" for i in range(room)]
        bar[place] = "█"
        text.append("".join(bar[:place]), "cyan")
        text.append(bar[place], "bold yellow")
        text.append("".join(bar[place + 1 :]), "dim")
        text.append(label)
        if self.remark:
            text.append(f" {self.remark}", "bold magenta")
        return text

    @staticmethod
    def _state(view: View) -> str:
        if view.stop is StopKind.STEP:
            return "PAST" if view.position.step < view.head.step else "STOPPED"
        return str(view.stop.value).upper()


class HartsPane(Pane):
    """A line for each hart: looked at (*), to go next (>), mode, instructions, place."""

    def __init__(self) -> None:
        super().__init__(id="harts")
        self._harts: tuple[HartView, ...] = ()
        self._selected = 0

    def show_harts(self, harts: tuple[HartView, ...], selected: int) -> None:
        """As they stand."""
        self._harts, self._selected = harts, selected
        self.styles.height = min(len(harts), _MOST_HARTS)
        self.show(selected)

    def count(self) -> int:
        return len(self._harts)

    def line(self, index: int, width: int) -> Text:
        hart = self._harts[index]
        text = Text()
        marks = f"{'*' if index == self._selected else ' '}{'>' if hart.turn else ' '}"
        text.append(f"{marks}hart {hart.number} ", "bold" if index == self._selected else "")
        text.append(f"{hart.mode} ", "magenta")
        text.append("waits " if hart.waits else "      ", "dim")
        text.append(f"{hart.instructions:>12,} ")
        text.append(f"{hart.pc:x} ", "dim")
        text.append(f"{hart.place}  ", "yellow")
        text.append(hart.instruction)
        return text
