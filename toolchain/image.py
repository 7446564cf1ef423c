# SPDX-License-Identifier: GPL-2.0-or-later
"""An executable ELF image: what to load, its symbols, source lines and path marks."""

import hashlib
import struct
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from toolchain.dwarf_line import LineRange, read_line_table
from toolchain.elf import PT_LOAD, SHF_COMPRESSED, SHF_EXECINSTR, ElfFile, ProgramHeader
from toolchain.errors import ToolchainError

EXECUTE, WRITE, READ = 1, 2, 4
NOTE_SECTION = ".note.replug"
PATH_BEGIN, PATH_END, PATH_STEP, PATH_IS, PATH_VALUE, PATH_THREAD = range(1, 7)

_KINDS = {0: "label", 1: "object", 2: "function"}
_UNDEFINED, _ABSOLUTE = 0, 0xFFF1


@dataclass(frozen=True)
class Segment:
    """What the loader puts in memory: `data` at the address, then zeros up to memory_size bytes."""

    vaddr: int
    paddr: int
    data: bytes = field(repr=False)
    memory_size: int
    flags: int

    @property
    def end(self) -> int:
        """First virtual address behind it."""
        return self.vaddr + self.memory_size


@dataclass(frozen=True)
class Symbol:
    """A named address: kind is function, object, label (no type given) or absolute (a constant)."""

    name: str
    address: int
    size: int
    kind: str


@dataclass(frozen=True)
class PathMark:
    """A note of the guest on the instruction at `address`: kind is PATH_BEGIN to PATH_THREAD;
    register is the number of an x register; detail is the step, variant or parameter."""

    kind: int
    address: int
    register: int
    name: str
    detail: str


@dataclass(frozen=True)
class Image:
    """A sound ELF image. segments and symbols are sorted by address; sha256 is of the whole file.

    mapping: (address, is code) where code and data change places in executable sections, from the
    mapping symbols `$x` and `$d`.
    """

    path: Path
    entry: int
    bits: int
    segments: tuple[Segment, ...]
    symbols: tuple[Symbol, ...]
    notes: tuple[PathMark, ...]
    sha256: str
    mapping: tuple[tuple[int, bool], ...] = field(repr=False)
    _elf: ElfFile = field(repr=False, compare=False)

    @staticmethod
    def open(path: Path) -> "Image":
        """Read an ELF; raises ToolchainError ("FILE: what and where") for all that is no sound one."""
        try:
            data = path.read_bytes()
        except (OSError, ValueError) as error:
            raise ToolchainError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
        return Image.read(data, path)

    @staticmethod
    def read(data: bytes, path: Path) -> "Image":
        """The same from bytes; `path` only names them in messages."""
        elf = ElfFile(data, str(path))
        loads = [program for program in elf.programs if program.kind == PT_LOAD and program.memory_size]
        if not loads:
            raise elf.error("no segment to load")
        _check_overlaps(elf, loads)
        segments = [
            Segment(
                load.vaddr,
                load.paddr,
                data[load.offset : load.offset + load.file_size],
                load.memory_size,
                load.flags,
            )
            for load in sorted(loads, key=lambda load: load.vaddr)
        ]
        symbols, mapping = _symbols(elf)
        return Image(
            path=path,
            entry=elf.entry,
            bits=elf.bits,
            segments=tuple(segments),
            symbols=symbols,
            notes=_notes(elf),
            sha256=hashlib.sha256(data).hexdigest(),
            mapping=mapping,
            _elf=elf,
        )

    def segment_at(self, address: int) -> Segment | None:
        """The segment that holds a virtual address."""
        index = bisect_right(self.segments, address, key=lambda segment: segment.vaddr) - 1
        return self.segments[index] if index >= 0 and address < self.segments[index].end else None

    def symbol(self, name: str) -> Symbol | None:
        """The symbol of that name (the first by address if there are several)."""
        return self._by_name.get(name)

    def symbol_at(self, address: int) -> tuple[str, int] | None:
        """(name, offset in bytes) of the nearest symbol at or below `address` in the same segment."""
        segment = self.segment_at(address)
        index = bisect_right(self._addresses, address) - 1
        if segment is None or index < 0 or self._addresses[index] < segment.vaddr:
            return None
        return self._names[index], address - self._addresses[index]

    def line_at(self, address: int) -> tuple[str, int] | None:
        """(file, line) of the source of an address, None if unknown; the file as the compiler was told.

        Raises ToolchainError if the debug information is damaged.
        """
        index = bisect_right(self._lines, address, key=lambda entry: entry.start) - 1
        if index < 0 or address >= self._lines[index].end:
            return None
        return self._lines[index].file, self._lines[index].line

    @cached_property
    def _by_name(self) -> dict[str, Symbol]:
        return {symbol.name: symbol for symbol in reversed(self.symbols)}

    @cached_property
    def _placed(self) -> list[tuple[int, str]]:
        """One name an address: functions before objects before labels, then by the alphabet."""
        order = {"function": 0, "object": 1, "label": 2}
        chosen: dict[int, Symbol] = {}
        for symbol in self.symbols:
            other = chosen.get(symbol.address)
            if symbol.kind in order and (other is None or order[symbol.kind] < order[other.kind]):
                chosen[symbol.address] = symbol
        return sorted((address, symbol.name) for address, symbol in chosen.items())

    @cached_property
    def _addresses(self) -> list[int]:
        return [address for address, _ in self._placed]

    @cached_property
    def _names(self) -> list[str]:
        return [name for _, name in self._placed]

    @cached_property
    def _lines(self) -> list[LineRange]:
        contents = []
        for name in (".debug_line", ".debug_line_str", ".debug_str"):
            section = self._elf.section(name)
            usable = section is not None and not section.flags & SHF_COMPRESSED
            contents.append(self._elf.content(section) if section is not None and usable else b"")
        try:
            return read_line_table(*contents)
        except ToolchainError as error:
            raise self._elf.error(str(error)) from None


