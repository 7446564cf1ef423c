# SPDX-License-Identifier: GPL-2.0-or-later
"""The virtio entropy device (virtio 1.1, section 5.4): random bytes that follow from a seed.

The stream is SHA-256 of the seed and a counter: fit for what guests do with it, not for secrets, and the
same in every run with the same seed.
"""

import hashlib
import struct

from emulator.devices.device import StateReader
from emulator.devices.virtio_mmio import VirtioDevice
from emulator.devices.virtqueue import QueueError, scatter, total

_VERSION = 1
_MOST = 1 << 16  # bytes for one request: the device may give less than was asked for
_BLOCK = 32


class VirtioEntropy(VirtioDevice):
    """Entropy on virtio slot `slot`; `seed` is any 64-bit number."""

    device_id = 4

    def __init__(self, slot: int, seed: int) -> None:
        super().__init__(slot, features=0, queues=1, configuration=b"")
        self._seed = seed
        self._position = 0  # bytes given so far

    def notified(self, queue: int) -> None:
        """Fill every buffer that the driver made available."""
        while (chain := self.queues[queue].take(self.board)) is not None:
            wanted = total(chain.writable)
            if chain.readable or not wanted:
                raise QueueError("a request for entropy that is not just a buffer to fill")
            data = self._bytes(min(wanted, _MOST))
            self.used(queue, chain.head, scatter(self.board, chain.writable, data))

    def _bytes(self, count: int) -> bytes:
        first, skip = divmod(self._position, _BLOCK)
        last = (self._position + count + _BLOCK - 1) // _BLOCK
        self._position += count
        blocks = (
            hashlib.sha256(struct.pack("<QQ", self._seed, number)).digest() for number in range(first, last)
        )
        return b"".join(blocks)[skip : skip + count]

    def save_device(self) -> bytes:
        """The seed, and how far the stream was read."""
        return struct.pack("<BQQ", _VERSION, self._seed, self._position)

    def restore_device(self, state: bytes) -> None:
        """As in Device."""
        reader = StateReader(self.name, _VERSION, state)
        seed, position = reader.fields("<QQ")
        reader.finish()
        if seed != self._seed:
            raise reader.misfit()
        self._position = position
