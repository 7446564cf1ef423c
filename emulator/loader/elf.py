# SPDX-License-Identifier: GPL-2.0-or-later
"""Where an ELF's segments go in RAM, and where its execution begins."""

from pathlib import Path

from emulator.errors import ReplugError
from emulator.loader.placement import Loaded, Placement, Ram, check_fit
from toolchain.errors import ToolchainError
from toolchain.image import Image


def open_image(path: Path) -> Image:
    """Read an ELF; ReplugError, one line, when it is none or a damaged one."""
    try:
        return Image.open(path)
    except ToolchainError as error:
        raise ReplugError(str(error).splitlines()[0]) from None


def place_elf(image: Image, ram: Ram, bits: int = 64) -> Loaded:
    """Segments at their physical addresses, for a machine with registers of `bits` (32 or 64) bits.

    An entry that is a virtual address is translated by the segment that holds it. ReplugError when the
    class is wrong, a segment is not inside RAM, two overlap, or the entry is in none.
    """
    if image.bits != bits:
        raise ReplugError(f"{image.path}: a {image.bits}-bit image for a {bits}-bit machine")
    # Linkers that know no physical addresses write 0 for all: then the virtual ones count.
    physical = any(segment.paddr for segment in image.segments)
    addresses = [segment.paddr if physical else segment.vaddr for segment in image.segments]
    placements = [
        Placement(f"{image.path}: the segment", address, segment.data, segment.memory_size)
        for segment, address in zip(image.segments, addresses, strict=True)
    ]
    placements.sort(key=lambda piece: piece.address)
    check_fit(placements, ram)
    for segment, address in zip(image.segments, addresses, strict=True):
        if segment.vaddr <= image.entry < segment.end:
            return Loaded(image.entry - segment.vaddr + address, tuple(placements))
    raise ReplugError(f"{image.path}: the entry {image.entry:#x} is in no segment")
