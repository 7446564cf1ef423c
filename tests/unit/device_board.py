# SPDX-License-Identifier: GPL-2.0-or-later
"""A board for device tests: RAM, virtual time, an event queue and a record of the interrupt wires."""

from emulator.devices.device import BusError, Device
from emulator.schedule.events import EventQueue

RAM_BASE = 0x8000_0000


class TestBoard:
    """Implements emulator.devices.device.Board."""

    __test__ = False

    def __init__(self, ram_size: int = 1 << 20) -> None:
        self.ram = bytearray(ram_size)
        self.time = 0
        self.queue = EventQueue()
        self.devices: dict[str, Device] = {}
        self.interrupts: list[tuple[int, bool]] = []
        self.bytes_moved = 0

    def add(self, device: Device) -> None:
        self.devices[device.name] = device
        device.attach(self)

    def now(self) -> int:
        return self.time

    def schedule(self, device: Device, delay: int, what: int) -> None:
        assert delay >= 0
        self.queue.push(self.time + delay, device.name, what)

    def set_interrupt(self, irq: int, level: bool) -> None:
        self.interrupts.append((irq, level))

    def _offset(self, address: int, length: int) -> int:
        offset = address - RAM_BASE
        if offset < 0 or offset + length > len(self.ram):
            raise BusError
        self.bytes_moved += length
        return offset

    def memory_read(self, address: int, length: int) -> bytes:
        offset = self._offset(address, length)
        return bytes(self.ram[offset : offset + length])

    def memory_write(self, address: int, data: bytes) -> None:
        offset = self._offset(address, len(data))
        self.ram[offset : offset + len(data)] = data

    def run(self) -> None:
        """Let time pass until nothing is left to happen."""
        while (due := self.queue.next_time()) is not None:
            self.time = max(self.time, due)
            event = self.queue.pop_due(self.time)
            assert event is not None
            self.devices[event.device].event(event.what)
