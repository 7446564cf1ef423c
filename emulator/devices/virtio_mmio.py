# SPDX-License-Identifier: GPL-2.0-or-later
"""The virtio transport over MMIO, version 2 (virtio 1.1, section 4.2): registers, status, interrupt.

A device derives from VirtioDevice and answers `notified`, `stopped` and `event`. When a driver breaks the
rules, the device sets DEVICE_NEEDS_RESET, tells the driver by a configuration interrupt, and does nothing
more until it is reset. `last_fault` then says what was wrong, for whoever debugs the driver.
"""

import struct

from emulator.devices import virt_map
from emulator.devices.device import BusError, Device, StateReader, bad_state, blob
from emulator.devices.virtqueue import QueueError, Virtqueue

_VERSION = 1
MAGIC = 0x7472_6976
VENDOR = 0x554D_4551  # "QEMU": teaching kernels take no other for the `virt` machine

FEATURE_INDIRECT = 1 << 28
FEATURE_EVENT_INDEX = 1 << 29
FEATURE_VERSION_1 = 1 << 32

STATUS_DRIVER_OK = 4
STATUS_FEATURES_OK = 8
STATUS_NEEDS_RESET = 64

_INTERRUPT_USED = 1
_INTERRUPT_CONFIGURATION = 2

_CONFIGURATION = 0x100
_LOW = 0xFFFF_FFFF
_FIELDS = "<BBIIIQ"


def slot_base(slot: int) -> int:
    """The base address of virtio slot 0 to 7."""
    return virt_map.VIRTIO_BASE + slot * virt_map.VIRTIO_STRIDE


class EmptySlot(Device):
    """A slot without a device: device id 0, which tells a probing guest to pass on."""

    def __init__(self, slot: int) -> None:
        self.name = f"virtio{slot}"
        self.base = slot_base(slot)
        self.size = virt_map.VIRTIO_STRIDE

    def read(self, offset: int, width: int) -> int:
        """Magic, version and vendor; the rest is 0."""
        if offset % width:
            raise BusError
        return {0x00: MAGIC, 0x04: 2, 0x0C: VENDOR}.get(offset, 0)

    def write(self, offset: int, width: int, value: int) -> None:
        """Ignored."""
        if offset % width:
            raise BusError


KINDS = {1: "network", 2: "block", 3: "console", 4: "entropy"}
"""What devices are called, by their `device_id`."""


