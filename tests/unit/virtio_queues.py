# SPDX-License-Identifier: GPL-2.0-or-later
"""A driver for any virtio device, for tests: queues in RAM, buffers, and the registers."""

from __future__ import annotations

import struct

from device_board import RAM_BASE, TestBoard

from emulator.devices.virtio_mmio import VirtioDevice

SIZE = 8  # descriptors in a queue
INDIRECT, EVENT_INDEX, VERSION_1 = 1 << 28, 1 << 29, 1 << 32
WRITABLE = 2
BUFFERS = RAM_BASE + 0x4_0000


class Queues:
    """A device with all its queues set up; queue N lies at RAM + 0x10000 * (N + 1)."""

    def __init__(self, device: VirtioDevice, features: int = 0) -> None:
        self.board = TestBoard()
        self.device = device
        self.board.add(device)
        self.start(features)

    def start(self, features: int = 0) -> None:
        """Reset, negotiate, and go."""
        self.features = features | VERSION_1
        self.available = [0] * len(self.device.queues)
        self.seen = [0] * len(self.device.queues)
        self.put(0x70, 0)
        self.put(0x70, 3)
        for select in (0, 1):
            self.put(0x24, select)
            self.put(0x20, self.features >> 32 * select & 0xFFFF_FFFF)
        self.put(0x70, 11)
        assert self.get(0x70) == 11, "the features are accepted"
        for queue in range(len(self.device.queues)):
            self.board.memory_write(self.table(queue), bytes(0x3000))
            self.put(0x30, queue)
            self.put(0x38, SIZE)
            for offset, part in ((0x80, 0), (0x90, 0x1000), (0xA0, 0x2000)):
                self.put(offset, self.table(queue) + part)
            self.put(0x44, 1)
        self.put(0x70, 15)

    def table(self, queue: int) -> int:
        """Where the descriptors are; the available and the used ring follow, a page each."""
        return RAM_BASE + 0x1_0000 * (queue + 1)

    def get(self, offset: int) -> int:
        return self.device.read(offset, 4)

    def put(self, offset: int, value: int) -> None:
        self.device.write(offset, 4, value)

    def descriptor(self, place: int, fields: tuple[int, int, int, int]) -> None:
        """address, length, flags, next."""
        self.board.memory_write(place, struct.pack("<QIHH", *fields))

    def offer(self, queue: int, *pieces: tuple[int, int, int], first: int = 0) -> None:
        """A chain of (address, length, flags) from descriptor `first` on, made available."""
        for number, (address, length, flags) in enumerate(pieces):
            more = number + 1 < len(pieces)
            place = self.table(queue) + 16 * (first + number)
            self.descriptor(place, (address, length, flags | more, first + number + 1 if more else 0))
        self.make_available(queue, first)

    def make_available(self, queue: int, head: int) -> None:
        ring = self.table(queue) + 0x1000
        slot = ring + 4 + 2 * (self.available[queue] % SIZE)
        self.board.memory_write(slot, struct.pack("<H", head))
        self.available[queue] += 1
        self.board.memory_write(ring + 2, struct.pack("<H", self.available[queue] & 0xFFFF))

    def notify(self, queue: int) -> None:
        self.put(0x50, queue)

    def send(self, queue: int, data: bytes, first: int = 0) -> None:
        """A readable buffer with these bytes, given to the device."""
        address = BUFFERS + 0x1000 * first
        self.board.memory_write(address, data)
        self.offer(queue, (address, len(data), 0), first=first)
        self.notify(queue)

    def room(self, queue: int, length: int, first: int = 0) -> None:
        """A writable buffer, given to the device."""
        self.offer(queue, (BUFFERS + 0x1000 * first, length, WRITABLE), first=first)
        self.notify(queue)

    def used(self, queue: int) -> list[tuple[int, int]]:
        """(head, bytes written) of what came back since the last call."""
        ring = self.table(queue) + 0x2000
        _, index = struct.unpack("<HH", self.board.memory_read(ring, 4))
        found = []
        while self.seen[queue] & 0xFFFF != index:
            slot = ring + 4 + 8 * (self.seen[queue] % SIZE)
            found.append(struct.unpack("<II", self.board.memory_read(slot, 8)))
            self.seen[queue] += 1
        return found

    def received(self, queue: int) -> list[bytes]:
        """What the device has written into buffers of `room` since the last call."""
        return [self.board.memory_read(BUFFERS + 0x1000 * head, length) for head, length in self.used(queue)]

    @property
    def broken(self) -> bool:
        """Whether the device asks to be reset."""
        return bool(self.get(0x70) & 64)
