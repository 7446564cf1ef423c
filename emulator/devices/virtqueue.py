# SPDX-License-Identifier: GPL-2.0-or-later
"""The device's side of a split virtqueue (virtio 1.1, section 2.6), with a driver that is not trusted.

Indirect descriptors and event indices are there for drivers that accept them; packed rings are not. Any
breach of the ring's rules is a QueueError, upon which the device asks to be reset.
"""

import struct
from dataclasses import dataclass, field

from emulator.devices.device import Board, BusError, StateReader

_DESCRIPTOR = struct.Struct("<QIHH")
_PAIR = struct.Struct("<HH")
_USED = struct.Struct("<II")
_FIELDS = struct.Struct("<H?QQQHH")

_NEXT = 1
_WRITE = 2
_INDIRECT = 4
_NO_INTERRUPT = 1  # in the available ring's flags

Segment = tuple[int, int]
"""Physical address and length in bytes; nothing says yet that it lies in RAM."""


class QueueError(Exception):
    """The driver broke the rules of the ring; the text says how."""


@dataclass(slots=True)
class Chain:
    """One buffer that the driver made available: what the device may read, then what it may write.

    descriptors: how many of the queue's own table it takes.
    """

    head: int
    readable: list[Segment] = field(default_factory=list)
    writable: list[Segment] = field(default_factory=list)
    descriptors: int = 0


class Virtqueue:
    """One split virtqueue; the driver sets `size` and the three addresses before `ready`."""

    def __init__(self, maximum: int = 128) -> None:
        self.maximum = maximum
        self.reset()

    def reset(self) -> None:
        """As after a reset of the device."""
        self.size = 0
        self.ready = False
        self.descriptor_area = 0
        self.driver_area = 0
        self.device_area = 0
        self._next_available = 0
        self._next_used = 0
        self.negotiated(False, False)

    def negotiated(self, indirect: bool, event_index: bool) -> None:
        """Which of the optional features the driver has accepted."""
        self._indirect = indirect
        self._event_index = event_index

    def start(self) -> None:
        """The driver says that the queue is ready; QueueError when what it set cannot be a queue."""
        if not self._possible_size():
            raise QueueError(f"queue size {self.size} is not a power of two up to {self.maximum}")
        if self.descriptor_area % 16 or self.driver_area % 2 or self.device_area % 4:
            raise QueueError("a part of the queue is not aligned")
        self._next_available = 0
        self._next_used = 0
        self.ready = True

    def _possible_size(self) -> bool:
        return 0 < self.size <= self.maximum and not self.size & self.size - 1

    def take(self, board: Board) -> Chain | None:
        """The next available buffer, None when there is none. Reads at most `size` descriptors."""
        try:
            _, index = _PAIR.unpack(board.memory_read(self.driver_area, 4))
            waiting = (index - self._next_available) & 0xFFFF
            if not waiting:
                if self._event_index:  # the driver is to notify when it adds the next one
                    wanted = self._next_available.to_bytes(2, "little")
                    board.memory_write(self.device_area + 4 + _USED.size * self.size, wanted)
                return None
            if waiting > self.size:
                raise QueueError(f"available index {index} is {waiting} ahead in a queue of {self.size}")
            slot = self.driver_area + 4 + 2 * (self._next_available % self.size)
            head = int.from_bytes(board.memory_read(slot, 2), "little")
            chain = self._follow(board, head)
        except BusError:
            raise QueueError("a part of the queue is outside RAM") from None
        self._next_available = (self._next_available + 1) & 0xFFFF
        return chain

    def _follow(self, board: Board, head: int) -> Chain:
        chain = Chain(head)
        table, entries, index, walked, inside = self.descriptor_area, self.size, head, 0, False
        while True:
            if index >= entries:
                raise QueueError(f"descriptor {index} in a queue of {entries}")
            if walked == self.size:
                raise QueueError(f"the chain from descriptor {head} is a loop, or longer than the queue")
            walked += 1
            address, length, flags, index = _DESCRIPTOR.unpack(
                board.memory_read(table + _DESCRIPTOR.size * index, _DESCRIPTOR.size)
            )
            chain.descriptors += not inside
            if address + length > 1 << 64:
                raise QueueError(f"the buffer at {address:#x} leaves the address space")
            if flags & _INDIRECT:
                entries = self._indirect_entries(length, flags, inside)
                table, index, inside = address, 0, True
                walked -= 1  # it holds no buffer itself
                continue
            if flags & _WRITE:
                chain.writable.append((address, length))
            elif chain.writable:
                raise QueueError("a readable descriptor behind a writable one")
            else:
                chain.readable.append((address, length))
            if not flags & _NEXT:
                return chain

    def _indirect_entries(self, length: int, flags: int, inside: bool) -> int:
        """How many descriptors an indirect table has (virtio 1.1, section 2.6.5.3)."""
        if not self._indirect:
            raise QueueError("an indirect descriptor, which was not negotiated")
        if inside:
            raise QueueError("an indirect descriptor in an indirect table")
        if flags & _NEXT:
            raise QueueError("an indirect descriptor that goes on")
        if length == 0 or length % _DESCRIPTOR.size:
            raise QueueError(f"an indirect table of {length} bytes")
        return length // _DESCRIPTOR.size

    def give_back(self, board: Board, head: int, written: int) -> bool:
        """Put a buffer and the number of bytes written into the used ring; True: the driver wants to know."""
        try:
            slot = self.device_area + 4 + _USED.size * (self._next_used % self.size)
            board.memory_write(slot, _USED.pack(head, written & 0xFFFF_FFFF))
            self._next_used = (self._next_used + 1) & 0xFFFF
            board.memory_write(self.device_area + 2, self._next_used.to_bytes(2, "little"))
            if self._event_index:
                event = board.memory_read(self.driver_area + 4 + 2 * self.size, 2)
                return (int.from_bytes(event, "little") + 1) & 0xFFFF == self._next_used
            flags, _ = _PAIR.unpack(board.memory_read(self.driver_area, 4))
        except BusError:
            raise QueueError("a part of the queue is outside RAM") from None
        return not flags & _NO_INTERRUPT

    def save(self) -> bytes:
        """The driver's settings and the device's place in both rings."""
        return _FIELDS.pack(
            self.size,
            self.ready,
            self.descriptor_area,
            self.driver_area,
            self.device_area,
            self._next_available,
            self._next_used,
        )

    def restore(self, reader: StateReader) -> None:
        """Take the settings from the device's saved state; ReplugError when they are impossible."""
        (
            self.size,
            self.ready,
            self.descriptor_area,
            self.driver_area,
            self.device_area,
            self._next_available,
            self._next_used,
        ) = reader.fields(_FIELDS.format)
        if self.ready and not self._possible_size():
            raise reader.misfit()


