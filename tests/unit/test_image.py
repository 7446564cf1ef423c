# SPDX-License-Identifier: GPL-2.0-or-later
"""Reading ELF images: right for good ones, one clear line for damaged ones, nothing else ever."""

import contextlib
import hashlib
import struct
from itertools import pairwise
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from hypothesis import given, settings
from hypothesis import strategies as st

from toolchain import ToolchainError
from toolchain.assemble import assemble
from toolchain.dwarf_line import read_line_table
from toolchain.image import EXECUTE, READ, WRITE, Image, PathMark

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


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("elf"), 64)


def test_contents(good: Path) -> None:
    image = Image.open(good)
    assert (image.entry, image.bits) == (0x80000000, 64)
    assert image.sha256 == hashlib.sha256(good.read_bytes()).hexdigest()
    code, data = image.segments
    assert (code.vaddr, code.paddr, code.flags) == (0x80000000, 0x80000000, READ | EXECUTE)
    assert code.memory_size == len(code.data) and code.data[:2] == bytes.fromhex("1545")
    assert (data.vaddr, data.flags, len(data.data)) == (0x80001000, READ | WRITE, 16)
    assert data.memory_size == 116 and data.data == struct.pack("<2Q", 1, 2)
    names = {symbol.name: symbol for symbol in image.symbols}
    assert names["work"].kind == "function" and names["work"].size == 4
    assert names["table"].kind == "object" and names["inner"].kind == "label"
    assert names["CONSTANT"].kind == "absolute" and names["CONSTANT"].address == 0x1234
    assert not any(name.startswith((".L", "$")) for name in names)
    work = names["work"].address
    assert image.notes == (
        PathMark(1, 0x80000000, 0, "trap", ""),
        PathMark(5, work, 10, "trap", "bytes read"),
    )
    assert [is_code for _, is_code in image.mapping] and image.mapping[0] == (0x80000000, True)


def test_symbol_at(good: Path) -> None:
    image = Image.open(good)
    work = image.symbol("work")
    assert work is not None and image.symbol("absent") is None
    assert image.symbol_at(0x80000000) == ("_start", 0)
    assert image.symbol_at(0x80000002) == ("_start", 2)
    assert image.symbol_at(work.address + 2) == ("work", 2)
    assert image.symbol_at(0x80001010 + 50) == ("room", 50)
    for outside in (0, 0x1234, 0x7FFFFFFF, 0x80000FFF, 0x80001074, 1 << 63):
        assert image.symbol_at(outside) is None


def test_line_at(good: Path) -> None:
    image = Image.open(good)
    lines = SOURCE.splitlines()
    work = image.symbol("work")
    twice = image.symbol("twice")
    assert work is not None and twice is not None
    assert image.line_at(0x80000000) == ("a.S", lines.index("    li a0, 5") + 1)
    assert image.line_at(work.address) == ("a.S", lines.index("    addi a0, a0, 1") + 1)
    assert image.line_at(work.address + 2) == ("a.S", lines.index("    ret") + 1)
    assert (image.line_at(twice.address) or ("", 0))[0] == "b.c"
    assert image.line_at(0x7FFFFFFE) is None and image.line_at(0x80001000) is None


@pytest.mark.parametrize("bits", [32, 64])
def test_agrees_with_another_reader(tmp_path: Path, bits: int) -> None:
    path = build(tmp_path, bits)
    image = Image.open(path)
    assert image.bits == bits and len(image.notes) == 2
    with path.open("rb") as file:
        elf = ELFFile(file)
        table = elf.get_section_by_name(".symtab")
        assert isinstance(table, SymbolTableSection)
        symbols = table.iter_symbols()
        theirs = {
            s.name: (s["st_value"], s["st_size"]) for s in symbols if s["st_shndx"] != "SHN_UNDEF" and s.name
        }
        ours = {symbol.name: (symbol.address, symbol.size) for symbol in image.symbols}
        assert ours == {name: theirs[name] for name in ours}
        hidden = [name for name in theirs if name not in ours]
        assert all(name.startswith((".L", "$")) or name.endswith((".S", ".c")) for name in hidden)
        dwarf = elf.get_dwarf_info()
        rows = 0
        for unit in dwarf.iter_CUs():
            program = dwarf.line_program_for_CU(unit)
            assert program is not None
            states = [entry.state for entry in program.get_entries() if entry.state is not None]
            for state, following in pairwise(states):
                if not state.end_sequence and state.line and following.address > state.address:
                    files = program["file_entry"]
                    found = image.line_at(state.address)
                    offset = 0 if program["version"] >= 5 else 1
                    assert found == (files[state.file - offset].name.decode(), state.line)
                    rows += 1
        assert rows > 5


def test_damaged_line_table_stops_at_once() -> None:
    # Version 5, a directory count of 2**62 with no fields each: a loop of 2**62 turns for a trusting reader.
    body = struct.pack("<BBBBBB", 1, 1, 1, 0, 1, 1) + b"\x00" + b"\x80" * 8 + b"\x40"
    unit = struct.pack("<HBBI", 5, 8, 0, len(body)) + body
    with pytest.raises(ToolchainError, match="too many"):
        read_line_table(struct.pack("<I", len(unit)) + unit, b"", b"")


@settings(deadline=1000)
@given(st.binary(max_size=80))
def test_no_line_table_breaks_the_reader(noise: bytes) -> None:
    for version in (2, 4, 5):
        unit = struct.pack("<H", version) + noise
        with contextlib.suppress(ToolchainError):
            read_line_table(struct.pack("<I", len(unit)) + unit, b"x\0", b"")


