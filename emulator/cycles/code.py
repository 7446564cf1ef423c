# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a run's instructions retired: by function and by source line, declared as a path or not.

The counts are of physical addresses.  Those that the image was loaded to have its symbols and lines; all
other code (programs that the guest loaded itself) is told by its address.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from emulator.devices import virt_map
from emulator.engine import PAGE_SIZE, PAGE_TOUCHED, CallEdge
from emulator.machine import Machine
from toolchain.image import Image, Segment

Line = tuple[str, int]
"""(file, line), the file as the compiler was told."""


@dataclass(frozen=True)
class Place:
    """A function, or a stretch of code without a name.

    address: of its first instruction, virtual in the image, else physical.
    """

    name: str
    address: int


@dataclass(frozen=True)
class FunctionCost:
    """Instructions retired in a function itself, and how often its first instruction was."""

    place: Place
    instructions: int
    executions: int


@dataclass(frozen=True)
class LineCost:
    """Instructions retired of a source line of a function; executions: of that which retired most often.

    line is None where the image does not tell.
    """

    place: Place
    line: Line | None
    instructions: int
    executions: int


@dataclass(frozen=True)
class InstructionCost:
    """An instruction that retired so often; known: it is the image's, and the address is virtual."""

    address: int
    count: int
    known: bool
    place: Place
    line: Line | None


@dataclass(frozen=True)
class _Executed:
    """An instruction that retired: virtual where it is the image's (then `known`), else physical.

    place is None where no symbol gives one.
    """

    address: int
    count: int
    known: bool
    place: Place | None


def _named_by_address(executed: list[_Executed]) -> list[tuple[_Executed, Place]]:
    """A place for each: without a symbol, code is told by its range, one for instructions that follow each
    other in the image, and one for pages that do so elsewhere.
    """
    result: list[tuple[_Executed, Place]] = []
    stretch: list[_Executed] = []

    def end_of_stretch() -> None:
        if stretch:
            kind = "code without a symbol" if stretch[0].known else "other code"
            first, last = stretch[0].address, stretch[-1].address
            place = Place(f"{kind} {first:#x} to {last:#x}", first)
            result.extend((each, place) for each in stretch)
            stretch.clear()

    for each in executed:
        if stretch and (each.place is not None or not _goes_on(stretch[-1], each)):
            end_of_stretch()
        if each.place is None:
            stretch.append(each)
        else:
            result.append((each, each.place))
    end_of_stretch()
    return result


def _goes_on(last: _Executed, following: _Executed) -> bool:
    if last.known != following.known:
        return False
    if last.known:  # an instruction has up to 4 bytes; how many, the code itself may no longer tell
        return following.address - last.address <= 4
    return following.address // PAGE_SIZE - last.address // PAGE_SIZE <= 1


def executed_instructions(machine: Machine) -> dict[int, int]:
    """How often each instruction has retired so far, over all harts, by its physical address; sorted."""
    counts: dict[int, int] = {}
    for page, flags in enumerate(machine.engine.page_flags.tobytes()):
        if flags & PAGE_TOUCHED:
            counts |= machine.engine.counts(virt_map.RAM_BASE + page * PAGE_SIZE)
    return counts


class CodeCosts:
    """What the code of a run cost.  counts: physical address -> instructions retired there."""

    def __init__(
        self, run: str, image: Image, counts: Mapping[int, int], calls: Sequence[CallEdge] = ()
    ) -> None:
        self.run = run
        self.image = image
        self.calls = calls
        self._counts = counts
        has_physical = any(segment.paddr for segment in image.segments)
        self._segments = sorted(
            ((segment.paddr if has_physical else segment.vaddr, segment) for segment in image.segments),
            key=lambda entry: entry[0],
        )
        self._sized = sorted(
            (symbol.address, symbol.address + symbol.size, symbol.name)
            for symbol in image.symbols
            if symbol.kind == "function" and symbol.size
        )

    @property
    def instructions(self) -> int:
        """Retired in all."""
        return sum(self._counts.values())

    @property
    def has_symbols(self) -> bool:
        return any(symbol.kind != "absolute" for symbol in self.image.symbols)

    def functions(self) -> list[FunctionCost]:
        """All that ran, the most expensive first."""
        sums: dict[Place, int] = {}
        first: dict[Place, int] = {}
        for executed, place in self._executed:
            sums[place] = sums.get(place, 0) + executed.count
            if executed.address == place.address:
                first[place] = executed.count
        costs = [FunctionCost(place, count, first.get(place, 0)) for place, count in sums.items()]
        return sorted(costs, key=lambda cost: (-cost.instructions, cost.place.address))

    def lines(self) -> list[LineCost]:
        """The same by source line.  Raises ToolchainError if the debug information is damaged."""
        sums: dict[tuple[Place, Line | None], tuple[int, int]] = {}
        for executed, place in self._executed:
            line = self.image.line_at(executed.address) if executed.known else None
            count, most = sums.get((place, line), (0, 0))
            sums[place, line] = (count + executed.count, max(most, executed.count))
        costs = [LineCost(place, line, *figures) for (place, line), figures in sums.items()]
        return sorted(costs, key=lambda cost: (-cost.instructions, cost.place.address, cost.line or ("", 0)))

    def executed(self) -> Iterator[InstructionCost]:
        """Every instruction that retired, by physical address.  Raises ToolchainError as lines() does."""
        for each, place in self._executed:
            line = self.image.line_at(each.address) if each.known else None
            yield InstructionCost(each.address, each.count, each.known, place, line)

    def place_of(self, physical: int) -> tuple[Place, Line | None] | None:
        """Function and line of an instruction, given the physical address of some byte of it: of one that
        retired, or of one behind it that trapped.
        """
        index = bisect_right(self._physicals, physical) - 1
        if index < 0 or physical - self._physicals[index] >= 8:
            return None
        executed, place = self._executed[index]
        address = executed.address + physical - self._physicals[index]
        return place, self.image.line_at(address) if executed.known else None

    def is_known(self, place: Place) -> bool:
        """Is it of the image, so that its address is a virtual one of it?"""
        return place in self._known_places

    @cached_property
    def _known_places(self) -> set[Place]:
        return {place for executed, place in self._executed if executed.known}

    @cached_property
    def _physicals(self) -> list[int]:
        return sorted(self._counts)

    @cached_property
    def _executed(self) -> list[tuple[_Executed, Place]]:
        found = []
        for physical, count in sorted(self._counts.items()):
            segment = self._segment(physical)
            address = physical if segment is None else physical - segment[0] + segment[1].vaddr
            place = None if segment is None else self._named(address)
            found.append(_Executed(address, count, segment is not None, place))
        return _named_by_address(found)

    def _segment(self, physical: int) -> tuple[int, Segment] | None:
        index = bisect_right(self._segments, physical, key=lambda entry: entry[0]) - 1
        if index < 0 or physical >= self._segments[index][0] + self._segments[index][1].memory_size:
            return None
        return self._segments[index]

    def _named(self, address: int) -> Place | None:
        """The function that an address of the image lies in: labels inside it are none of their own."""
        index = bisect_right(self._sized, address, key=lambda entry: entry[0]) - 1
        if index >= 0 and address < self._sized[index][1]:
            return Place(self._sized[index][2], self._sized[index][0])
        nearest = self.image.symbol_at(address)
        return None if nearest is None else Place(nearest[0], address - nearest[1])
