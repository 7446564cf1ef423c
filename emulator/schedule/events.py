# SPDX-License-Identifier: GPL-2.0-or-later
"""The queue of things that devices have asked to happen at a later virtual time."""

import heapq
import struct
from typing import NamedTuple

from emulator.errors import ReplugError

_VERSION = 1
_HEADER = struct.Struct("<BI")
_RECORD = struct.Struct("<QqH")


class Event(NamedTuple):
    """Something due at `time` (virtual ns); equal times come in the order of `sequence`."""

    time: int
    sequence: int
    device: str
    what: int


class EventQueue:
    """Events ordered by time, and by the order of pushing where times are equal."""

    def __init__(self) -> None:
        self._heap: list[Event] = []
        self._sequence = 0

    def __len__(self) -> int:
        return len(self._heap)

    def push(self, time: int, device: str, what: int) -> None:
        """Add an event for `device` (its name) at `time` (virtual ns); `what` is a signed 64-bit number."""
        heapq.heappush(self._heap, Event(time, self._sequence, device, what))
        self._sequence += 1

    def next_time(self) -> int | None:
        """The time of the earliest event in virtual ns, None when there is none."""
        return self._heap[0].time if self._heap else None

    def pop_due(self, now: int) -> Event | None:
        """Take out the earliest event that is due at `now`, None when none is.

        One at a time, because handling an event may push another that is due just as soon.
        """
        if self._heap and self._heap[0].time <= now:
            return heapq.heappop(self._heap)
        return None

    def save(self) -> bytes:
        """The state: only the order counts, so sequence numbers are left out and equal queues look equal."""
        parts = [_HEADER.pack(_VERSION, len(self._heap))]
        for event in sorted(self._heap):
            name = event.device.encode()
            parts.append(_RECORD.pack(event.time, event.what, len(name)) + name)
        return b"".join(parts)

    def restore(self, state: bytes) -> None:
        """Go back to what `save` gave; ReplugError when the bytes are not such a state."""
        heap: list[Event] = []
        try:
            version, count = _HEADER.unpack_from(state)
            position = _HEADER.size
            for sequence in range(count):
                time, what, length = _RECORD.unpack_from(state, position)
                position += _RECORD.size
                heap.append(Event(time, sequence, state[position : position + length].decode(), what))
                position += length
        except (struct.error, UnicodeDecodeError):
            raise ReplugError("snapshot: the event queue is damaged") from None
        if version != _VERSION or position != len(state) or heap != sorted(heap):
            raise ReplugError("snapshot: the event queue is damaged or of another version")
        self._heap = heap  # sorted, hence already a heap
        self._sequence = len(heap)
