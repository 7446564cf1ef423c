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

from emulator.cycles.programs import CodePage, Programs
from emulator.devices import virt_map
from emulator.engine import PAGE_SIZE, PAGE_TOUCHED, CallEdge
from emulator.generated import GeneratedCode
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
    """An instruction that retired so often.  image: whose it is, and then the address is virtual."""

    address: int
    count: int
    image: Image | None
    place: Place
    line: Line | None


@dataclass(frozen=True)
class _Executed:
    """An instruction that retired.  image: whose it is, and then the address is virtual, else physical.

    place is None where no symbol gives one.
    """

    physical: int
    address: int
    count: int
    image: Image | None
    place: Place | None

    @property
    def known(self) -> bool:
        return self.image is not None

    def line(self, ahead: int = 0) -> Line | None:
        """Its source line, or that of so many bytes behind it."""
        return None if self.image is None else self.image.line_at(self.address + ahead)


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
    if last.image is not following.image:
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


class _Functions:
    """Names of the functions of an image."""

    def __init__(self, image: Image, prefix: str = "") -> None:
        self._image = image
        self._prefix = prefix
        self._sized = sorted(
            (symbol.address, symbol.address + symbol.size, symbol.name)
            for symbol in image.symbols
            if symbol.kind == "function" and symbol.size
        )

    def at(self, address: int) -> Place | None:
        """The function that an address of the image lies in: labels inside it are none of their own."""
        index = bisect_right(self._sized, address, key=lambda entry: entry[0]) - 1
        if index >= 0 and address < self._sized[index][1]:
            return Place(self._prefix + self._sized[index][2], self._sized[index][0])
        nearest = self._image.symbol_at(address)
        return None if nearest is None else Place(self._prefix + nearest[0], address - nearest[1])


class CodeCosts:
    """What the code of a run cost.  counts: physical address -> instructions retired there.

    programs: what the guest may have loaded, of which the pages (see programs.py) are then told by function
    and line as well, as "NAME: FUNCTION".  generated: code that the guest has made, told by its name and the
    lines of its template.
    """

    def __init__(
        self,
        run: str,
        image: Image,
        counts: Mapping[int, int],
        calls: Sequence[CallEdge] = (),
        programs: Sequence[Image] = (),
        pages: Sequence[CodePage] = (),
        generated: Sequence[GeneratedCode] = (),
    ) -> None:
        self.run = run
        self.image = image
        self.calls = calls
        self._counts = counts
        self._programs = programs
        self._pages = pages
        self._generated = sorted(generated, key=lambda code: code.physical)
        has_physical = any(segment.paddr for segment in image.segments)
        self._segments = sorted(
            ((segment.paddr if has_physical else segment.vaddr, segment) for segment in image.segments),
            key=lambda entry: entry[0],
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
                first[place] = first.get(place, 0) + executed.count
        costs = [FunctionCost(place, count, first.get(place, 0)) for place, count in sums.items()]
        return sorted(costs, key=lambda cost: (-cost.instructions, cost.place.address))

    def lines(self) -> list[LineCost]:
        """The same by source line.  Raises ToolchainError if the debug information is damaged."""
        sums: dict[tuple[Place, Line | None], tuple[int, int]] = {}
        for executed, place in self._executed:
            line = executed.line()
            count, most = sums.get((place, line), (0, 0))
            sums[place, line] = (count + executed.count, max(most, executed.count))
        costs = [LineCost(place, line, *figures) for (place, line), figures in sums.items()]
        return sorted(costs, key=lambda cost: (-cost.instructions, cost.place.address, cost.line or ("", 0)))

    def executed(self) -> Iterator[InstructionCost]:
        """Every instruction that retired, by physical address.  Raises ToolchainError as lines() does."""
        for each, place in self._executed:
            yield InstructionCost(each.address, each.count, each.image, place, each.line())

    def place_of(self, physical: int) -> tuple[Place, Line | None] | None:
        """Function and line of an instruction, given the physical address of some byte of it: of one that
        retired, or of one behind it that trapped.
        """
        index = bisect_right(self._physicals, physical) - 1
        if index < 0 or physical - self._physicals[index] >= 8:
            return None
        executed, place = self._executed[index]
        if index and self._physicals[index - 1] == self._physicals[index]:
            return None  # two programs have run there, one after the other
        return place, executed.line(physical - self._physicals[index])

    def first_line(self, place: Place) -> Line | None:
        """Of a function's first instruction."""
        image = self._images.get(place)
        return None if image is None else image.line_at(place.address)

    @cached_property
    def _images(self) -> dict[Place, Image]:
        return {place: executed.image for executed, place in self._executed if executed.image is not None}

    @cached_property
    def _physicals(self) -> list[int]:
        return [executed.physical for executed, _ in self._executed]

    @cached_property
    def _executed(self) -> list[tuple[_Executed, Place]]:
        """By physical address."""
        found = []
        names = _Functions(self.image)
        others: dict[int, int] = {}
        for physical, count in sorted(self._counts.items()):
            generated = self._of_generated(physical, count)
            if generated is not None:
                found.append(generated)
                continue
            segment = self._segment(physical)
            if segment is None:
                others[physical] = count
                continue
            address = physical - segment[0] + segment[1].vaddr
            found.append(_Executed(physical, address, count, self.image, names.at(address)))
        of_programs = list(self._of_programs(others))
        found += [
            _Executed(physical, physical, count, None, None) for physical, count in others.items() if count
        ]
        named = [*_named_by_address(sorted(found, key=lambda each: each.physical)), *of_programs]
        return sorted(named, key=lambda entry: entry[0].physical)

    def _of_generated(self, physical: int, count: int) -> _Executed | None:
        index = bisect_right(self._generated, physical, key=lambda code: code.physical) - 1
        if index < 0 or physical >= self._generated[index].physical + self._generated[index].length:
            return None
        code = self._generated[index]
        if code.template is None:
            return _Executed(physical, physical, count, None, Place(code.label, code.physical))
        address = code.template + physical - code.physical
        return _Executed(physical, address, count, self.image, Place(code.label, code.template))

    def _of_programs(self, others: dict[int, int]) -> Iterator[tuple[_Executed, Place]]:
        """What ran of the programs' pages; it is taken out of `others`."""
        programs = Programs(self._programs)
        names = {image.path: _Functions(image, f"{image.path.stem}: ") for image in self._programs}
        for page in self._pages:
            counts = {
                offset: count for offset, count in page.counts.items() if page.physical + offset in others
            }
            found = programs.of(CodePage(page.physical, page.content, counts)) if counts else None
            if found is None:
                continue
            image, base = found
            for offset, count in counts.items():
                physical, address = page.physical + offset, base + offset
                others[physical] -= count
                place = names[image.path].at(address) or Place(f"{image.path.stem}: no symbol", base)
                yield _Executed(physical, address, count, image, place), place

    def _segment(self, physical: int) -> tuple[int, Segment] | None:
        index = bisect_right(self._segments, physical, key=lambda entry: entry[0]) - 1
        if index < 0 or physical >= self._segments[index][0] + self._segments[index][1].memory_size:
            return None
        return self._segments[index]
