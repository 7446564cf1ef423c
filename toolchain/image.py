# SPDX-License-Identifier: GPL-2.0-or-later
"""An executable image: what to load, and of an ELF also symbols, source lines and path marks."""

from __future__ import annotations

import hashlib
import struct
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain.errors import ToolchainError

if TYPE_CHECKING:
    # Imported for files that are ELFs: pyelftools takes longer to load than many a flat image to boot.
    from toolchain.dwarf_line import LineTable
    from toolchain.dwarf_unwind import UnwindRow, UnwindTable
    from toolchain.dwarf_variables import VariableTable
    from toolchain.elf import ElfFile

EXECUTE, WRITE, READ = 1, 2, 4
NOTE_SECTION = ".note.replug"
PATH_BEGIN, PATH_END, PATH_STEP, PATH_IS, PATH_VALUE, PATH_THREAD = range(1, 7)
CODE_GENERATED, CODE_VALUE = 7, 8

_EXECUTABLE_SECTION = 4  # SHF_EXECINSTR
_KINDS = {"STT_NOTYPE": "label", "STT_OBJECT": "object", "STT_FUNC": "function"}


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
    """A note of the guest on the instruction at `address`: kind is PATH_BEGIN to CODE_VALUE;
    register is the number of an x register; detail is the step, variant or parameter."""

    kind: int
    address: int
    register: int
    name: str
    detail: str


@dataclass(frozen=True)
class Image:
    """A sound ELF image, or the bytes of a flat file. segments and symbols are sorted by address; sha256 is
    of the whole file.

    bits: 32 or 64, 0 for a flat file that nothing has been said about yet. mapping: (address, is code) where
    code and data change places in executable sections, from the mapping symbols `$x` and `$d`. notes: of
    paths; code_notes: of code that the guest generates.
    """

    path: Path
    entry: int
    bits: int
    segments: tuple[Segment, ...]
    symbols: tuple[Symbol, ...]
    notes: tuple[PathMark, ...]
    sha256: str
    mapping: tuple[tuple[int, bool], ...] = field(repr=False)
    _elf: ElfFile | None = field(repr=False, compare=False)
    code_notes: tuple[PathMark, ...] = ()

    @staticmethod
    def open(path: Path) -> Image:
        """Read an ELF; raises ToolchainError ("FILE: what and where") for all that is no sound one."""
        try:
            data = path.read_bytes()
        except (OSError, ValueError) as error:
            raise ToolchainError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
        return Image.read(data, path)

    @staticmethod
    def read(data: bytes, path: Path) -> Image:
        """The same from bytes; `path` only names them in messages."""
        from toolchain.elf import ElfFile  # noqa: PLC0415

        elf = ElfFile(data, str(path))
        if not elf.loads:
            raise elf.error("no segment to load")
        _check_overlaps(elf)
        segments = [
            Segment(
                load.p_vaddr,
                load.p_paddr,
                data[load.p_offset : load.p_offset + load.p_filesz],
                load.p_memsz,
                load.p_flags,
            )
            for load in sorted(elf.loads, key=lambda load: load.p_vaddr)
        ]
        symbols, mapping = _symbols(elf)
        notes = _notes(elf)
        return Image(
            path=path,
            entry=elf.entry,
            bits=elf.bits,
            segments=tuple(segments),
            symbols=symbols,
            notes=tuple(note for note in notes if note.kind <= PATH_THREAD),
            sha256=hashlib.sha256(data).hexdigest(),
            mapping=mapping,
            _elf=elf,
            code_notes=tuple(note for note in notes if note.kind > PATH_THREAD),
        )

    @staticmethod
    def flat(data: bytes, path: Path, sha256: str | None = None) -> Image:
        """Bytes that name no address: one segment, at 0 until `placed`.

        sha256: of the file, where `data` is only what was packed in it.
        """
        return Image(
            path=path,
            entry=0,
            bits=0,
            segments=(Segment(0, 0, data, len(data), EXECUTE | WRITE | READ),),
            symbols=(),
            notes=(),
            sha256=sha256 or hashlib.sha256(data).hexdigest(),
            mapping=(),
            _elf=None,
        )

    @property
    def is_flat(self) -> bool:
        """Whether it is no ELF: it goes wherever somebody says."""
        return self._elf is None

    def placed(self, address: int, bits: int, memory_size: int = 0) -> Image:
        """A flat image at that address, which is its entry too, with zeros up to memory_size bytes."""
        data = self.segments[0].data
        segment = Segment(address, address, data, max(len(data), memory_size), EXECUTE | WRITE | READ)
        return replace(self, entry=address, bits=bits, segments=(segment,))

    def segment_at(self, address: int) -> Segment | None:
        """The segment that holds a virtual address."""
        index = bisect_right(self.segments, address, key=lambda segment: segment.vaddr) - 1
        return self.segments[index] if index >= 0 and address < self.segments[index].end else None

    def physical(self, address: int) -> int:
        """Where in RAM the instruction at a virtual address of the image is put."""
        segment = self.segment_at(address)
        if segment is None:
            return address
        physical = any(piece.paddr for piece in self.segments)
        return address - segment.vaddr + (segment.paddr if physical else segment.vaddr)

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

    def function_at(self, address: int) -> tuple[int, int] | None:
        """(start, bytes) of the function that holds an address: by a symbol with a size, else from the
        nearest one on, of 0 bytes: nobody knows how many."""
        index = bisect_right(self._functions, address, key=lambda symbol: symbol.address) - 1
        if index >= 0 and address < self._functions[index].address + self._functions[index].size:
            return self._functions[index].address, self._functions[index].size
        found = self.symbol_at(address)
        return None if found is None else (address - found[1], 0)

    def line_at(self, address: int) -> tuple[str, int] | None:
        """(file, line) of the source of an address, None if unknown; the file as the compiler was told.

        Raises ToolchainError if the debug information is damaged, or its line table larger than 4 MiB.
        """
        if self._elf is None:
            return None
        with self._elf.reading("section .debug_line"):
            return self._lines.at(address)

    def lines(self) -> list[tuple[int, str, int]]:
        """(address, file, line) of every row of the line table, by address; ToolchainError as `line_at`."""
        if self._elf is None:
            return []
        with self._elf.reading("section .debug_line"):
            return list(self._lines.rows())

    def unwind_at(self, address: int) -> UnwindRow | None:
        """Where a function, at one of its instructions, keeps what its caller needs; None if nobody says.

        Raises ToolchainError if the call frame information is damaged, or larger than 4 MiB.
        """
        if self._elf is None:
            return None
        with self._elf.reading("section .debug_frame or .eh_frame"):
            return self._unwind.at(address)

    @property
    def variables(self) -> VariableTable | None:
        """The variables of C programs, by what is left of the debug information; None for a flat file.

        Raises ToolchainError if that is larger than 4 MiB; what is asked of the table, and of its types, may
        raise whatever the library raises for damage.
        """
        if self._elf is None:
            return None
        with self._elf.reading("section .debug_info"):
            return self._variables

    @cached_property
    def _variables(self) -> VariableTable:
        from toolchain.dwarf_variables import VariableTable  # noqa: PLC0415

        assert self._elf is not None  # asked for where there is an ELF only
        return VariableTable(self._elf.content, self.bits)

    @cached_property
    def _unwind(self) -> UnwindTable:
        from toolchain.dwarf_unwind import UnwindTable  # noqa: PLC0415

        assert self._elf is not None  # asked for where there is an ELF only
        section = self._elf.section(".eh_frame")
        at = int(section["sh_addr"]) if section is not None else 0
        return UnwindTable(self._elf.content(".debug_frame"), self._elf.content(".eh_frame"), at, self.bits)

    @cached_property
    def _by_name(self) -> dict[str, Symbol]:
        return {symbol.name: symbol for symbol in reversed(self.symbols)}

    @cached_property
    def _functions(self) -> list[Symbol]:
        return [symbol for symbol in self.symbols if symbol.kind == "function" and symbol.size]

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
    def _lines(self) -> LineTable:
        from toolchain.dwarf_line import LineTable  # noqa: PLC0415

        assert self._elf is not None  # asked for where there is an ELF only
        content = self._elf.content
        return LineTable(content(".debug_line"), content(".debug_line_str"), content(".debug_str"), self.bits)


