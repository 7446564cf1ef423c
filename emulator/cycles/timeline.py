# SPDX-License-Identifier: GPL-2.0-or-later
"""What each hart did when: the paths that were open, interrupts, sleep, and what led to what.

Time is virtual time.  One instruction takes one nanosecond of it, so its unit is a cycle of the ideal model.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from emulator.engine import Event, EventKind
from toolchain.image import PATH_BEGIN, PATH_END, PATH_IS, PATH_STEP, PATH_THREAD, PATH_VALUE, PathMark

ASLEEP = "asleep"
_TRAPS = {
    3: "breakpoint",
    8: "system call",
    9: "call of M-mode",
    12: "fetch page fault",
    13: "load page fault",
    15: "store page fault",
}
CALLS = (_TRAPS[8], _TRAPS[9])
"""Exceptions that a program asks for."""
INTERRUPT = 1 << 63


@dataclass
class Activity:
    """Something that a thread or a hart was at: a call of a path, a step of one, a trap, sleep.

    kind: path, step, interrupt, exception or asleep.  own_name: of the path as it was declared.
    """

    kind: str
    own_name: str
    thread: int
    name: str
    variants: list[str] = field(default_factory=list)
    values: dict[str, int] = field(default_factory=dict)
    path: Activity | None = None  # of a step
    pieces: list[Piece] = field(default_factory=list)
    ended: bool = False
    first: int = 0  # number of the event that it began with, and of the one that it ended with: what came
    last: int = 0  # first on another hart is told by these; slices of harts overlap in virtual time

    @property
    def begin(self) -> int:
        return self.pieces[0].begin

    @property
    def end(self) -> int:
        return self.pieces[-1].end

    @property
    def whole_name(self) -> str:
        return self.name + "".join(f" +{variant}" for variant in self.variants)


@dataclass
class Piece:
    """A stretch of time in which a hart was at an activity, in virtual nanoseconds; depth: of nesting."""

    activity: Activity
    hart: int
    begin: int
    end: int
    depth: int


@dataclass(frozen=True)
class Flow:
    """One thing led to another: an arrow from one moment on a hart to another one."""

    name: str
    source: tuple[int, int]
    target: tuple[int, int]


@dataclass(frozen=True)
class Timeline:
    """pieces by hart in order of their beginnings; complete: nothing was left out at the end."""

    harts: int
    pieces: list[Piece]
    flows: list[Flow]
    begin: int
    end: int
    events: int
    complete: bool

    @property
    def activities(self) -> list[Activity]:
        """In order of their beginnings."""
        found = {id(piece.activity): piece.activity for piece in self.pieces}
        return sorted(found.values(), key=lambda activity: (activity.begin, -activity.end))


class _Thread:
    def __init__(self, number: int) -> None:
        self.number = number
        self.open: list[Activity] = []


class _Builder:
    def __init__(self, marks: Sequence[PathMark], harts: int, asleep: Collection[int]) -> None:
        self.marks = marks
        self._asleep_first = asleep
        self.pieces: list[Piece] = []
        self._threads: dict[tuple[str, int], _Thread] = {}
        self._seats = [self._thread("hart", hart) for hart in range(harts)]
        self._running: list[list[Piece]] = [[] for _ in range(harts)]
        self._asleep: list[Piece | None] = [None] * harts
        self._seen = [False] * harts
        self._number = self.begin = 0

    def _thread(self, kind: str, number: int) -> _Thread:
        if (kind, number) not in self._threads:
            self._threads[kind, number] = _Thread(number)
        return self._threads[kind, number]

    def _open_piece(self, hart: int, activity: Activity, time: int) -> None:
        piece = Piece(activity, hart, time, time, len(self._running[hart]))
        activity.pieces.append(piece)
        self._running[hart].append(piece)
        self.pieces.append(piece)

    def _close_pieces(self, hart: int, time: int, down_to: int = 0) -> None:
        while len(self._running[hart]) > down_to:
            self._running[hart].pop().end = time

    def _push(self, hart: int, activity: Activity, time: int) -> None:
        activity.first = self._number
        self._seats[hart].open.append(activity)
        self._open_piece(hart, activity, time)

    def _remove(self, hart: int, activity: Activity, time: int) -> None:
        """It ends; what was open inside it goes on where it was."""
        thread = self._seats[hart]
        if activity not in thread.open:
            return
        index = thread.open.index(activity)
        self._close_pieces(hart, time, index)
        activity.ended, activity.last = True, self._number
        del thread.open[index]
        while index < len(thread.open) and thread.open[index].path is activity:  # its own steps end with it
            thread.open[index].ended, thread.open[index].last = True, self._number
            del thread.open[index]
        for other in thread.open[index:]:
            self._open_piece(hart, other, time)

    def _innermost(self, hart: int, name: str) -> Activity | None:
        for activity in reversed(self._seats[hart].open):
            if activity.kind == "path" and activity.own_name == name:
                return activity
        return None

    def take(self, event: Event) -> None:
        self._take(event)
        self._seen[event.hart] = True

    def _take(self, event: Event) -> None:
        hart, time = event.hart, event.time
        if self._number == 0:
            self.begin = time
            for sleeper in self._asleep_first:
                self._sleep(sleeper, time)
        self._number += 1
        if event.kind is EventKind.MARK:
            self._mark(hart, time, self.marks[event.mark], event.value)
        elif event.kind is EventKind.TRAP:
            kind = "interrupt" if event.value & INTERRUPT else "exception"
            name = _TRAPS.get(event.value & ~INTERRUPT, "") if kind == "exception" else ""
            name = name or f"{kind} {event.value & 0x3F}"
            self._push(hart, Activity(kind, name, self._seats[hart].number, name), time)
        elif event.kind is EventKind.RETURN:
            for activity in reversed(self._seats[hart].open):
                if activity.kind in ("interrupt", "exception"):
                    self._remove(hart, activity, time)
                    break
        elif event.kind is EventKind.WAIT:
            self._sleep(hart, time)
        else:
            asleep = self._asleep[hart]
            if asleep is None and not self._seen[hart]:  # since before the first event
                activity = Activity(ASLEEP, ASLEEP, self._seats[hart].number, ASLEEP, ended=True)
                piece = Piece(activity, hart, self.begin, time, 0)
                activity.pieces.append(piece)
                self.pieces.append(piece)
            if asleep is not None:
                asleep.end, asleep.activity.ended = time, True
                self._asleep[hart] = None

    def _sleep(self, hart: int, time: int) -> None:
        activity = Activity(ASLEEP, ASLEEP, self._seats[hart].number, ASLEEP)
        piece = Piece(activity, hart, time, time, len(self._running[hart]))
        activity.pieces.append(piece)
        self._asleep[hart] = piece
        self.pieces.append(piece)

    def _mark(self, hart: int, time: int, mark: PathMark, value: int) -> None:
        thread = self._seats[hart]
        if mark.kind == PATH_THREAD:
            self._close_pieces(hart, time)
            self._seats[hart] = self._thread("thread", value)
            for activity in self._seats[hart].open:
                self._open_piece(hart, activity, time)
            return
        if mark.kind == PATH_BEGIN:
            self._push(hart, Activity("path", mark.name, thread.number, mark.name), time)
            return
        path = self._innermost(hart, mark.name)
        if path is None:
            return
        if mark.kind == PATH_END:
            self._remove(hart, path, time)
        elif mark.kind == PATH_STEP:
            for activity in thread.open:
                if activity.path is path and activity.own_name == mark.detail:
                    return  # the mark is in a loop
                if activity.path is path:
                    self._remove(hart, activity, time)
                    break
            index = thread.open.index(path) + 1
            self._close_pieces(hart, time, index)
            step = Activity("step", mark.detail, thread.number, mark.detail, path=path, first=self._number)
            thread.open.insert(index, step)
            for activity in thread.open[index:]:
                self._open_piece(hart, activity, time)
        elif mark.kind == PATH_IS:
            if mark.detail.startswith("+"):
                if mark.detail[1:] not in path.variants:
                    path.variants.append(mark.detail[1:])
            else:
                path.name, path.variants = mark.detail, []
        elif mark.kind == PATH_VALUE:
            path.values[mark.detail] = value - (1 << 64) if value >> 63 else value

    def finish(self, end: int) -> None:
        for hart, asleep in enumerate(self._asleep):
            self._close_pieces(hart, end)
            if asleep is not None:
                asleep.end = end


def build(
    events: Iterable[Event],
    marks: Sequence[PathMark],
    harts: int,
    *,
    complete: bool,
    asleep: Collection[int] = (),
) -> Timeline:
    """The timeline of events in the order in which they were recorded.  asleep: harts that sleep before."""
    builder = _Builder(marks, harts, asleep)
    begin, end, count = None, 0, 0
    for event in events:
        begin = event.time if begin is None else min(begin, event.time)
        end = max(end, event.time)
        builder.take(event)
        count += 1
    builder.finish(end)
    pieces = [piece for piece in builder.pieces if piece.end > piece.begin]
    kept = {id(piece) for piece in pieces}
    for piece in pieces:
        piece.activity.pieces = [each for each in piece.activity.pieces if id(each) in kept]
    pieces.sort(key=lambda piece: (piece.hart, piece.begin, piece.depth))
    timeline = Timeline(harts, pieces, [], begin or 0, end, count, complete)
    timeline.flows.extend(replug_flows(timeline.activities))
    return timeline


def replug_flows(activities: Sequence[Activity]) -> list[Flow]:
    """What a replug by our kernel's names led to, or waited for: the reader's leaving that let it go on,
    and the readers that it let out of the holding tank (wake-up).
    """
    steps: dict[int, dict[str, Activity]] = {}
    for activity in activities:
        if activity.kind == "step" and activity.path is not None and activity.path.own_name == "replug":
            steps.setdefault(id(activity.path), {})[activity.own_name[:1]] = activity
    leaving = [activity for activity in activities if activity.own_name == "flag clear" and activity.ended]
    tanks = [activity for activity in activities if activity.own_name == "holding tank" and activity.ended]
    flows = []
    for found in steps.values():
        switch, spin, release = found.get("3"), found.get("4"), found.get("7")
        if switch is not None and spin is not None and spin.ended:
            drained = [each for each in leaving if spin.first <= each.last <= spin.last]
            if drained:
                flows.append(Flow("drain", _at_end(switch), _at_end(drained[-1])))
                flows.append(Flow("drained", _at_end(drained[-1]), _at_end(spin)))
        if release is not None:
            for tank in tanks:
                if tank.first < release.first < tank.last and tank.end - release.begin < _SOON:
                    last = tank.pieces[-1]
                    flows.append(
                        Flow("wake-up", (release.pieces[0].hart, release.begin), (last.hart, last.begin))
                    )
    return flows


def _at_end(activity: Activity) -> tuple[int, int]:
    """The last moment in which it was still open: that is how viewers know what an arrow belongs to."""
    return activity.pieces[-1].hart, activity.end - 1


_SOON = 200_000
"""Nanoseconds; who leaves the tank later was let out by another replug."""