def _check_overlaps(elf: ElfFile, loads: list[ProgramHeader]) -> None:
    """No two segments may want the same byte, neither of virtual nor of physical memory.

    Linkers that know no physical addresses write 0 for all: that is no overlap.
    """
    spaces = [("virtual", [(load.vaddr, load.memory_size) for load in loads])]
    if any(load.paddr for load in loads):
        spaces.append(("physical", [(load.paddr, load.memory_size) for load in loads]))
    for space, areas in spaces:
        areas.sort()
        for (start, size), (following, _) in pairwise(areas):
            if start + size > following:
                raise elf.error(
                    f"segments overlap: the one at {following:#x} begins inside "
                    f"{start:#x} to {start + size:#x} ({space} addresses)"
                )
    if sum(load.file_size for load in loads) > len(elf.data):
        raise elf.error("segments share bytes of the file")


def _symbols(elf: ElfFile) -> tuple[tuple[Symbol, ...], tuple[tuple[int, bool], ...]]:
    found = []
    mapping = []
    for raw in elf.symbols():
        name = raw.name
        if name.startswith(("$x", "$d")):
            executable = raw.section < len(elf.sections) and elf.sections[raw.section].flags & SHF_EXECINSTR
            if executable:
                mapping.append((raw.value, name[1] == "x"))
            continue
        if raw.section == _UNDEFINED or raw.kind not in _KINDS or name.startswith((".L", "$")):
            continue
        kind = "absolute" if raw.section == _ABSOLUTE else _KINDS[raw.kind]
        found.append((raw.value, not raw.is_global, name, Symbol(name, raw.value, raw.size, kind)))
    found.sort(key=lambda entry: entry[:3])
    return tuple(symbol for *_, symbol in found), tuple(sorted(mapping))


def _notes(elf: ElfFile) -> tuple[PathMark, ...]:
    section = elf.section(NOTE_SECTION)
    if section is None:
        return ()
    data = elf.content(section)
    marks = []
    position = 0
    while position < len(data):
        where = f"{NOTE_SECTION} at offset {position:#x}"
        if len(data) - position < 12:
            raise elf.error(f"{where}: cut short")
        name_size, size, kind = struct.unpack_from("<3I", data, position)
        start = position + 12 + (name_size + 3 & ~3)
        if start + size > len(data):
            raise elf.error(f"{where}: note of {size} bytes ends beyond the section")
        name = data[position + 12 : position + 12 + name_size]
        if name == b"Replug\0":
            marks.append(_mark(elf, where, kind, data[start : start + size]))
        position = start + (size + 3 & ~3)
    return tuple(marks)


def _mark(elf: ElfFile, where: str, kind: int, description: bytes) -> PathMark:
    strings = description[16:].split(b"\0")
    if len(description) < 18 or len(strings) < 3:
        raise elf.error(f"{where}: mark without its two strings")
    address, register, _ = struct.unpack_from("<QII", description)
    if not PATH_BEGIN <= kind <= PATH_THREAD or register > 31:
        raise elf.error(f"{where}: unknown mark (kind {kind}, register {register})")
    try:
        name, detail = strings[0].decode(), strings[1].decode()
    except UnicodeDecodeError:
        raise elf.error(f"{where}: name is not UTF-8") from None
    return PathMark(kind, address, register, name, detail)
