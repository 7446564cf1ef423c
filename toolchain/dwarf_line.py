# SPDX-License-Identifier: GPL-2.0-or-later
"""The DWARF line table (.debug_line, versions 2 to 5) by pyelftools: which line an address comes from.

The library believes what a table's header says. Each unit is therefore given to it alone, and its
numbers are kept in bounds: damage ends in an exception at once, never in a loop or in memory without end.
"""

import posixpath
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from operator import itemgetter
from typing import IO, Any, ClassVar

from elftools.common.construct_utils import SLEB128, ULEB128
from elftools.common.exceptions import DWARFError
from elftools.common.utils import struct_parse
from elftools.construct.lib.container import Container
from elftools.dwarf.lineprogram import LineProgram
from elftools.dwarf.structs import DWARFStructs

# Decoded by the library, a byte of a unit can take 500 bytes of memory and ten microseconds; 150 bytes stay.
_SECTION_LIMIT, _UNIT_LIMIT = 1 << 22, 1 << 20
_PATH_LIMIT = 4096
_NUMBER_LIMIT = 10
_FORMATS = {"directories_count": "directory_entry_format", "file_names_count": "file_name_entry_format"}

_Text = tuple[bytes, int]
"""Bytes, and where in them a string begins that a NUL or their end ends."""


def _short_number(parse: Callable[..., int], stream: IO[bytes], context: Container) -> int:
    """A LEB128 number; longer ones than of 64 bits would take time with the square of their length."""
    start = stream.tell()
    digits = BytesIO(stream.read(_NUMBER_LIMIT))
    value = parse(digits, context)
    stream.seek(start + digits.tell())
    return value


class _Signed(SLEB128):
    def _parse(self, stream: IO[bytes], context: Container) -> int:
        return _short_number(super()._parse, stream, context)


class _Unsigned(ULEB128):
    def _parse(self, stream: IO[bytes], context: Container) -> int:
        value = _short_number(super()._parse, stream, context)
        if self.name in _FORMATS:
            # Every form takes at least a byte; entries without any would be repeated for ever.
            left = len(stream.read())
            stream.seek(-left, 1)
            if value * max(1, len(context[_FORMATS[self.name]])) > left:
                raise DWARFError(f"{value} names are too many")
        return value


class _Structs(DWARFStructs):
    """The library's layouts of line tables, with the numbers above."""

    _structs_cache: ClassVar[dict[tuple[bool, int, int, int], Any]] = {}

    def _create_leb128(self) -> None:
        self.Dwarf_uleb128, self.the_Dwarf_uleb128 = _Unsigned, _Unsigned("")
        self.Dwarf_sleb128, self.the_Dwarf_sleb128 = _Signed, _Signed("")


