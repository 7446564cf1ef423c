# SPDX-License-Identifier: GPL-2.0-or-later
"""Call frame information: as binutils read it, and damaged. Lists of symbols."""

import contextlib
import re
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.test_image_damage import at_once
from toolchain import ToolchainError
from toolchain.dwarf_unwind import Kept, UnwindTable
from toolchain.image import Image
from toolchain.symbol_list import read_symbol_list

Guest = Callable[[str], Path]
HostTool = Callable[[str, str], str]

PROGRAM = """
    .cfi_sections SECTION
    .type outer, @function
outer:
    .cfi_startproc
    addi sp, sp, -32
    .cfi_def_cfa_offset 32
    sd ra, 24(sp)
    sd s0, 16(sp)
    .cfi_offset ra, -8
    .cfi_offset s0, -16
    addi s0, sp, 32
    .cfi_def_cfa s0, 0
    mv s4, ra
    .cfi_register s1, s4
    .cfi_undefined s2
    call outer
    .cfi_remember_state
    ld ra, 24(sp)
    .cfi_restore ra
    ret
    .cfi_restore_state
    nop
    ret
    .cfi_endproc
    .size outer, . - outer
"""


@pytest.mark.parametrize("section", [".debug_frame", ".eh_frame"])
def test_rows_as_binutils_read_them(guest: Guest, host_tool: HostTool, section: str) -> None:
    objdump = host_tool("riscv64-unknown-elf-objdump", "binutils-riscv64-unknown-elf")
    program = guest(PROGRAM.replace("SECTION", section))
    image = Image.open(program)
    text = subprocess.run(
        [objdump, "--dwarf=frames-interp", str(program)], capture_output=True, text=True, check=True
    ).stdout
    rows = re.findall(r"^([0-9a-f]{16}) (\w+)\+(\d+) +(.*)$", text, re.MULTILINE)
    rows = [row for row in rows if int(row[0], 16) >= 0x8000_0000]
    assert len(rows) > 6, text
    names = {"sp": 2, "s0": 8, "fp": 8}
    for address, register, offset, rest in rows:
        row = image.unwind_at(int(address, 16))
        assert row is not None and row.return_register == 1
        assert (row.cfa_register, row.cfa_offset) == (names[register], int(offset)), address
        saved = [kept for kept in row.registers.values() if kept[0] is Kept.AT]
        assert len(saved) == len(re.findall(r"c-", rest)), (address, rest)
    assert image.unwind_at(0x8FFF_0000) is None
    last = image.unwind_at(int(rows[-1][0], 16))
    assert last is not None and last.registers[9] == (Kept.IN, 20) and last.registers[18][0] is Kept.UNDEFINED
    assert last.registers[1] == (Kept.AT, -8)


@settings(max_examples=300)
@given(noise=st.binary(max_size=300), length=st.integers(0, 300), is_eh=st.booleans())
def test_noise_ends(noise: bytes, length: int, is_eh: bool) -> None:
    data = struct.pack("<I", length) + noise
    with contextlib.suppress(Exception):  # Image makes one clear line of whatever the library raises
        table = UnwindTable(b"" if is_eh else data, data if is_eh else b"", 0x8000_0000, 64)
        for address in (0, 0x8000_0000, 1 << 63):
            table.at(address)


@pytest.mark.parametrize("content", [b"\0", b"\xff", b"\1\0\0\0", b"\xff\xff\0\0"])
def test_much_of_the_same_ends(content: bytes) -> None:
    for is_eh in (False, True):
        data = content * ((1 << 18) // len(content))
        with at_once(), contextlib.suppress(Exception):
            UnwindTable(b"" if is_eh else data, data if is_eh else b"", 0, 64).at(0)


def test_lists_of_symbols(tmp_path: Path) -> None:
    path = tmp_path / "System.map"
    path.write_text(
        "ffffffff80000010 t second\nffffffff80000000 T _start\n                 U puts\n"
        "ffffffff80001000 D table\nffffffff80002000 a SIZE\nffffffff80000020 t inner\t[module]\n\n"
    )
    image = read_symbol_list(path)
    assert image.symbol_at(0xFFFF_FFFF_8000_0014) == ("second", 4)
    assert image.symbol_at(0xFFFF_FFFF_8000_0024) == ("inner", 4)
    assert image.function_at(0xFFFF_FFFF_8000_0014) == (0xFFFF_FFFF_8000_0010, 16)
    table = image.symbol("table")
    assert table is not None and table.kind == "object" and image.symbol("puts") is None
    assert image.symbol_at(0x1000) is None
    (tmp_path / "plain").write_text("0000000080000e72 main\n")
    assert read_symbol_list(tmp_path / "plain").symbol_at(0x8000_0E74) == ("main", 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no symbols"),
        (b"hello there\n", "plain:1: not `address"),
        (b"80000000 T a\nzz T b\n", "plain:2: not `address"),
        (b"\xff\xfe\0", "neither an ELF file nor a list"),
    ],
)
def test_what_is_no_list(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "plain"
    path.write_bytes(content)
    with pytest.raises(ToolchainError, match=re.escape(message)):
        read_symbol_list(path)
