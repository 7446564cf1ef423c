# SPDX-License-Identifier: GPL-2.0-or-later
"""Code that the image itself does not hold: programs that the guest loaded, each in its own address space.

A page of code is known by what it held when it ran: if that is a page of one of the programs, and of one
only, then its instructions are that program's, at that page's virtual addresses.  So neither the guest's page
tables nor its way of loading matter, and a page that one program left to another counts for each as it ran.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emulator.devices import virt_map
from emulator.engine import PAGE_SIZE, PAGE_TOUCHED
from emulator.machine import Machine
from toolchain.image import EXECUTE, Image


@dataclass(frozen=True)
class CodePage:
    """A page of RAM as harts fetched from it.  counts: offset -> how often that instruction retired."""

    physical: int
    content: bytes
    counts: Mapping[int, int]


def executed_pages(machine: Machine) -> list[CodePage]:
    """Every page that ran, once for each content that it had while it did."""
    engine = machine.engine
    pages = [CodePage(page.physical, page.content, page.counts) for page in engine.old_pages()]
    before: dict[int, dict[int, int]] = {}
    for page in pages:
        sums = before.setdefault(page.physical, {})
        for offset, count in page.counts.items():
            sums[offset] = sums.get(offset, 0) + count
    for number, flags in enumerate(engine.page_flags.tobytes()):
        base = virt_map.RAM_BASE + number * PAGE_SIZE
        content = engine.code_content(base) if flags & PAGE_TOUCHED else None
        if content is None:
            continue
        sums = before.get(base, {})
        counts = {
            address - base: count - sums.get(address - base, 0)
            for address, count in engine.counts(base).items()
        }
        counts = {offset: count for offset, count in counts.items() if count}
        if counts:
            pages.append(CodePage(base, content, counts))
    return pages


@dataclass(frozen=True)
class _Piece:
    image: Image
    address: int  # virtual, of the page
    start: int  # of what the segment has in it
    data: bytes


class Programs:
    """Finds the program that a page is of."""

    def __init__(self, images: Sequence[Image]) -> None:
        self._pieces = [
            _Piece(image, page, max(segment.vaddr - page, 0), data)
            for image in images
            for segment in image.segments
            if segment.flags & EXECUTE
            for page in range(segment.vaddr & -PAGE_SIZE, segment.vaddr + len(segment.data), PAGE_SIZE)
            if (data := segment.data[max(page - segment.vaddr, 0) : page + PAGE_SIZE - segment.vaddr])
        ]

    def of(self, page: CodePage) -> tuple[Image, int] | None:
        """(program, virtual address of the page), None where no program or more than one would do."""
        first, last = min(page.counts), max(page.counts)
        found = [
            piece
            for piece in self._pieces
            if piece.start <= first
            and last < piece.start + len(piece.data)
            and page.content[piece.start : piece.start + len(piece.data)] == piece.data
        ]
        return (found[0].image, found[0].address) if len(found) == 1 else None
