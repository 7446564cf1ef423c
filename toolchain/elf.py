# SPDX-License-Identifier: GPL-2.0-or-later
"""The tables of an ELF file, each number checked before it is used.

Written for files that nobody vouches for: every table, string and section lies within the file or
ToolchainError says which does not. Little-endian RISC-V executables of 32 or 64 bits.
"""

import struct
from dataclasses import dataclass

from toolchain.errors import ToolchainError

PT_LOAD = 1
SHT_SYMTAB, SHT_NOBITS = 2, 8
SHF_EXECINSTR, SHF_COMPRESSED = 4, 0x800
_TYPES = {1: "a relocatable object", 4: "a core dump"}
_MACHINE_RISCV = 243
_PROGRAM_HEADERS_LIMIT = 1024

_HEADER = {32: struct.Struct("<HHIIIIIHHHHHH"), 64: struct.Struct("<HHIQQQIHHHHHH")}
_PROGRAM = {32: struct.Struct("<8I"), 64: struct.Struct("<2I6Q")}
_SECTION = {32: struct.Struct("<10I"), 64: struct.Struct("<2I4Q2I2Q")}
_SYMBOL = {32: struct.Struct("<3I2BH"), 64: struct.Struct("<I2BH2Q")}


@dataclass(frozen=True)
class ProgramHeader:
    """One segment: kind (PT_LOAD, ...), flags (4 read, 2 write, 1 execute), sizes in bytes."""

    kind: int
    flags: int
    offset: int
    vaddr: int
    paddr: int
    file_size: int
    memory_size: int


@dataclass(frozen=True)
class Section:
    """One section; `link` is the index of the one it refers to."""

    name: str
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    entry_size: int


@dataclass(frozen=True)
class RawSymbol:
    """One entry of a symbol table; section 0 is undefined, 0xfff1 absolute."""

    name: str
    value: int
    size: int
    kind: int
    is_global: bool
    section: int


