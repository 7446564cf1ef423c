# SPDX-License-Identifier: GPL-2.0-or-later
"""The DWARF line table (.debug_line, versions 2 to 5): which source line an address comes from.

Written here rather than taken from a library because damaged tables must end in an error at once; a
count in the header that is wrong keeps a trusting reader busy for ever.
"""

import posixpath
from dataclasses import dataclass, field

from toolchain.errors import ToolchainError

_PATH, _DIRECTORY_INDEX = 1, 2
_COPY, _ADVANCE_PC, _ADVANCE_LINE, _SET_FILE = 1, 2, 3, 4
_CONST_ADD_PC, _FIXED_ADVANCE_PC = 8, 9
_END_SEQUENCE, _SET_ADDRESS = 1, 2
_ADDRESS_MASK = (1 << 64) - 1


@dataclass(frozen=True, order=True)
class LineRange:
    """Addresses start to end - 1 come from this line (from 1) of this file."""

    start: int
    end: int
    file: str
    line: int


class _Reader:
    """Little-endian numbers from a part of a section."""

    def __init__(self, data: bytes, position: int, end: int) -> None:
        self.data, self.position, self.end = data, position, end

    def left(self) -> int:
        return self.end - self.position

    def take(self, count: int) -> bytes:
        if count < 0 or self.left() < count:
            raise ToolchainError(f"debug line table ends early at offset {self.position:#x}")
        self.position += count
        return self.data[self.position - count : self.position]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def uleb(self) -> int:
        return self._leb()[0]

    def sleb(self) -> int:
        value, bits, last = self._leb()
        return value - (1 << bits) if last & 0x40 else value

    def _leb(self) -> tuple[int, int, int]:
        value = 0
        for shift in range(0, 70, 7):
            byte = self.number(1)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, shift + 7, byte
        raise ToolchainError(f"debug line table: number too long at offset {self.position:#x}")

    def string(self) -> str:
        end = self.data.find(b"\0", self.position, self.end)
        if end < 0:
            raise ToolchainError(f"debug line table: string without an end at offset {self.position:#x}")
        text = self.data[self.position : end].decode("utf-8", "replace")
        self.position = end + 1
        return text


@dataclass
class _Header:
    version: int
    offset_size: int
    minimum_length: int = 1
    line_base: int = 0
    line_range: int = 1
    opcode_base: int = 1
    operand_counts: bytes = b""
    directories: list[str] = field(default_factory=list)
    files: list[tuple[str, int]] = field(default_factory=list)

    def file_name(self, index: int) -> str:
        """Name of a file of this table, from the compilation directory on."""
        if not 0 <= index < len(self.files):
            return "?"
        name, directory = self.files[index]
        parts = [self.directories[directory]] if 0 <= directory < len(self.directories) else []
        if directory and self.version >= 5:
            parts.insert(0, self.directories[0])
        return posixpath.normpath(posixpath.join(*parts, name))


def read_line_table(lines: bytes, line_strings: bytes, strings: bytes) -> list[LineRange]:
    """All ranges of a .debug_line section, sorted by address.

    line_strings, strings: contents of .debug_line_str and .debug_str. Raises ToolchainError for a
    table that is damaged or of an unknown version.
    """
    found: list[LineRange] = []
    position = 0
    while position < len(lines):
        reader = _Reader(lines, position, len(lines))
        length = reader.number(4)
        offset_size = 4
        if length == 0xFFFF_FFFF:
            length, offset_size = reader.number(8), 8
        if length > reader.left():
            raise ToolchainError(f"debug line table: unit at offset {position:#x} is longer than the section")
        reader.end = position = reader.position + length
        _unit(reader, offset_size, line_strings, strings, found)
    found.sort()
    return found


def _unit(
    reader: _Reader, offset_size: int, line_strings: bytes, strings: bytes, found: list[LineRange]
) -> None:
    start = reader.position
    header = _Header(reader.number(2), offset_size)
    if not 2 <= header.version <= 5:
        raise ToolchainError(f"debug line table: unknown version {header.version} at offset {start:#x}")
    if header.version >= 5:
        reader.take(2)
    program_length = reader.number(offset_size)
    program = reader.position + program_length
    if program_length > reader.left():
        raise ToolchainError(f"debug line table: header at offset {start:#x} is longer than its unit")
    end, reader.end = reader.end, program
    header.minimum_length = reader.number(1)
    if header.version >= 4:
        reader.take(1)
    reader.take(1)
    base = reader.number(1)
    header.line_base = base - 256 if base > 127 else base
    header.line_range = reader.number(1)
    header.opcode_base = reader.number(1)
    if not header.line_range or not header.opcode_base:
        raise ToolchainError(f"debug line table: header at offset {start:#x} has a zero range")
    header.operand_counts = reader.take(header.opcode_base - 1)
    if header.version >= 5:
        header.directories = [name for name, _ in _entries(reader, offset_size, line_strings, strings)]
        header.files = _entries(reader, offset_size, line_strings, strings)
    else:
        _old_names(reader, header)
    reader.position, reader.end = program, end
    _run(reader, header, found)