class VirtioDevice(Device):
    """Registers and state that all virtio devices share; `device_id` as in virtio 1.1, section 5."""

    device_id = 0

    def __init__(self, slot: int, features: int, queues: int, configuration: bytes) -> None:
        self.name = f"virtio{slot}"
        self.base = slot_base(slot)
        self.size = virt_map.VIRTIO_STRIDE
        self.last_fault: str | None = None
        self.queues = [Virtqueue() for _ in range(queues)]
        self._irq = virt_map.VIRTIO_FIRST_IRQ + slot
        self._features = features | FEATURE_VERSION_1 | FEATURE_INDIRECT | FEATURE_EVENT_INDEX
        self._configuration = configuration
        self._status = 0
        self._interrupt = 0
        self._device_features_select = 0
        self._driver_features_select = 0
        self._queue_select = 0
        self._driver_features = 0

    # What a particular device does.

    def notified(self, queue: int) -> None:
        """The driver made buffers available in `queue`, which is ready. May raise QueueError."""

    def stopped(self) -> None:
        """The device was reset, or a queue taken away: forget all that is under way."""

    def configure(self, offset: int, width: int, value: int) -> None:
        """The driver stores `width` bytes at `offset` of the configuration: ignored where not overridden."""

    # What a particular device may use.

    @property
    def running(self) -> bool:
        """The driver is up and the device not broken."""
        return self._status & (STATUS_DRIVER_OK | STATUS_NEEDS_RESET) == STATUS_DRIVER_OK

    @property
    def condition(self) -> str:
        """For people: how far the driver has come."""
        if self._status & STATUS_NEEDS_RESET:
            return "needs a reset"
        if self._status & STATUS_DRIVER_OK:
            return "driver is up"
        return "driver is starting" if self._status else "no driver yet"

    def used(self, queue: int, head: int, written: int) -> None:
        """Give a buffer back and interrupt the driver unless it asked not to be. May raise QueueError."""
        if self.queues[queue].give_back(self.board, head, written):
            self._raise_interrupt(_INTERRUPT_USED)

    def fail(self, fault: str) -> None:
        """The driver broke the rules: stop until it resets the device."""
        self.last_fault = fault
        self._status |= STATUS_NEEDS_RESET
        if self._status & STATUS_DRIVER_OK:
            self._raise_interrupt(_INTERRUPT_CONFIGURATION)

    def _raise_interrupt(self, bit: int) -> None:
        self._interrupt |= bit
        self.board.set_interrupt(self._irq, True)

    # Registers.

    def read(self, offset: int, width: int) -> int:
        """Registers in 4 bytes (in 8: two of them), the configuration in any width; the rest reads as 0."""
        if offset % width:
            raise BusError
        if offset >= _CONFIGURATION:
            start = offset - _CONFIGURATION
            return int.from_bytes(self._configuration[start : start + width], "little")
        if width == 4:
            return self._read_register(offset)
        if width == 8:
            return self._read_register(offset) | self._read_register(offset + 4) << 32
        return 0

    def _read_register(self, offset: int) -> int:
        queue = self._selected()
        match offset:
            case 0x60:
                return self._interrupt
            case 0x70:
                return self._status
            case 0x00:
                return MAGIC
            case 0x04:
                return 2
            case 0x08:
                return self.device_id
            case 0x0C:
                return VENDOR
            case 0x10:
                select = self._device_features_select
                return self._features >> 32 * select & _LOW if select < 2 else 0
            case 0x34:
                return queue.maximum if queue else 0
            case 0x44:
                return int(queue.ready) if queue else 0
            case 0xB0 | 0xB4 | 0xB8 | 0xBC:
                return _LOW  # length and base of a shared memory region: there is none
            case _:
                return 0  # among them 0xfc: the configuration never changes, its generation stays 0

    def write(self, offset: int, width: int, value: int) -> None:
        """Registers in 4 bytes (in 8: two of them); other stores are ignored."""
        if offset % width:
            raise BusError
        if offset >= _CONFIGURATION:
            self.configure(offset - _CONFIGURATION, width, value)
        elif width == 4:
            self._write_register(offset, value & _LOW)
        elif width == 8:
            self._write_register(offset, value & _LOW)
            self._write_register(offset + 4, value >> 32)

    def _write_register(self, offset: int, value: int) -> None:
        match offset:
            case 0x50:
                self._notify(value)
            case 0x64:
                self._acknowledge(value)
            case 0x70:
                self._set_status(value)
            case 0x14:
                self._device_features_select = value
            case 0x20:
                self._accept_features(value)
            case 0x24:
                self._driver_features_select = value
            case 0x30:
                self._queue_select = value
            case _:
                queue = self._selected()
                if queue:
                    self._set_queue(queue, offset, value)

    def _selected(self) -> Virtqueue | None:
        return self.queues[self._queue_select] if self._queue_select < len(self.queues) else None

    def _notify(self, index: int) -> None:
        if self.running and index < len(self.queues) and self.queues[index].ready:
            try:
                self.notified(index)
            except QueueError as error:
                self.fail(f"queue {index}: {error}")

    def _acknowledge(self, bits: int) -> None:
        if self._interrupt:
            self._interrupt &= ~bits
            self.board.set_interrupt(self._irq, self._interrupt != 0)

    def _accept_features(self, value: int) -> None:
        select = self._driver_features_select
        if select < 2 and not self._status & STATUS_FEATURES_OK:
            kept = self._driver_features & ~(_LOW << 32 * select)
            self._driver_features = kept | value << 32 * select
            self._tell_queues()

    def _tell_queues(self) -> None:
        accepted = self._driver_features
        for queue in self.queues:
            queue.negotiated(bool(accepted & FEATURE_INDIRECT), bool(accepted & FEATURE_EVENT_INDEX))

    def _set_status(self, value: int) -> None:
        if not value & 0xFF:
            self._reset()
            return
        status = value & 0xFF & ~STATUS_NEEDS_RESET | self._status & STATUS_NEEDS_RESET
        # A driver that does not ask for VERSION_1 may be refused (section 6.1). It is served: teaching
        # kernels look at the low half of the features only, and on RISC-V it comes to the same.
        if status & STATUS_FEATURES_OK and self._driver_features & ~self._features:
            status &= ~STATUS_FEATURES_OK
        self._status = status

    def _reset(self) -> None:
        self._status = 0
        self._device_features_select = 0
        self._driver_features_select = 0
        self._queue_select = 0
        self._driver_features = 0
        for queue in self.queues:
            queue.reset()
        self.last_fault = None
        self.stopped()
        self._acknowledge(_LOW)

    def _set_queue(self, queue: Virtqueue, offset: int, value: int) -> None:
        if offset == 0x44:
            if value & 1 and not queue.ready:
                try:
                    queue.start()
                except QueueError as error:
                    self.fail(f"queue {self._queue_select}: {error}")
            elif not value & 1 and queue.ready:
                queue.ready = False
                self.stopped()
        elif queue.ready:
            pass  # its place may not change under the device
        elif offset == 0x38:
            queue.size = min(value, 0xFFFF)  # no legal size is lost; `start` judges it
        elif offset == 0x80:
            queue.descriptor_area = queue.descriptor_area & ~_LOW | value
        elif offset == 0x84:
            queue.descriptor_area = queue.descriptor_area & _LOW | value << 32
        elif offset == 0x90:
            queue.driver_area = queue.driver_area & ~_LOW | value
        elif offset == 0x94:
            queue.driver_area = queue.driver_area & _LOW | value << 32
        elif offset == 0xA0:
            queue.device_area = queue.device_area & ~_LOW | value
        elif offset == 0xA4:
            queue.device_area = queue.device_area & _LOW | value << 32

    # State.

    def save_device(self) -> bytes:
        """The particular device's state."""
        return b""

    def restore_device(self, state: bytes) -> None:
        """Go back to what `save_device` gave; ReplugError when it does not fit."""
        if state:
            raise bad_state(self.name)

    def save(self) -> bytes:
        """The transport's registers, the queues, then the particular device's state."""
        return b"".join(
            (
                struct.pack("<BB", _VERSION, self.device_id),
                struct.pack(
                    _FIELDS,
                    self._status,
                    self._interrupt,
                    self._device_features_select,
                    self._driver_features_select,
                    self._queue_select,
                    self._driver_features,
                ),
                *(queue.save() for queue in self.queues),
                blob(self.save_device()),
            )
        )

    def restore(self, state: bytes) -> None:
        """As in Device."""
        reader = StateReader(self.name, _VERSION, state)
        if reader.fields("<B")[0] != self.device_id:
            raise bad_state(self.name)
        registers = reader.fields(_FIELDS)
        queues = [Virtqueue(queue.maximum) for queue in self.queues]
        for queue in queues:
            queue.restore(reader)
        device_state = reader.blob()
        reader.finish()
        self.restore_device(device_state)
        self.queues = queues
        self.last_fault = None
        (
            self._status,
            self._interrupt,
            self._device_features_select,
            self._driver_features_select,
            self._queue_select,
            self._driver_features,
        ) = registers
        self._tell_queues()
