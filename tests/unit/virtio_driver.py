# SPDX-License-Identifier: GPL-2.0-or-later
"""A driver for the block device, for tests: it lays out the rings in RAM and talks to the registers."""

import struct
from pathlib import Path

from device_board import RAM_BASE, TestBoard

from emulator.devices.disk import SECTOR, Disk
from emulator.devices.virtio_block import VirtioBlock

READ, WRITE, GET_ID = 0, 1, 8
SECTORS = 32
PER_REQUEST = 3  # descriptors
FREE = PER_REQUEST  # the head of the request in slot 1

DESCRIPTORS = RAM_BASE + 0x1000
AVAILABLE = RAM_BASE + 0x3000
USED = RAM_BASE + 0x4000
HEADERS = RAM_BASE + 0x5000
STATUSES = RAM_BASE + 0x6000
DATA = RAM_BASE + 0x10000


def make_disk(folder: Path) -> Disk:
    """A disk of 32 sectors, each filled with its number."""
    path = folder / "disk.img"
    if not path.exists():
        path.write_bytes(b"".join(bytes([number]) * SECTOR for number in range(SECTORS)))
    return Disk(path)


class Driver:
    """One block device and what its driver does."""

    FIRST_DATA = DATA

    def __init__(self, disk: Disk, ram_size: int = 1 << 20) -> None:
        self.board = TestBoard(ram_size)
        self.block = VirtioBlock(disk)
        self.board.add(self.block)
        self.size = 128
        self.available = 0
        self.seen = 0

    def get(self, offset: int) -> int:
        return self.block.read(offset, 4)

    def put(self, offset: int, value: int) -> None:
        self.block.write(offset, 4, value)

    def features(self) -> tuple[int, int]:
        words = []
        for select in range(3):
            self.put(0x14, select)
            words.append(self.get(0x10))
        assert words[2] == 0
        return words[0], words[1]

    def accept(self, low: int, high: int) -> None:
        for select, value in enumerate((low, high, 0xFFFF_FFFF)):
            self.put(0x24, select)
            self.put(0x20, value)

    def start(self, size: int = 128, status: int = 15) -> None:
        """The whole handshake; the rings start empty."""
        self.size, self.available, self.seen = size, 0, 0
        self.board.ram[0x3000:0x5000] = bytes(0x2000)
        self.put(0x70, 1)
        self.put(0x70, 3)
        self.accept(1 << 9, 1)
        self.put(0x70, 11)
        self.put(0x30, 0)
        self.put(0x38, size)
        for offset, address in ((0x80, DESCRIPTORS), (0x90, AVAILABLE), (0xA0, USED)):
            self.put(offset, address & 0xFFFF_FFFF)
            self.put(offset + 4, address >> 32)
        self.put(0x44, 1)
        self.put(0x70, status)

    def header(self, kind: int, sector: int, slot: int = 0) -> int:
        address = HEADERS + 16 * slot
        self.board.memory_write(address, struct.pack("<IIQ", kind, 0, sector))
        return address

    def add(self, pieces: list[tuple[int, int, int]], first: int = 0) -> int:
        """Make a chain of (address, length, flags) from descriptor `first` on available; its head."""
        for number, (address, length, flags) in enumerate(pieces):
            more = number + 1 < len(pieces)
            record = struct.pack("<QIHH", address, length, flags | more, first + number + 1 if more else 0)
            self.board.memory_write(DESCRIPTORS + 16 * (first + number), record)
        self.make_available(first)
        return first

    def make_available(self, head: int) -> None:
        self.board.memory_write(AVAILABLE + 4 + 2 * (self.available % self.size), struct.pack("<H", head))
        self.available = self.available + 1 & 0xFFFF
        self.board.memory_write(AVAILABLE + 2, struct.pack("<H", self.available))

    def request(self, kind: int, sector: int, length: int, slot: int = 0, address: int = DATA) -> int:
        flags = 0 if kind == WRITE else 2
        pieces = [(self.header(kind, sector, slot), 16, 0), (STATUSES + slot, 1, 2)]
        if length:
            pieces.insert(1, (address, length, flags))
        return self.add(pieces, slot * PER_REQUEST)

    def notify(self) -> None:
        self.put(0x50, 0)

    def used(self) -> list[tuple[int, int]]:
        """(head, length) of what came back since the last call."""
        _, index = struct.unpack("<HH", self.board.memory_read(USED, 4))
        result = []
        while self.seen != index:
            slot = USED + 4 + 8 * (self.seen % self.size)
            result.append(struct.unpack("<II", self.board.memory_read(slot, 8)))
            self.seen = self.seen + 1 & 0xFFFF
        return result

    def transfer(self, kind: int, sector: int, length: int, address: int = DATA) -> tuple[int, int]:
        """One request from start to end: its status and the length in the used ring."""
        self.board.memory_write(STATUSES, b"\xff")
        head = self.request(kind, sector, length, address=address)
        self.notify()
        self.board.run()
        [(used_head, written)] = self.used()
        assert used_head == head
        return self.board.memory_read(STATUSES, 1)[0], written

    def data(self, length: int) -> bytes:
        return self.board.memory_read(DATA, length)

    def set_data(self, data: bytes) -> None:
        self.board.memory_write(DATA, data)

    def no_interrupt(self, on: bool) -> None:
        self.board.memory_write(AVAILABLE, struct.pack("<H", int(on)))
