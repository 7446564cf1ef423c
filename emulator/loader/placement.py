# SPDX-License-Identifier: GPL-2.0-or-later
"""Pieces of RAM contents at physical addresses, and whether they fit together."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from emulator.errors import ReplugError


@dataclass(frozen=True)
class Ram:
    """The machine's RAM: physical address of the first byte, and size in bytes."""

    base: int
    size: int

    @property
    def end(self) -> int:
        """The first physical address behind it."""
        return self.base + self.size


@dataclass(frozen=True)
class Placement:
    """`data` at physical `address`, then zeros up to `memory_size` bytes; `what` names it in messages.

    RAM is zero to begin with, so writing `data` is all that loading takes.
    """

    what: str
    address: int
    data: bytes = field(repr=False)
    memory_size: int

    @property
    def end(self) -> int:
        """The first physical address behind it."""
        return self.address + self.memory_size

    def __str__(self) -> str:
        return f"{self.what} ({self.address:#x} to {max(self.end - 1, self.address):#x})"


@dataclass(frozen=True)
class Loaded:
    """An image that fits: its entry (physical) and its pieces in the order of addresses."""

    entry: int
    placements: tuple[Placement, ...]


def check_fit(placements: Sequence[Placement], ram: Ram) -> None:
    """ReplugError unless every piece lies inside RAM and no two overlap."""
    for piece in placements:
        if piece.address < ram.base or piece.end > ram.end:
            raise ReplugError(f"{piece} is not inside RAM ({ram.base:#x} to {ram.end - 1:#x})")
    occupied = sorted((piece for piece in placements if piece.memory_size), key=lambda piece: piece.address)
    for piece, following in pairwise(occupied):
        if following.address < piece.end:
            raise ReplugError(f"{piece} and {following} overlap")


def highest_free(
    what: str, length: int, ram: Ram, occupied: Sequence[Placement], alignment: int = 1 << 21
) -> int:
    """The highest aligned physical address with `length` free bytes; ReplugError when there is none.

    Where a device tree goes: far from the image, which may grow behind its end. Only the first 3 GiB of RAM
    count, so that 32-bit guests and firmware reach it.
    """
    end = min(ram.end, ram.base + (3 << 30))
    while True:
        address = (end - length) // alignment * alignment
        if address < ram.base:
            raise ReplugError(f"no room in RAM for {what} ({length} bytes)")
        clash = [piece for piece in occupied if piece.address < address + length and address < piece.end]
        if not clash:
            return address
        end = min(piece.address for piece in clash)