class LineTable:
    """The source lines of addresses, by all units of a .debug_line section.

    line_strings, strings: contents of .debug_line_str and .debug_str; bits: of an address, 32 or 64.
    Raises what the library raises, or its DWARFError, for a table that is damaged, of an unknown version or
    too large (more than 4 MiB, or 1 MiB in one unit).
    """

    def __init__(self, lines: bytes, line_strings: bytes, strings: bytes, bits: int) -> None:
        tables = {"DW_FORM_line_strp": line_strings, "DW_FORM_strp": strings}
        self._rows: list[tuple[int, int, int, int, _Files]] = []
        length = _Structs(True, 32, bits // 8).Dwarf_initial_length("length")
        stream = BytesIO(lines)
        position = 0
        if len(lines) > _SECTION_LIMIT:
            raise DWARFError(f"it has more than {_SECTION_LIMIT} bytes")
        while position < len(lines):
            end = struct_parse(length, stream, position) + stream.tell()
            if end > len(lines):
                raise DWARFError(f"the unit at offset {position:#x} is longer than the section")
            if end - position > _UNIT_LIMIT:
                raise DWARFError(f"the unit at offset {position:#x} has more than {_UNIT_LIMIT} bytes")
            structs = _Structs(True, 64 if stream.tell() - position > 4 else 32, bits // 8)
            program = _program(lines[position:end], structs)
            self._rows += _rows(program, _Files(program.header, tables))
            position = end
        self._rows.sort(key=itemgetter(0, 1, 2))

    def at(self, address: int) -> tuple[str, int] | None:
        """(file, line from 1) of an address, None if unknown."""
        index = bisect_right(self._rows, address, key=itemgetter(0)) - 1
        if index < 0 or address >= self._rows[index][1]:
            return None
        _, _, line, file, files = self._rows[index]
        return files.name(file), line

    def rows(self) -> Iterator[tuple[int, str, int]]:
        """(address, file, line from 1) of each row, by address."""
        for address, _, line, file, files in self._rows:
            yield address, files.name(file), line


def _program(unit: bytes, structs: _Structs) -> LineProgram:
    stream = BytesIO(unit)
    header = struct_parse(structs.Dwarf_lineprog_header, stream, 0)
    if not 2 <= header.version <= 5:
        raise DWARFError(f"unknown version {header.version}")
    fields = structs.initial_length_field_size() + (4 if header.version >= 5 else 2)
    start = fields + structs.dwarf_format // 8 + header.header_length
    if not stream.tell() <= start <= len(unit):
        raise DWARFError(f"the length of a header, {header.header_length}, is wrong")
    return LineProgram(header, stream, structs, start, len(unit))


def _rows(program: LineProgram, files: "_Files") -> Iterator[tuple[int, int, int, int, "_Files"]]:
    """(first address, address behind the last, line, file, its names): a row reaches up to the next one."""
    last = None
    for entry in program.get_entries():
        state = entry.state
        if state is None:
            continue
        if last is not None and last.address < state.address and last.line > 0:
            yield last.address, state.address, last.line, last.file, files
        last = None if state.end_sequence else state


class _Files:
    """The names of a unit's files, put together only when asked for: many may be one long string."""

    def __init__(self, header: Container, tables: Mapping[str, bytes]) -> None:
        self._new = header.version >= 5
        if self._new:
            self._directories = _texts(header.directories, header.directory_entry_format, tables)
            names = _texts(header.file_names, header.file_name_entry_format, tables)
            places = [entry.get("DW_LNCT_directory_index", 0) for entry in header.file_names]
        else:
            # These count from 1; directory 0 has no name, nor is there a file 0.
            self._directories = [(b".", 0), *((name, 0) for name in header.include_directory)]
            names = [(b"?", 0), *((entry.name, 0) for entry in header.file_entry)]
            places = [0, *(entry.dir_index for entry in header.file_entry)]
        self._files = list(zip(names, places, strict=True))

    def name(self, index: int) -> str:
        """The name of a file, from the compilation directory on."""
        if index >= len(self._files):
            return "?"
        name, directory = self._files[index]
        parts = [name]
        if directory < len(self._directories):
            parts.insert(0, self._directories[directory])
        if directory and self._new:
            parts.insert(0, self._directories[0])
        return posixpath.normpath(posixpath.join(*map(_text, parts)))


def _texts(entries: list[Container], fields: list[Container], tables: Mapping[str, bytes]) -> list[_Text]:
    """The paths of entries of version 5: in the entry itself, or at an offset of a table."""
    forms = [field.form for field in fields if field.content_type == "DW_LNCT_path"]
    table = tables.get(forms[-1]) if forms else None
    paths = [entry["DW_LNCT_path"] for entry in entries]
    return [(path, 0) if table is None else (table, path) for path in paths]


def _text(text: _Text) -> str:
    table, start = text
    if start > len(table):
        raise DWARFError(f"the string at offset {start:#x} is outside its section")
    return table[start : start + _PATH_LIMIT].partition(b"\0")[0].decode("utf-8", "replace")
