# SPDX-License-Identifier: GPL-2.0-or-later
"""The virtio block device (virtio 1.1, section 5.2) over a Disk, with a latency in virtual time.

Requests overlap: each completes after its own latency, whatever else is under way, and goes into the used
ring in the order of completion. Data moves between RAM and disk at the moment of completion. A request
that makes no sense by itself (outside the disk, no whole sectors, data outside RAM) ends with the status
IOERR; a driver that breaks the rules of the ring makes the device ask for a reset.
"""

import struct
from dataclasses import dataclass

from emulator.devices.device import BusError, StateReader
from emulator.devices.disk import SECTOR, Disk
from emulator.devices.virtio_mmio import VirtioDevice
from emulator.devices.virtqueue import Chain, QueueError, Segment, take_front, total

_VERSION = 1

FEATURE_SEGMENT_MAXIMUM = 1 << 2
FEATURE_BLOCK_SIZE = 1 << 6
FEATURE_FLUSH = 1 << 9

READ = 0
WRITE = 1
FLUSH = 4
GET_ID = 8

STATUS_OK = 0
STATUS_ERROR = 1
STATUS_UNSUPPORTED = 2

_HEADER = struct.Struct("<IIQ")
_SEGMENT = struct.Struct("<QI")
_MAXIMUM_BYTES = 64 << 20  # in one request: bounds the host memory that a guest can make us use
_IDENTIFIER_BYTES = 20


@dataclass(frozen=True)
class DiskTiming:
    """How long requests take, in virtual ns: a fixed part by kind, and a part by KiB moved.

    The defaults are those of a common solid-state disk: reads 100 us, writes 30 us (into its cache),
    flushes 200 us, 2 GB/s.
    """

    read: int = 100_000
    write: int = 30_000
    flush: int = 200_000
    per_kibibyte: int = 500

    def latency(self, kind: int, length: int) -> int:
        """Virtual ns from the notification to the completion of a request that moves `length` bytes."""
        fixed = {WRITE: self.write, FLUSH: self.flush}.get(kind, self.read)
        return fixed + length * self.per_kibibyte // 1024


@dataclass(slots=True)
class _Request:
    """A request under way; `data` is where its data comes from (WRITE) or goes to."""

    kind: int
    sector: int
    data: list[Segment]
    status_address: int
    descriptors: int


