# SPDX-License-Identifier: GPL-2.0-or-later
"""The bus: which device answers at a physical address, and what the machine offers to devices."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from emulator.devices.device import BusError, Device
from emulator.devices.virtio_mmio import KINDS, VirtioDevice
from emulator.engine import Engine
from emulator.schedule.events import EventQueue


class Bus:
    """Routes MMIO to devices, and is their `Board`: time, events, interrupts and RAM.

    The engine does RAM, CLINT, PLIC and UART itself and asks the bus for everything else.
    """

    def __init__(self) -> None:
        self.events = EventQueue()
        self._devices: list[Device] = []
        self._bases: list[int] = []
        self._by_name: dict[str, Device] = {}
        self._numbers: dict[str, int] = {}
        self._engine: Engine | None = None
        self._acting = 0  # number of the device that acts now, 0: none

    def connect(self, engine: Engine, devices: Iterable[Device]) -> None:
        """Once, when the machine is put together."""
        self._engine = engine
        self._devices = sorted(devices, key=lambda device: device.base)
        self._bases = [device.base for device in self._devices]
        self._by_name = {device.name: device for device in self._devices}
        self._numbers = {device.name: number for number, device in enumerate(self._devices, 1)}
        for device in self._devices:
            device.attach(self)

    @property
    def engine(self) -> Engine:
        assert self._engine is not None, "connect() comes first"
        return self._engine

    @property
    def devices(self) -> list[Device]:
        """In the order of their addresses."""
        return self._devices

    # --- what the engine asks ---

    def _device_at(self, address: int) -> Device | None:
        index = bisect_right(self._bases, address) - 1
        if index >= 0:
            device = self._devices[index]
            if address - device.base < device.size:
                return device
        return None

    def load(self, _hart: int, address: int, width: int) -> int | None:
        """A hart loads from a device; None is an access fault."""
        device = self._device_at(address)
        if device is None:
            return None
        try:
            self._acting = self._numbers[device.name]  # by hand: this is called often
            return device.read(address - device.base, width)
        except BusError:
            return None
        finally:
            self._acting = 0

    def store(self, _hart: int, address: int, width: int, value: int) -> bool:
        """A hart stores to a device; False is an access fault."""
        device = self._device_at(address)
        if device is None:
            return False
        try:
            self._acting = self._numbers[device.name]
            device.write(address - device.base, width, value)
        except BusError:
            return False
        finally:
            self._acting = 0
        return True

    # --- who acts ---

    @contextmanager
    def acting(self, device: Device) -> Iterator[None]:
        """What is written to RAM meanwhile is this device's doing."""
        before, self._acting = self._acting, self._numbers[device.name]
        try:
            yield
        finally:
            self._acting = before

    def device_name(self, number: int) -> str:
        """Of the device that the engine knows by this number (Hit.device), such as `virtio0 (block)`."""
        device = self._devices[number - 1]
        return (
            f"{device.name} ({KINDS[device.device_id]})" if isinstance(device, VirtioDevice) else device.name
        )

    # --- what devices ask (Board) ---

    def now(self) -> int:
        return self.engine.now

    def schedule(self, device: Device, delay: int, what: int) -> None:
        self.events.push(self.engine.now + delay, device.name, what)
        self.engine.set_next_event(self.events.next_time())

    def set_interrupt(self, irq: int, level: bool) -> None:
        self.engine.set_interrupt(irq, level)

    def memory_read(self, address: int, length: int) -> bytes:
        offset = address - self.engine.config.ram_base
        if offset < 0 or length < 0 or offset + length > self.engine.config.ram_size:
            raise BusError
        return bytes(self.engine.ram[offset : offset + length])

    def memory_write(self, address: int, data: bytes) -> None:
        if not 0 <= address < 1 << 64 or not self.engine.ram_write(address, data, self._acting):
            raise BusError

    def run_due_events(self) -> None:
        """Let every device whose time has come act."""
        while (event := self.events.pop_due(self.engine.now)) is not None:
            device = self._by_name[event.device]
            with self.acting(device):
                device.event(event.what)
        self.engine.set_next_event(self.events.next_time())

    def restore_events(self, state: bytes) -> None:
        self.events.restore(state)
        self.engine.set_next_event(self.events.next_time())
