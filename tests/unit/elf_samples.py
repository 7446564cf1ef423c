# SPDX-License-Identifier: GPL-2.0-or-later
"""ELF images for tests, ways to damage them, and another reader of them to compare with (binutils)."""

import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from toolchain.assemble import assemble

SOURCE = """.macro MARK kind, register, name, detail
.pushsection .note.replug, "", @note
.balign 4
.4byte 7, 2f - 1f, \\kind
.asciz "Replug"
.byte 0
1: .8byte 3f
.4byte \\register, 0
.asciz "\\name"
.asciz "\\detail"
2: .balign 4
.popsection
3:
.endm
.globl _start, work
.equ CONSTANT, 4660
_start:
    MARK 1, 0, "trap", ""
    li a0, 5
.Lhidden:
    call work
inner:
    j .Lhidden
.type work, @function
work:
    MARK 5, 10, "trap", "bytes read"
    addi a0, a0, 1
    ret
.size work, . - work
.data
.type table, @object
table: .quad 1, 2
.size table, 16
.bss
room: .space 100
"""
SCRIPT = """PHDRS { code PT_LOAD FLAGS(5); data PT_LOAD FLAGS(6); }
SECTIONS { . = 0x80000000; .text : { *(.text) } :code . = ALIGN(4096); .data : { *(.data) } :data
.bss : { *(.bss) } :data .note.replug 0 : { KEEP(*(.note.replug)) } }
"""


def build(top: Path, bits: int) -> Path:
    """An executable of one assembly and one C file, with debug information and two path marks."""
    (top / "a.S").write_text(SOURCE if bits == 64 else SOURCE.replace("call work", "jal work"))
    (top / "b.c").write_text("int twice(int x) {\n    return x +\n        x;\n}\n")
    (top / "link.ld").write_text(SCRIPT)
    return assemble(
        [top / "a.S", top / "b.c"],
        top / f"{bits}.elf",
        link_script=top / "link.ld",
        bits=bits,
        cache=top / "zig",
        root=top,
    )


def section_header(raw: bytes, name: bytes) -> int:
    """Offset in a 64-bit file of the section header of that name, found by hand."""
    start, count, names = struct.unpack_from("<Q", raw, 40)[0], *struct.unpack_from("<HH", raw, 60)
    strings = struct.unpack_from("<Q", raw, start + 64 * names + 24)[0]
    for index in range(count):
        place = strings + struct.unpack_from("<I", raw, start + 64 * index)[0]
        if raw[place : raw.index(b"\0", place)] == name:
            return int(start + 64 * index)
    raise AssertionError(name)


def with_section(raw: bytes, name: bytes, content: bytes) -> bytes:
    """The 64-bit file with other bytes in a section that it has; they are put at its end."""
    changed = bytearray(raw)
    struct.pack_into("<QQ", changed, section_header(raw, name) + 24, len(raw), len(content))
    return bytes(changed) + content


def line_unit(
    version: int, names: bytes, program: bytes, *, wide: bool = False, line_range: int = 14
) -> bytes:
    """A unit of .debug_line for 64-bit addresses; `names` is what follows the lengths of the opcodes.

    wide: in the 64-bit format of DWARF (offsets of 8 bytes).
    """
    operations = b"\1" if version >= 4 else b""
    fields = (
        b"\1" + operations + bytes([1, 0xFB, line_range, 13]) + bytes([0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1])
    )
    offset = "<Q" if wide else "<I"
    start = struct.pack("<H", version) + (b"\x08\0" if version >= 5 else b"")
    unit = start + struct.pack(offset, len(fields + names)) + fields + names + program
    return (b"\xff" * 4 if wide else b"") + struct.pack(offset, len(unit)) + unit


def uleb(value: int) -> bytes:
    """An unsigned LEB128 number."""
    digits = [value >> shift & 0x7F for shift in range(0, max(value.bit_length(), 1), 7)]
    return bytes([*(digit | 0x80 for digit in digits[:-1]), digits[-1]])


def binutils(tool: str, *arguments: str, text: str = "") -> str:
    """Output of GNU readelf or addr2line for RISC-V; without them the test is skipped, in CI it fails."""
    name = f"riscv64-unknown-elf-{tool}"
    if shutil.which(name) is None:
        message = f"{name} is not installed (Debian package binutils-riscv64-unknown-elf)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    command = [name, *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True, timeout=60).stdout