def _check_overlaps(elf: ElfFile) -> None:
    """No two segments may want the same byte, neither of virtual nor of physical memory.

    Linkers that know no physical addresses write 0 for all: that is no overlap.
    """
    spaces = {"virtual": [(load.p_vaddr, load.p_memsz) for load in elf.loads]}
    if any(load.p_paddr for load in elf.loads):
        spaces["physical"] = [(load.p_paddr, load.p_memsz) for load in elf.loads]
    for space, areas in spaces.items():
        areas.sort()
        for (start, size), (following, _) in pairwise(areas):
            if start + size > following:
                raise elf.error(
                    f"segments overlap: the one at {following:#x} begins inside "
                    f"{start:#x} to {start + size:#x} ({space} addresses)"
                )
    if sum(load.p_filesz for load in elf.loads) > len(elf.data):
        raise elf.error("segments share bytes of the file")


def _symbols(elf: ElfFile) -> tuple[tuple[Symbol, ...], tuple[tuple[int, bool], ...]]:
    found = []
    mapping = []
    executable = [bool(section["sh_flags"] & _EXECUTABLE_SECTION) for section in elf.sections]
    for raw in elf.symbols():
        name, value, section = raw.name, raw["st_value"], raw["st_shndx"]
        kind = _KINDS.get(raw["st_info"]["type"])
        if name.startswith(("$x", "$d")):
            if isinstance(section, int) and section < len(executable) and executable[section]:
                mapping.append((value, name[1] == "x"))
        elif kind is not None and section != "SHN_UNDEF" and not name.startswith((".L", "$")):
            kind = "absolute" if section == "SHN_ABS" else kind
            is_local = raw["st_info"]["bind"] == "STB_LOCAL"
            found.append((value, is_local, name, Symbol(name, value, raw["st_size"], kind)))
    found.sort(key=lambda entry: entry[:3])
    return tuple(symbol for *_, symbol in found), tuple(sorted(mapping))


def _notes(elf: ElfFile) -> tuple[PathMark, ...]:
    return tuple(
        _mark(elf, f"{NOTE_SECTION} at offset {place:#x}", kind, description)
        for place, name, kind, description in elf.notes(NOTE_SECTION)
        if name == "Replug"
    )


def _mark(elf: ElfFile, where: str, kind: int, description: bytes) -> PathMark:
    strings = description[16:].split(b"\0")
    if len(description) < 18 or len(strings) < 3:
        raise elf.error(f"{where}: mark without its two strings")
    address, register, _ = struct.unpack_from("<QII", description)
    if not PATH_BEGIN <= kind <= CODE_VALUE or register > 31:
        raise elf.error(f"{where}: unknown mark (kind {kind}, register {register})")
    try:
        name, detail = strings[0].decode(), strings[1].decode()
    except UnicodeDecodeError:
        raise elf.error(f"{where}: name is not UTF-8") from None
    return PathMark(kind, address, register, name, detail)
