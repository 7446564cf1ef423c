# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the run is: its timeline with the current position, and under it a lane for every hart.

Both have the same columns: a step of the run has the same place in all of them. To the right: the state of
the machine, and where each hart stands.
"""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.events import Blur, Click, Focus
from textual.message import Message
from textual.widgets import Static

from emulator.debug.lanes import Cell, Window
from emulator.debug.records import StopKind
from emulator.debug.tui.pane import Pane
from emulator.debug.tui.view import MODES, HartView, Lanes, LanesRequest, View

_WIDE = 110  # columns of a screen from which on there is room for words
_LANES_PART = 0.45  # of what is left beside the label
_ZOOM = 4
_CLOSE = 64  # steps in a column, up to which a trap is seen as one
_RUNS = {"U": ("▂", "#87d75f"), "S": ("▅", "#5fafff"), "M": ("█", "#d787d7")}
"""How a hart is drawn that runs: the more privileged, the higher."""
_LEVELS = frozenset(shown for shown, _ in _RUNS.values())
_IN_PATHS = ("#ffaf00", "#ffd75f", "#ff875f", "#d7af87", "#ffffaf", "#d7875f")
"""Its colours inside named paths, which have them by turns."""


def layout(width: int) -> tuple[int, int]:
    """(columns of the label, columns of a lane) on a screen that is so wide."""
    label = 12 if width >= _WIDE else 7
    return label, max(int((width - label) * _LANES_PART), 8)


class Jump(Message):
    """The user wants to see another state, or (step None) other steps of the lanes."""

    def __init__(self, step: int | None = None) -> None:
        super().__init__()
        self.step = step


class TimelineBar(Static):
    """The axis of the lanes, with the current position; the state of the machine."""

    def __init__(self) -> None:
        super().__init__(id="timeline")
        self._view: View | None = None
        self._seen: tuple[int, int] | None = None
        self._lanes: Lanes | None = None
        self.remark = ""
        self.fits = True

    def show_view(self, view: View) -> None:
        """The machine stands."""
        self._view, self._seen, self._lanes = view, None, view.lanes
        self.refresh()

    def show_running(self, reached: tuple[int, int], lanes: Lanes | None) -> None:
        """It runs, and was seen at this (step, instructions)."""
        self._seen = reached
        self._lanes = lanes if lanes is not None else self._lanes
        self.refresh()

    def render(self) -> Text:
        view, lanes = self._view, self._lanes
        if view is None or lanes is None:
            return Text("")
        label, columns = layout(self.size.width)
        step, instructions = self._seen or (view.position.step, view.position.instructions)
        text = Text(no_wrap=True, overflow="crop")
        zoom = "all" if self.fits else f"1:{_short(lanes.window.step(1) - lanes.window.start)}"
        text.append(f"{zoom:>{label - 1}} ", "dim")
        text.append_text(self._axis(lanes.window, columns, step, view))
        state = " RUNNING " if self._seen else f" {self._state(view)} "
        text.append(" ")
        text.append(state, "bold black on green" if self._seen else "bold white on blue")
        if self.remark:
            text.append(f" {self.remark}", "bold magenta")
            return text
        text.append(f" {'instruction ' if self.size.width >= _WIDE else ''}{instructions:,}", "bold")
        more = [f" of {view.head.instructions:,}"] if step < view.head.step else []
        more += [f"  step {step:,}"] if step != instructions and self.size.width >= _WIDE else []
        for each in more:
            if text.cell_len + len(each) <= self.size.width:  # rather nothing than half of it
                text.append(each, "dim")
        return text

    @staticmethod
    def _axis(window: Window, columns: int, step: int, view: View) -> Text:
        end = max(view.head.step, step)
        bar = ["─"] * window.columns
        bar[0] = "├" if window.start == 0 else "◂"
        if window.columns > 1:
            bar[-1] = "┤" if window.end > end else "▸"
        place = min(max(window.column(step), 0), window.columns - 1)
        here = window.start <= step <= window.end
        text = Text("".join(bar[:place]), "cyan" if here else "dim")
        text.append("▼" if here else bar[place], "bold yellow" if here else "dim")
        text.append("".join(bar[place + 1 :]), "dim")
        text.pad_right(columns - window.columns)
        return text

    @staticmethod
    def _state(view: View) -> str:
        if view.stop is StopKind.STEP:
            return "PAST" if view.position.step < view.head.step else "STOPPED"
        return str(view.stop.value).upper()

    def on_click(self, event: Click) -> None:
        """Go there."""
        label, _ = layout(self.size.width)
        if self._lanes is not None and 0 <= event.x - label < self._lanes.window.columns:
            self.post_message(Jump(self._lanes.window.step(event.x - label)))


class HartsPane(Pane):
    """A line for each hart: looked at (*), to go next (>), mode; its lane; where it stands.

    With the focus, there is a cursor in the lanes, and the places are those that harts were at there.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "aside(-1)", show=False),
        Binding("right", "aside(1)", show=False),
        Binding("home", "aside(-1000000000)", show=False),
        Binding("end", "aside(1000000000)", show=False),
        Binding("enter", "go", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(id="harts")
        self._harts: tuple[HartView, ...] = ()
        self._selected = 0
        self._lanes: Lanes | None = None
        self._step = 0  # where the machine stands
        self._column: int | None = None  # of the cursor, None: it is not seen
        self._paths: dict[str, int] = {}  # those that were seen, in that order
        self._per_column: int | None = None
        self._around: int | None = None

    # --- what is seen ---

    def request(self) -> LanesRequest:
        """The lanes that are to be gathered."""
        _, columns = layout(self.app.size.width)
        return LanesRequest(columns, self._per_column, self._around)

    @property
    def fits(self) -> bool:
        """Whether all of the run is seen."""
        return self._per_column is None

    def show_view(self, view: View, most: int) -> None:
        """Harts as they stand; at most so many lines."""
        self._harts, self._selected, self._lanes = view.harts, view.hart, view.lanes
        self._step = view.position.step
        self.styles.height = min(len(view.harts), most)
        self.show(view.hart)

    def show_running(self, step: int, lanes: Lanes | None) -> None:
        """The machine runs."""
        self._step = step
        self._lanes = lanes if lanes is not None else self._lanes
        self.refresh()

    def zoom(self, closer: bool) -> None:
        """Fewer steps in a column, or more, around the cursor or the current position."""
        if self._lanes is None:
            return
        window = self._lanes.window
        self._around = window.step(self._column) if self._column is not None and self.has_focus else None
        whole = (window.end - window.start) // window.columns
        if closer:
            per_column = self._per_column or 1 << max(whole.bit_length(), 0)
            self._per_column = max(per_column // _ZOOM, 1)
        elif self._per_column is not None:
            self._per_column *= _ZOOM
            if window.end - window.start < self._per_column // _ZOOM * window.columns:  # all of it was seen
                self._per_column = None

    def follow(self) -> None:
        """The current position is to be seen again."""
        self._around = None

    def count(self) -> int:
        return len(self._harts)

    def line(self, index: int, width: int) -> Text:
        hart = self._harts[index]
        label, columns = layout(width)
        text = Text()
        name = f"hart {hart.number}" if label > 7 else f"{hart.number}"
        marks = f"{'*' if index == self._selected else ' '}{'>' if hart.turn else ' '}"
        text.append(f"{marks}{name:<{label - 5}} ", "bold" if index == self._selected else "")
        text.append(f"{hart.mode} ", _RUNS.get(hart.mode, ("", ""))[1])
        text.append_text(self._lane(index, columns))
        text.append(" ")
        cell = self._cell(index)
        if cell is not None:
            text.append(f"{_doing(cell)} ", "dim")
            if cell.seen.path:
                text.append(f"[{cell.seen.path}] ", self._colour_of(cell.seen.path))
            text.append(self._lanes.places.get(cell.seen.pc, "") if self._lanes is not None else "", "yellow")
            return text
        if width >= _WIDE:
            text.append(f"{hart.instructions:>12,} {hart.pc:x} ", "dim")
        text.append(_fitting(hart.place, width // 4), "yellow")
        if hart.path:
            text.append(f" [{hart.path}]", self._colour_of(hart.path))
        text.append("  waits" if hart.waits else f"  {hart.instruction}", "dim" if hart.waits else "")
        return text

    def _colour_of(self, path: str) -> str:
        """The same one for the same path, as long as the debugger runs."""
        number = self._paths.setdefault(path, len(self._paths))
        return _IN_PATHS[number % len(_IN_PATHS)]

    def _cell(self, hart: int) -> Cell | None:
        if self._lanes is None or self._column is None or not self.has_focus:
            return None
        lane = self._lanes.by_hart[hart] if hart < len(self._lanes.by_hart) else []
        return lane[self._column] if self._column < len(lane) else None

    def _lane(self, hart: int, columns: int) -> Text:
        lanes, text = self._lanes, Text()
        if lanes is None or hart >= len(lanes.by_hart):
            return Text(" " * columns)
        window = lanes.window
        place = window.column(self._step) if window.start <= self._step <= window.end else -1
        place = min(place, window.columns - 1)
        per_column = window.step(1) - window.start
        cells = lanes.by_hart[hart]
        for column in range(columns):
            cell = cells[column] if column < len(cells) else None
            shown, style = _drawn(cell, per_column)
            if cell is not None and cell.seen.path and shown in _LEVELS:
                style = self._colour_of(cell.seen.path)
            if column > place >= 0:
                style += " dim"
            if column == place:
                style += " reverse"
            if column == self._column and self.has_focus:
                style += " underline on grey37"
            text.append(shown, style)
        return text

    # --- the cursor ---

    def on_focus(self, _event: Focus) -> None:
        """The cursor begins where the machine stands."""
        if self._lanes is not None:
            window = self._lanes.window
            self._column = min(max(window.column(self._step), 0), window.columns - 1)

    def on_blur(self, _event: Blur) -> None:
        """No cursor."""
        self._column = None

    def action_aside(self, columns: int) -> None:
        """Move the cursor; beyond the edge, other steps come into sight."""
        if self._lanes is None or self._column is None:
            return
        window = self._lanes.window
        self._column += columns
        if not self.fits and not 0 <= self._column < window.columns:
            half = max((window.end - window.start) // 2, 1)
            self._around = max(window.start - 1 if self._column < 0 else window.end + half // 2, 0)
            self.post_message(Jump())
        self._column = min(max(self._column, 0), window.columns - 1)
        self.refresh()

    def action_go(self) -> None:
        """To the state under the cursor."""
        if self._lanes is not None and self._column is not None:
            self.post_message(Jump(self._lanes.window.step(self._column)))

    def on_click(self, event: Click) -> None:
        """Look at the hart; in its lane, go there."""
        label, _ = layout(self.size.width)
        hart = self.top + event.y
        if self._lanes is not None and 0 <= event.x - label < self._lanes.window.columns:
            self.post_message(Jump(self._lanes.window.step(event.x - label)))
        elif hart < len(self._harts):
            self.app.run_worker(self.app.run_action(f"look_at({hart})"))


def _drawn(cell: Cell | None, per_column: int) -> tuple[str, str]:
    """A character and its style."""
    if cell is None:
        return " ", ""
    if cell.traps and per_column <= _CLOSE:
        return "!", "bold #ff5f5f"
    if cell.seen.waits:
        return "·", "dim"
    if not cell.ran and not cell.traps:
        return " ", ""
    return _RUNS.get(MODES.get(cell.seen.mode, ""), ("?", ""))


def _doing(cell: Cell) -> str:
    traps = f", {cell.traps} trap{'s' if cell.traps > 1 else ''}" if cell.traps else ""
    what = "waits" if cell.seen.waits else MODES.get(cell.seen.mode, "?")
    return f"{what} {cell.ran:,}{traps}"


def _short(number: int) -> str:
    for size, unit in ((1 << 30, "G"), (1 << 20, "M"), (1 << 10, "k")):
        if number >= size:
            return f"{number // size}{unit}"
    return str(number)


def _fitting(text: str, width: int) -> str:
    """Cut in the middle if it is too long."""
    if len(text) <= width:
        return text
    end = text.rfind("+") if "+" in text[-8:] else len(text)
    offset = text[end:]
    return f"{text[: max(width - len(offset) - 1, 1)]}…{offset}"