def take_front(segments: list[Segment], count: int) -> tuple[list[Segment], list[Segment]]:
    """Cut segments after `count` bytes; ValueError when they hold fewer (or `count` is negative)."""
    for position, (address, length) in enumerate(segments):
        if 0 <= count <= length:
            front = [*segments[:position], (address, count)]
            return front, [(address + count, length - count), *segments[position + 1 :]]
        count -= length
    raise ValueError("too short")


def total(segments: list[Segment]) -> int:
    """Bytes in all segments together."""
    return sum(length for _, length in segments)


def gather(board: Board, segments: list[Segment], most: int) -> bytes:
    """The bytes of all segments together; QueueError when they are more than `most`, or not all in RAM."""
    length = total(segments)
    if length > most:
        raise QueueError(f"a buffer of {length} bytes, where {most} are the most")
    try:
        return b"".join(board.memory_read(address, size) for address, size in segments if size)
    except BusError:
        raise QueueError("a buffer is outside RAM") from None


def scatter(board: Board, segments: list[Segment], data: bytes) -> int:
    """Write as much of `data` as the segments hold; how much. QueueError when a segment is not in RAM."""
    done = 0
    try:
        for address, size in segments:
            part = data[done : done + size]
            if not part:
                continue
            board.memory_write(address, part)
            done += len(part)
    except BusError:
        raise QueueError("a buffer is outside RAM") from None
    return done