HEADER = 64
PROGRAM = 56


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ((0, "<I"), 0, "not an ELF file"),
        ((4, "<B"), 1, "headers of|beyond"),
        ((4, "<B"), 3, "class 3"),
        ((5, "<B"), 2, "not little-endian"),
        ((6, "<B"), 7, "version 7"),
        ((16, "<H"), 1, "a relocatable object"),
        ((18, "<H"), 62, "machine 62 is not RISC-V"),
        ((32, "<Q"), 1 << 40, "program headers at offset .* beyond the file"),
        ((40, "<Q"), 1 << 63, "section headers at offset .* beyond the file"),
        ((54, "<H"), 32, "program headers of 32 bytes instead of 56"),
        ((56, "<H"), 0, "no segment to load"),
        ((56, "<H"), 0xFFFF, "65535 program headers"),
        ((62, "<H"), 999, "section 999, said to hold the section names"),
        ((HEADER + 8, "<Q"), 1 << 30, "segment 0: bytes 0x40000000 .* beyond the file"),
        ((HEADER + 32, "<Q"), 1 << 62, "segment 0: .* beyond the file"),
        ((HEADER + 40, "<Q"), 1, "segment 0: .* only 1 in memory"),
        ((HEADER + 40, "<Q"), 0x2000, "segments overlap: .*80001000"),
        ((HEADER + 16, "<Q"), 0xFFFFFFFFFFFFFFFF, "pass the end of the address space"),
        ((HEADER + PROGRAM + 16, "<Q"), 0x80000000, r"segments overlap: .*\(virtual"),
        ((HEADER + PROGRAM + 24, "<Q"), 0x80000001, r"segments overlap: .*\(physical"),
    ],
)
def test_damage_is_named(
    good: Path, tmp_path: Path, place: tuple[int, str], value: int, message: str
) -> None:
    raw = bytearray(good.read_bytes())
    struct.pack_into(place[1], raw, place[0], value)
    path = tmp_path / "bad.elf"
    path.write_bytes(raw)
    with pytest.raises(ToolchainError, match=rf"bad\.elf: .*({message})") as caught:
        Image.open(path)
    assert "\n" not in str(caught.value)


def section_header(raw: bytearray, name: bytes) -> int:
    """Offset of the section header of that name, found by hand."""
    start, count, names = struct.unpack_from("<Q", raw, 40)[0], *struct.unpack_from("<HH", raw, 60)
    strings = struct.unpack_from("<Q", raw, start + 64 * names + 24)[0]
    for index in range(count):
        place = strings + struct.unpack_from("<I", raw, start + 64 * index)[0]
        if raw[place : raw.index(b"\0", place)] == name:
            return int(start + 64 * index)
    raise AssertionError(name)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ((b".symtab", 40), 999, "string table 999 does not exist"),
        ((b".symtab", 32), 25, "not a whole number of symbols"),
        ((b".strtab", 32), 3, "name of symbol .* outside its string table"),
        ((b".shstrtab", 32), 3, "name of section .* outside its string table"),
        ((b".debug_line", 24), 1 << 40, "section .* beyond the file"),
        ((b".note.replug", 32), 30, r"\.note\.replug at offset 0x0: .*beyond the section"),
        ((b".note.replug", 32), 7, r"\.note\.replug at offset 0x0: cut short"),
    ],
)
def test_damaged_sections(
    good: Path, tmp_path: Path, place: tuple[bytes, int], value: int, message: str
) -> None:
    raw = bytearray(good.read_bytes())
    section, field = place
    struct.pack_into("<I" if field == 40 else "<Q", raw, section_header(raw, section) + field, value)
    with pytest.raises(ToolchainError, match=message):
        Image.read(bytes(raw), tmp_path / "bad.elf")


def test_string_table_garbage(good: Path, tmp_path: Path) -> None:
    raw = bytearray(good.read_bytes())
    header = section_header(raw, b".strtab")
    start, size = struct.unpack_from("<QQ", raw, header + 24)
    raw[start : start + size] = b"\xff" * size
    with pytest.raises(ToolchainError, match="outside its string table"):
        Image.read(bytes(raw), tmp_path / "bad.elf")
    raw[start + size - 1] = 0
    with pytest.raises(ToolchainError, match="not UTF-8"):
        Image.read(bytes(raw), tmp_path / "bad.elf")


def test_every_truncation(good: Path) -> None:
    data = good.read_bytes()
    for size in [*range(0, 300), *range(300, len(data), 97), len(data) - 1]:
        with pytest.raises(ToolchainError, match=r"cut short|not an ELF"):
            Image.read(data[:size], good)


@settings(deadline=2000, max_examples=400)
@given(st.data())
def test_random_damage_never_escapes(good: Path, data: st.DataObject) -> None:
    raw = bytearray(good.read_bytes())
    tables = struct.unpack_from("<Q", raw, 40)[0]
    places = st.one_of(st.integers(0, 180), st.integers(tables, len(raw) - 1), st.integers(0, len(raw) - 1))
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(places)] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del raw[data.draw(st.integers(0, len(raw))) :]
    try:
        image = Image.read(bytes(raw), good)
        for address in (image.entry, 0x80000002, 0):
            image.symbol_at(address)
        image.line_at(0x80000000)
    except ToolchainError as error:
        assert str(error).startswith(f"{good}: ") and "\n" not in str(error)


def test_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="No such file"):
        Image.open(tmp_path / "absent")
    with pytest.raises(ToolchainError, match="Is a directory"):
        Image.open(tmp_path)