class VirtioBlock(VirtioDevice):
    """Block device on virtio slot `slot`; `identifier` is what GET_ID answers (at most 20 bytes)."""

    device_id = 2

    def __init__(
        self, disk: Disk, slot: int = 0, timing: DiskTiming | None = None, identifier: bytes = b"replug-disk"
    ) -> None:
        maximum_segments = 126  # the queue's 128 without header and status
        configuration = struct.pack("<QIIHBBI", disk.sectors, 0, maximum_segments, 0, 0, 0, SECTOR)
        features = FEATURE_SEGMENT_MAXIMUM | FEATURE_BLOCK_SIZE | FEATURE_FLUSH
        super().__init__(slot, features, queues=1, configuration=configuration.ljust(60, b"\0"))
        self.disk = disk
        self.timing = timing or DiskTiming()
        self._identifier = identifier.ljust(_IDENTIFIER_BYTES, b"\0")[:_IDENTIFIER_BYTES]
        self._under_way: dict[int, _Request] = {}  # by the first descriptor
        self._descriptors = 0  # that requests under way hold
        self._generation = 0  # tells events from before a reset

    def stopped(self) -> None:
        """Requests under way are forgotten: neither data nor status will move."""
        self._under_way.clear()
        self._descriptors = 0
        self._generation = (self._generation + 1) & 0x7FFF_FFFF

    def notified(self, queue: int) -> None:
        """Start every request that the driver made available."""
        ring = self.queues[queue]
        while (chain := ring.take(self.board)) is not None:
            # A descriptor belongs to one request at a time; this also bounds the work.
            self._descriptors += chain.descriptors
            if chain.head in self._under_way or self._descriptors > ring.size:
                raise QueueError(f"descriptor {chain.head} is part of a request that is under way")
            request = self._parse(chain)
            self._under_way[chain.head] = request
            length = total(request.data) if self._sensible(request) else 0
            delay = self.timing.latency(request.kind, length)
            self.board.schedule(self, delay, self._generation << 16 | chain.head)

    def _parse(self, chain: Chain) -> _Request:
        try:
            header, to_disk = take_front(chain.readable, _HEADER.size)
            from_disk, status = take_front(chain.writable, total(chain.writable) - 1)
        except ValueError:
            raise QueueError("a block request without room for header or status") from None
        try:
            bytes_ = b"".join(self.board.memory_read(address, length) for address, length in header if length)
        except BusError:
            raise QueueError("the header of a block request is outside RAM") from None
        kind, _, sector = _HEADER.unpack(bytes_)
        status_address = next(address for address, length in status if length)
        data = to_disk if kind == WRITE else from_disk
        data = [segment for segment in data if segment[1]]
        return _Request(kind, sector, data, status_address, chain.descriptors)

    def _sensible(self, request: _Request) -> bool:
        """Whether a READ or WRITE is of whole sectors, inside the disk and not too large."""
        length = total(request.data)
        if request.kind not in (READ, WRITE):
            return False
        inside = request.sector + length // SECTOR <= self.disk.sectors
        return inside and length % SECTOR == 0 and length <= _MAXIMUM_BYTES

    def event(self, what: int) -> None:
        """The request of that generation and first descriptor completes."""
        if what >> 16 != self._generation or not self.running:
            return
        head = what & 0xFFFF
        request = self._under_way.pop(head, None)
        if request is None:
            return
        self._descriptors -= request.descriptors
        status, written = self._perform(request)
        try:
            self.board.memory_write(request.status_address, bytes((status,)))
            self.used(0, head, written + 1)
        except BusError:
            self.fail("queue 0: the status byte of a block request is outside RAM")
        except QueueError as error:
            self.fail(f"queue 0: {error}")

    def _perform(self, request: _Request) -> tuple[int, int]:
        """Do it; the status, and how many bytes of data went to RAM."""
        kind = request.kind
        if kind == FLUSH:
            self.disk.flush()
            return STATUS_OK, 0
        if kind == GET_ID:
            return self._to_memory(request.data, self._identifier)
        if kind not in (READ, WRITE):
            return STATUS_UNSUPPORTED, 0
        if not self._sensible(request):
            return STATUS_ERROR, 0
        if kind == READ:
            count = total(request.data) // SECTOR
            return self._to_memory(request.data, self.disk.read(request.sector, count))
        try:
            data = b"".join(self.board.memory_read(address, length) for address, length in request.data)
        except BusError:
            return STATUS_ERROR, 0
        self.disk.write(request.sector, data)
        return STATUS_OK, 0

    def _to_memory(self, segments: list[Segment], data: bytes) -> tuple[int, int]:
        done = 0
        for address, length in segments:
            part = data[done : done + length]
            try:
                self.board.memory_write(address, part)
            except BusError:
                return STATUS_ERROR, done
            done += len(part)
            if done == len(data):
                break
        return STATUS_OK, done

    def save_device(self) -> bytes:
        """Requests under way by first descriptor (their times are in the event queue), then the disk."""
        parts = [struct.pack("<BIH", _VERSION, self._generation, len(self._under_way))]
        for head, request in sorted(self._under_way.items()):
            parts.append(
                struct.pack(
                    "<HIQQHH",
                    head,
                    request.kind,
                    request.sector,
                    request.status_address,
                    request.descriptors,
                    len(request.data),
                )
            )
            parts.extend(_SEGMENT.pack(*segment) for segment in request.data)
        return b"".join(parts) + self.disk.save()

    def restore_device(self, state: bytes) -> None:
        """As in Device."""
        reader = StateReader(self.name, _VERSION, state)
        generation, count = reader.fields("<IH")
        under_way: dict[int, _Request] = {}
        for _ in range(count):
            head, kind, sector, status_address, descriptors, pieces = reader.fields("<HIQQHH")
            data: list[Segment] = [reader.fields(_SEGMENT.format) for _ in range(pieces)]
            under_way[head] = _Request(kind, sector, data, status_address, descriptors)
        self.disk.restore(reader.rest())
        self._under_way = under_way
        self._descriptors = sum(request.descriptors for request in under_way.values())
        self._generation = generation