def _old_names(reader: _Reader, header: _Header) -> None:
    """Directories and files of versions 2 to 4: both count from 1, directory 0 is not named."""
    header.directories = ["."]
    while name := reader.string():
        header.directories.append(name)
    header.files = [("?", 0)]
    while name := reader.string():
        header.files.append((name, reader.uleb()))
        reader.uleb()
        reader.uleb()


def _entries(reader: _Reader, offset_size: int, line_strings: bytes, strings: bytes) -> list[tuple[str, int]]:
    """A table of version 5 of (path, directory index)."""
    layout = [(reader.uleb(), reader.uleb()) for _ in range(reader.number(1))]
    count = reader.uleb()
    if count > reader.left() or (count and not layout):
        raise ToolchainError(f"debug line table: {count} names at offset {reader.position:#x} are too many")
    entries = []
    for _ in range(count):
        path, directory = "?", 0
        for content, form in layout:
            value = _form(reader, form, offset_size, line_strings, strings)
            if content == _PATH and isinstance(value, str):
                path = value
            elif content == _DIRECTORY_INDEX and isinstance(value, int):
                directory = value
        entries.append((path, directory))
    return entries


def _form(
    reader: _Reader, form: int, offset_size: int, line_strings: bytes, strings: bytes
) -> str | int | bytes:
    """One value; the forms that the standard allows in a line table header."""
    if form == 0x08:
        return reader.string()
    if form in (0x1F, 0x0E):
        table = line_strings if form == 0x1F else strings
        return _Reader(table, min(reader.number(offset_size), len(table)), len(table)).string()
    if form == 0x0F:
        return reader.uleb()
    if form == 0x09:
        return reader.take(reader.uleb())
    size = {0x0B: 1, 0x05: 2, 0x06: 4, 0x07: 8, 0x1E: 16}.get(form)
    if size is None:
        raise ToolchainError(f"debug line table: unknown form {form:#x} at offset {reader.position:#x}")
    return reader.number(size)


def _run(reader: _Reader, header: _Header, found: list[LineRange]) -> None:
    """The line number program: its rows become ranges, each up to the next row's address."""
    first_file = 1
    address, file, line = 0, first_file, 1
    last: tuple[int, int, int] | None = None

    def row(ends: bool) -> None:
        nonlocal last
        if last is not None and last[0] < address and last[2] > 0:
            found.append(LineRange(last[0], address, header.file_name(last[1]), last[2]))
        last = None if ends else (address, file, line)

    def advance(operations: int) -> int:
        return (address + operations * header.minimum_length) & _ADDRESS_MASK

    while reader.left():
        opcode = reader.number(1)
        if opcode >= header.opcode_base:
            steps, remainder = divmod(opcode - header.opcode_base, header.line_range)
            address = advance(steps)
            line += header.line_base + remainder
            row(False)
        elif opcode == 0:
            length = reader.uleb()
            body = _Reader(reader.take(length), 0, length)
            extended = body.number(1)
            if extended == _END_SEQUENCE:
                row(True)
                address, file, line = 0, first_file, 1
            elif extended == _SET_ADDRESS:
                address = body.number(min(body.left(), 8))
        elif opcode == _COPY:
            row(False)
        elif opcode == _ADVANCE_PC:
            address = advance(reader.uleb())
        elif opcode == _ADVANCE_LINE:
            line += reader.sleb()
        elif opcode == _SET_FILE:
            file = reader.uleb()
        elif opcode == _CONST_ADD_PC:
            address = advance((255 - header.opcode_base) // header.line_range)
        elif opcode == _FIXED_ADVANCE_PC:
            address = (address + reader.number(2)) & _ADDRESS_MASK
        else:
            for _ in range(header.operand_counts[opcode - 1]):
                reader.uleb()
