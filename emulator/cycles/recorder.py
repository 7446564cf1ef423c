# SPDX-License-Identifier: GPL-2.0-or-later
"""Keeping what a timeline is made of: the events of a part of a run."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.cycles.timeline import Timeline, build
from emulator.engine import Event, EventKind
from toolchain.image import PathMark

if TYPE_CHECKING:
    from emulator.machine import Machine


@dataclass(frozen=True)
class Window:
    """Which part of a run a timeline shows: from a moment of virtual time (nanoseconds) for so long, or, if a
    path or a variant of one is named, what is around its first call that ends; at most `limit` events.
    """

    start: int = 0
    length: int | None = None
    around: str | None = None
    limit: int = 100_000


class Recorder:
    """Keeps the events of a machine that a window shows.  Make it after the marks have been set, and before
    the machine runs.  calls: how many calls of the path (around) have ended.
    """

    def __init__(
        self, machine: Machine, marks: Sequence[PathMark], window: Window, calls: Callable[[str], int]
    ) -> None:
        self._machine = machine
        self._marks = marks
        self._window = window
        self._calls = calls
        self._chunks: deque[bytes] = deque()
        self._asleep: deque[set[int]] = deque([set()])  # harts: before the first chunk, behind each of them
        self._found = window.around is None
        self._kept = 0
        self._done = self._cut = False
        machine.engine.keep_events()
        machine.on_events = self._take

    def _take(self) -> None:
        engine, window = self._machine.engine, self._window
        now = engine.now
        raw = engine.take_events()
        if self._done:
            return
        asleep = {hart for hart in range(self._machine.harts) if engine.is_waiting(hart)}
        if now < window.start:
            self._asleep[0] = asleep
            return
        self._chunks.append(raw)
        self._asleep.append(asleep)
        if window.around is not None:
            if self._found:  # one chunk more than the one in which it was found
                self._stop()
            self._found = self._found or self._calls(window.around) > 0
            if not self._found and len(self._chunks) > 2:
                self._chunks.popleft()
                self._asleep.popleft()
            return
        self._kept += len(raw)
        if self._kept > (window.limit + (1 << 16)) * EVENT_BYTES or (
            window.length is not None and now > window.start + window.length
        ):
            self._stop()

    def _stop(self) -> None:
        self._machine.engine.keep_events(False)
        self._done = self._cut = True

    def timeline(self) -> Timeline:
        """After the run."""
        self._take()
        self._machine.on_events = None
        engine, window = self._machine.engine, self._window
        events = [event for raw in self._chunks for event in engine.decode_events(raw)]
        end = None if window.length is None else window.start + window.length
        asleep = _slept(self._asleep[0], (event for event in events if event.time < window.start))
        events = [
            event for event in events if event.time >= window.start and (end is None or event.time <= end)
        ]
        if len(events) > window.limit:
            self._cut = True
            first = 0
            if window.around is not None:
                first = max(min(self._first(events) - window.limit // 2, len(events) - window.limit), 0)
            asleep = _slept(asleep, events[:first])
            events = events[first : first + window.limit]
        return build(events, self._marks, self._machine.harts, complete=not self._cut, asleep=asleep)

    def _first(self, events: Sequence[Event]) -> int:
        """Where the path, or its variant, is first named."""
        for index, event in enumerate(events):
            if event.kind is EventKind.MARK:
                mark = self._marks[event.mark]
                if self._window.around in (mark.name, mark.detail):
                    return index
        return 0


EVENT_BYTES = 88


def _slept(asleep: set[int], events: Iterable[Event]) -> set[int]:
    """The harts that sleep behind these events, of those that slept before them."""
    asleep = set(asleep)
    for event in events:
        if event.kind is EventKind.WAIT:
            asleep.add(event.hart)
        elif event.kind is EventKind.WAKE:
            asleep.discard(event.hart)
    return asleep
