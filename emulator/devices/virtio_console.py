# SPDX-License-Identifier: GPL-2.0-or-later
"""The virtio console device (virtio 1.1, section 5.3): one port, and the emergency write."""

import struct
from collections.abc import Callable

from emulator.devices.device import StateReader, blob
from emulator.devices.virtio_mmio import VirtioDevice
from emulator.devices.virtqueue import QueueError, gather, scatter, total

_VERSION = 1
_RECEIVE, _TRANSMIT = 0, 1
_MOST = 1 << 20  # bytes in one buffer to send

FEATURE_EMERGENCY_WRITE = 1 << 2
EMERGENCY_WRITE = 8  # its place in the configuration


class VirtioConsole(VirtioDevice):
    """A console on virtio slot `slot`; `write_output(bytes)` gets what the guest sends.

    Characters from the host wait without bound until the driver gives buffers for them.
    """

    device_id = 3

    def __init__(self, slot: int, write_output: Callable[[bytes], None]) -> None:
        # Columns, rows and ports are not offered; behind them is the emergency write.
        super().__init__(slot, FEATURE_EMERGENCY_WRITE, queues=2, configuration=bytes(12))
        self._write_output = write_output
        self._line = bytearray()  # from the host, unread

    def receive(self, data: bytes) -> None:
        """Characters arrive from the host; any number at any time, none is lost."""
        self._line += data
        if self.running and self.queues[_RECEIVE].ready:
            try:
                self._deliver()
            except QueueError as error:
                self.fail(f"queue {_RECEIVE}: {error}")

    @property
    def listens(self) -> bool:
        """Whether a character that arrives may make an interrupt."""
        return self.running and self.queues[_RECEIVE].ready

    def notified(self, queue: int) -> None:
        """Send what is to be sent, or use new room for what waits."""
        if queue == _RECEIVE:
            self._deliver()
            return
        while (chain := self.queues[queue].take(self.board)) is not None:
            if chain.writable:
                raise QueueError("a buffer to send that is writable")
            data = gather(self.board, chain.readable, _MOST)
            if data:
                self._write_output(data)
            self.used(queue, chain.head, 0)

    def _deliver(self) -> None:
        while self._line and (chain := self.queues[_RECEIVE].take(self.board)) is not None:
            if chain.readable or not total(chain.writable):
                raise QueueError("a buffer to receive into that is not just room")
            written = scatter(self.board, chain.writable, bytes(self._line))
            del self._line[:written]
            self.used(_RECEIVE, chain.head, written)

    def configure(self, offset: int, width: int, value: int) -> None:
        """The emergency write: its low byte goes out at once, also before the driver is up."""
        if offset == EMERGENCY_WRITE and width in (1, 2, 4):
            self._write_output(bytes((value & 0xFF,)))

    def save_device(self) -> bytes:
        """What the guest has not read yet."""
        return struct.pack("<B", _VERSION) + blob(bytes(self._line))

    def restore_device(self, state: bytes) -> None:
        """As in Device."""
        reader = StateReader(self.name, _VERSION, state)
        line = reader.blob()
        reader.finish()
        self._line = bytearray(line)
