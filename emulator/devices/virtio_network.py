# SPDX-License-Identifier: GPL-2.0-or-later
"""The virtio network device (virtio 1.1, section 5.1): one pair of queues, no offloads."""

import struct
from collections import deque

from emulator.devices.device import StateReader, blob
from emulator.devices.network import GUEST_MAC, Backend, Frame
from emulator.devices.virtio_mmio import VirtioDevice
from emulator.devices.virtqueue import QueueError, gather, scatter, total

_VERSION = 1
_RECEIVE, _TRANSMIT = 0, 1
_HEADER = 12  # bytes before each frame
_SHORTEST, LONGEST = 14, 1514  # bytes of a frame, the frame check sequence not counted
_MOST_WAITING = 256  # frames; more are lost, as on a cable

FEATURE_MAC = 1 << 5
FEATURE_STATUS = 1 << 16
_LINK_UP = 1


class VirtioNetwork(VirtioDevice):
    """A network card on virtio slot `slot`, its cable into `backend`; latency: of the cable, virtual ns."""

    device_id = 1

    def __init__(self, slot: int, backend: Backend, latency: int = 50_000) -> None:
        configuration = GUEST_MAC + struct.pack("<HH", _LINK_UP, 1)
        super().__init__(slot, FEATURE_MAC | FEATURE_STATUS, queues=2, configuration=configuration)
        self._backend = backend
        self._latency = latency
        self._coming: deque[Frame] = deque()  # answers on the cable; each has an event, in order
        self._waiting: deque[Frame] = deque()  # for a buffer of the driver's

    def notified(self, queue: int) -> None:
        """Send what is to be sent, or use new room for what waits."""
        if queue == _RECEIVE:
            self._deliver()
            return
        while (chain := self.queues[queue].take(self.board)) is not None:
            if chain.writable or total(chain.readable) < _HEADER:
                raise QueueError("a frame to send that is writable, or without a header")
            packet = gather(self.board, chain.readable, 1 << 17)
            if packet[0] or packet[1]:
                raise QueueError("a frame that asks for an offload, which was not offered")
            self.used(queue, chain.head, 0)
            frame = packet[_HEADER:]
            if _SHORTEST <= len(frame) <= LONGEST:
                for answer in self._backend.send(frame):
                    self._to_come(answer)

    def _to_come(self, frame: Frame) -> None:
        if len(self._coming) < _MOST_WAITING:
            self._coming.append(frame)
            self.board.schedule(self, self._latency, 0)

    def event(self, what: int) -> None:
        """A frame comes out of the cable."""
        if self._coming:
            self.receive(self._coming.popleft())

    def receive(self, frame: Frame) -> None:
        """A frame arrives; lost when the driver is not up, when too many wait, or if its length is wrong."""
        if not self.listens or len(self._waiting) >= _MOST_WAITING or not _SHORTEST <= len(frame) <= LONGEST:
            return
        self._waiting.append(frame)
        try:
            self._deliver()
        except QueueError as error:
            self.fail(f"queue {_RECEIVE}: {error}")

    @property
    def listens(self) -> bool:
        """Whether a frame that arrives may make an interrupt."""
        return self.running and self.queues[_RECEIVE].ready

    def stopped(self) -> None:
        """Frames that wait for a buffer are lost; those on the cable will find nobody."""
        self._waiting.clear()

    def _deliver(self) -> None:
        while self._waiting and (chain := self.queues[_RECEIVE].take(self.board)) is not None:
            packet = bytes(10) + b"\1\0" + self._waiting[0]  # one buffer a frame
            room = total(chain.writable)
            if chain.readable or room < len(packet):
                raise QueueError(f"a buffer of {room} bytes for a frame and header of {len(packet)}")
            self._waiting.popleft()
            self.used(_RECEIVE, chain.head, scatter(self.board, chain.writable, packet))

    def save_device(self) -> bytes:
        """Frames on the cable, then those that wait."""
        parts = [struct.pack("<BII", _VERSION, len(self._coming), len(self._waiting))]
        return b"".join((*parts, *(blob(frame) for frame in (*self._coming, *self._waiting))))

    def restore_device(self, state: bytes) -> None:
        """As in Device."""
        reader = StateReader(self.name, _VERSION, state)
        coming, waiting = reader.fields("<II")
        if max(coming, waiting) > _MOST_WAITING:
            raise reader.misfit()
        frames = deque(reader.blob() for _ in range(coming))
        self._waiting = deque(reader.blob() for _ in range(waiting))
        reader.finish()
        self._coming = frames
