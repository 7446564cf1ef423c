# SPDX-License-Identifier: GPL-2.0-or-later
"""What a device is, and what the machine offers to it."""

import struct
from typing import Any, Protocol

from emulator.errors import ReplugError


class BusError(Exception):
    """Nothing answers at this address, or not in this width: an access fault for a hart."""


class Board(Protocol):
    """What the machine offers to a device."""

    def now(self) -> int:
        """Virtual time in ns (1 ns = one instruction of time)."""

    def schedule(self, device: "Device", delay: int, what: int) -> None:
        """Call `device.event(what)` after `delay` virtual ns; equal times keep the order of scheduling."""

    def set_interrupt(self, irq: int, level: bool) -> None:
        """Drive the wire to the interrupt controller; high while high is a new request (see plic.py)."""

    def memory_read(self, address: int, length: int) -> bytes:
        """Bytes of guest RAM by physical address; BusError when any of them is outside RAM.

        Any address and length may come from a guest, also ones whose sum is beyond 64 bits.
        """

    def memory_write(self, address: int, data: bytes) -> None:
        """Write guest RAM by physical address; BusError, and nothing written, when any byte is outside."""


class Device:
    """A device with registers at physical addresses `base` to `base + size - 1`.

    Everything a device does follows from its register accesses, its events and its declared inputs, so
    that a run repeats exactly. `save` gives a canonical state: two devices that behave alike from here on
    give the same bytes. `restore` changes the device only; it never calls the board.
    """

    name: str
    base: int
    size: int
    board: Board

    def attach(self, board: Board) -> None:
        """Called once, before anything else, by the machine that the device becomes part of."""
        self.board = board

    def read(self, offset: int, width: int) -> int:
        """Load of `width` (1, 2, 4, 8) bytes at `base + offset`; BusError where it does not answer."""
        raise BusError

    def write(self, offset: int, width: int, value: int) -> None:
        """Store of `width` (1, 2, 4, 8) bytes at `base + offset`; BusError where it does not answer."""
        raise BusError

    def event(self, what: int) -> None:
        """The time that was asked for with `Board.schedule` has come."""

    def save(self) -> bytes:
        """The state that future behaviour depends on: versioned, canonical."""
        return b""

    def restore(self, state: bytes) -> None:
        """Go back to what `save` gave; ReplugError when the bytes do not fit this device."""
        if state:
            raise bad_state(self.name)


def bad_state(name: str) -> ReplugError:
    """The error for saved bytes that do not fit the device called `name`."""
    return ReplugError(f"snapshot: the state of {name} is damaged, of another version or of another machine")


class StateReader:
    """Reads saved bytes in order; any misfit is one ReplugError that names the device."""

    def __init__(self, name: str, version: int, state: bytes) -> None:
        self._name = name
        self._state = state
        self._position = 0
        if self.fields("<B")[0] != version:
            raise self.misfit()

    def misfit(self) -> ReplugError:
        """The error to raise for values that cannot be."""
        return bad_state(self._name)

    def fields(self, layout: str) -> tuple[Any, ...]:
        """The next values in `struct` layout."""
        try:
            values = struct.unpack_from(layout, self._state, self._position)
        except struct.error:
            raise self.misfit() from None
        self._position += struct.calcsize(layout)
        return values

    def blob(self) -> bytes:
        """The next run of bytes, as `blob` wrote it."""
        (length,) = self.fields("<Q")
        data = self._state[self._position : self._position + length]
        if len(data) != length:
            raise self.misfit()
        self._position += length
        return data

    def rest(self) -> bytes:
        """All that is left."""
        data = self._state[self._position :]
        self._position = len(self._state)
        return data

    @property
    def at_end(self) -> bool:
        return self._position == len(self._state)

    def finish(self) -> None:
        """Nothing may be left."""
        if not self.at_end:
            raise self.misfit()


def blob(data: bytes) -> bytes:
    """Bytes with their length before them, for `StateReader.blob`."""
    return struct.pack("<Q", len(data)) + data