class ElfFile:
    """Header, program headers and sections of an ELF file held in memory."""

    def __init__(self, data: bytes, name: str) -> None:
        self.data = data
        self.name = name
        if data[:4] != b"\x7fELF":
            raise self.error("not an ELF file (bad magic number)")
        if len(data) < 20:
            raise self.error(f"cut short: {len(data)} bytes are too few for an ELF header")
        if data[4] not in (1, 2):
            raise self.error(f"ELF class {data[4]} is neither 32 nor 64 bits")
        if data[5] != 1:
            raise self.error("not little-endian")
        if data[6] != 1:
            raise self.error(f"ELF version {data[6]} is not known")
        self.bits = 32 if data[4] == 1 else 64
        layout = _HEADER[self.bits]
        if len(data) < 16 + layout.size:
            raise self.error(f"cut short: {len(data)} bytes are too few for an ELF header")
        fields = layout.unpack_from(data, 16)
        self.kind, machine, version, self.entry, program_offset, section_offset = fields[:6]
        program_size, program_count, section_size, section_count, names_index = fields[8:13]
        if machine != _MACHINE_RISCV:
            raise self.error(f"machine {machine} is not RISC-V ({_MACHINE_RISCV})")
        if version != 1:
            raise self.error(f"ELF version {version} is not known")
        if self.kind not in (2, 3):
            raise self.error(f"not an executable but {_TYPES.get(self.kind, f'type {self.kind}')}")
        self.programs = self._programs(program_offset, program_size, program_count)
        self.sections = self._sections(section_offset, section_size, section_count, names_index)

    def error(self, message: str) -> ToolchainError:
        return ToolchainError(f"{self.name}: {message}")

    def _table(
        self, what: str, offset: int, entry: int, count: int, layout: struct.Struct
    ) -> list[tuple[int, ...]]:
        if not count:
            return []
        if entry != layout.size:
            raise self.error(f"{what}s of {entry} bytes instead of {layout.size}")
        if offset + count * entry > len(self.data):
            raise self.error(
                f"{count} {what}s at offset {offset:#x} end beyond the file "
                f"({len(self.data)} bytes): cut short?"
            )
        return list(layout.iter_unpack(self.data[offset : offset + count * entry]))

    def _programs(self, offset: int, size: int, count: int) -> list[ProgramHeader]:
        if count > _PROGRAM_HEADERS_LIMIT:
            raise self.error(f"{count} program headers are more than {_PROGRAM_HEADERS_LIMIT}")
        found = []
        for index, raw in enumerate(self._table("program header", offset, size, count, _PROGRAM[self.bits])):
            if self.bits == 64:
                kind, flags, start, vaddr, paddr, file_size, memory_size, _ = raw
            else:
                kind, start, vaddr, paddr, file_size, memory_size, flags, _ = raw
            program = ProgramHeader(kind, flags, start, vaddr, paddr, file_size, memory_size)
            if kind == PT_LOAD:
                self._check_load(index, program)
            found.append(program)
        return found

    def _check_load(self, index: int, program: ProgramHeader) -> None:
        where = f"segment {index}"
        end = program.offset + program.file_size
        if end > len(self.data):
            raise self.error(
                f"{where}: bytes {program.offset:#x} to {end:#x} lie beyond the file "
                f"({len(self.data)} bytes): cut short?"
            )
        if program.file_size > program.memory_size:
            raise self.error(
                f"{where}: {program.file_size} bytes in the file, but only {program.memory_size} in memory"
            )
        if max(program.vaddr, program.paddr) + program.memory_size > 1 << self.bits:
            raise self.error(
                f"{where}: {program.memory_size:#x} bytes at {program.vaddr:#x} "
                "pass the end of the address space"
            )

    def _sections(self, offset: int, size: int, count: int, names_index: int) -> list[Section]:
        rows = self._table("section header", offset, size, count, _SECTION[self.bits])
        for index, (_, kind, _, _, start, length, *_) in enumerate(rows):
            if kind not in (0, SHT_NOBITS) and start + length > len(self.data):
                raise self.error(
                    f"section {index}: bytes {start:#x} to {start + length:#x} lie beyond the file "
                    f"({len(self.data)} bytes): cut short?"
                )
        if not rows or not names_index:
            names = b""
        elif names_index >= len(rows):
            raise self.error(f"section {names_index}, said to hold the section names, does not exist")
        else:
            names = self.data[rows[names_index][4] : rows[names_index][4] + rows[names_index][5]]
        found = []
        for index, (name, kind, flags, address, start, length, link, _, _, entry) in enumerate(rows):
            text = self._string(names, name, f"name of section {index}") if name else ""
            found.append(Section(text, kind, flags, address, start, length, link, entry))
        return found

    def _string(self, table: bytes, offset: int, what: str) -> str:
        end = table.find(b"\0", offset)
        if offset >= len(table) or end < 0:
            raise self.error(f"{what}: offset {offset:#x} is outside its string table ({len(table)} bytes)")
        try:
            return table[offset:end].decode()
        except UnicodeDecodeError:
            raise self.error(f"{what}: not UTF-8 at offset {offset:#x} of its string table") from None

    def content(self, section: Section) -> bytes:
        return (
            b"" if section.kind == SHT_NOBITS else self.data[section.offset : section.offset + section.size]
        )

    def section(self, name: str) -> Section | None:
        return next((section for section in self.sections if section.name == name), None)

    def symbols(self) -> list[RawSymbol]:
        """Entries of all symbol tables (the dynamic one apart), except the empty first ones."""
        found = []
        for section in self.sections:
            if section.kind != SHT_SYMTAB:
                continue
            layout = _SYMBOL[self.bits]
            if section.size % layout.size or section.entry_size != layout.size:
                raise self.error(
                    f"section {section.name}: not a whole number of symbols of {layout.size} bytes"
                )
            if section.link >= len(self.sections):
                raise self.error(f"section {section.name}: its string table {section.link} does not exist")
            strings = self.content(self.sections[section.link])
            for index, raw in enumerate(layout.iter_unpack(self.content(section))):
                if self.bits == 64:
                    name, info, _, number, value, size = raw
                else:
                    name, value, size, info, _, number = raw
                if index and name:
                    text = self._string(strings, name, f"name of symbol {index}")
                    found.append(RawSymbol(text, value, size, info & 15, info >> 4 != 0, number))
        return found
