# SPDX-License-Identifier: GPL-2.0-or-later
"""Reading sound ELF images: as they were made, and as GNU binutils read them."""

import hashlib
import posixpath
import re
import struct
from pathlib import Path

import pytest
from elf_samples import SOURCE, binutils, build, line_unit, uleb, with_section

from toolchain import ToolchainError
from toolchain.image import EXECUTE, READ, WRITE, Image, PathMark
from toolchain.zig import run_zig_cc


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


def test_marks_of_all_kinds_and_notes_of_others(good: Path) -> None:
    def note(name: bytes, kind: int, description: bytes) -> bytes:
        padded = name + bytes(-len(name) % 4) + description + bytes(-len(description) % 4)
        return struct.pack("<3I", len(name), len(description), kind) + padded

    mark = struct.pack("<QII", 0x80000000, 3, 0) + b"a\0b\0"
    notes = b"".join(note(b"Replug\0", kind, mark) for kind in range(1, 9))
    raw = with_section(
        good.read_bytes(), b".note.replug", note(b"GNU\0", 3, b"12345") + note(b"", 9, b"") + notes
    )
    image = Image.read(raw, good)
    assert image.notes == tuple(PathMark(kind, 0x80000000, 3, "a", "b") for kind in range(1, 7))
    assert image.code_notes == tuple(PathMark(kind, 0x80000000, 3, "a", "b") for kind in (7, 8))
    for bad in (note(b"Replug\0", 9, mark), note(b"Replug\0", 0, mark), note(b"Replug\0", 1, b"short")):
        with pytest.raises(
            ToolchainError, match=r"\.note\.replug at offset 0x0: (unknown mark|mark without)"
        ):
            Image.read(with_section(good.read_bytes(), b".note.replug", bad), good)


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


def lines_by_binutils(path: Path, addresses: list[int]) -> list[tuple[str, int] | None]:
    """What addr2line says of the addresses; the compilation directory of the samples is "."."""
    answers = binutils("addr2line", "-e", str(path), text="\n".join(f"{address:#x}" for address in addresses))
    found: list[tuple[str, int] | None] = []
    for answer in answers.splitlines():
        file, _, line = answer.split(" (")[0].rpartition(":")
        found.append((posixpath.normpath(file), int(line)) if line.isdigit() and int(line) else None)
    return found


@pytest.mark.parametrize("bits", [32, 64])
def test_agrees_with_binutils(tmp_path: Path, bits: int) -> None:
    path = build(tmp_path, bits)
    image = Image.open(path)
    assert image.bits == bits and len(image.notes) == 2

    symbols = re.findall(
        r"^ *\d+: ([0-9a-f]+) +(\d+) (\w+) +\w+ +\w+ +(\w+) (\S+)$",
        binutils("readelf", "-sW", str(path)),
        re.M,
    )
    kinds = {"NOTYPE": "label", "OBJECT": "object", "FUNC": "function"}
    theirs = {
        (name, int(value, 16), int(size), "absolute" if section == "ABS" else kinds[kind])
        for value, size, kind, section, name in symbols
        if kind in kinds and section != "UND" and not name.startswith((".L", "$"))
    }
    assert {(symbol.name, symbol.address, symbol.size, symbol.kind) for symbol in image.symbols} == theirs
    assert len(theirs) == 7

    headers = binutils("readelf", "-lW", str(path))
    loads = re.findall(r"^ *LOAD +0x(\w+) 0x(\w+) 0x(\w+) 0x(\w+) 0x(\w+) ([RWE ]{3})", headers, re.M)
    data = path.read_bytes()
    assert [(s.data, s.vaddr, s.paddr, s.memory_size, s.flags) for s in image.segments] == [
        (
            data[int(offset, 16) : int(offset, 16) + int(in_file, 16)],
            int(vaddr, 16),
            int(paddr, 16),
            int(in_memory, 16),
            sum({"R": READ, "W": WRITE, "E": EXECUTE, " ": 0}[letter] for letter in flags),
        )
        for offset, vaddr, paddr, in_file, in_memory, flags in loads
    ]

    code = image.segments[0]
    addresses = list(range(code.vaddr, code.end + 8, 2))
    ours = [image.line_at(address) for address in addresses]
    assert ours == lines_by_binutils(path, addresses)
    assert len(set(ours)) > 5


@pytest.mark.parametrize(("version", "wide"), [(2, False), (3, False), (4, True), (5, False), (5, True)])
def test_line_tables_of_all_versions(tmp_path: Path, version: int, wide: bool) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "up.h").write_text("static inline int up(int x) {\n    return x + 1;\n}\n")
    (tmp_path / "a.c").write_text(
        '#include "sub/up.h"\nint twice(int x);\nvoid _start(void) {\n    volatile int y = up(twice(3));\n'
        "    while (y)\n        y--;\n}\n"
    )
    (tmp_path / "sub" / "b.c").write_text('#include "up.h"\nint twice(int x) {\n    return up(x) * x;\n}\n')
    arguments = [
        "-target", "riscv64-freestanding-none", "-nostdlib", "-static", "-O1", "-fno-sanitize=undefined",
        f"-gdwarf-{version}", f"-gdwarf{64 if wide else 32}", f"-ffile-prefix-map={tmp_path}=.",
        "-o", "a.elf", "a.c", "sub/b.c",
    ]  # fmt: skip
    status, messages = run_zig_cc(arguments, directory=tmp_path, cache=tmp_path / "zig")
    assert status == 0, messages
    image = Image.open(tmp_path / "a.elf")
    code = next(segment for segment in image.segments if segment.flags & EXECUTE)
    addresses = list(range(code.vaddr, code.end, 2))
    ours = [image.line_at(address) for address in addresses]
    assert ours == lines_by_binutils(image.path, addresses)
    assert {line[0] for line in ours if line is not None} == {"a.c", "sub/b.c", "sub/up.h"}
    names = binutils("readelf", "--debug-dump=rawline", str(image.path))
    assert f"DWARF Version:               {version}" in names


PROGRAM = (
    b"\0\x09\x02" + struct.pack("<Q", 0x80000000) + b"\x01\x04\x02\x03\x08\x02\x04\x01\x02\x06\0\x01\x01"
)
"""Line 1 of file 1 at 0x80000000, line 9 of file 2 at 0x80000004, end at 0x8000000a."""
PLACES = [(0, 0), (0, 0), (6, 1)]
"""Offset in .debug_str and directory of files 0, 1 and 2."""


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("version", [2, 3, 4, 5])
def test_every_way_to_name_files(good: Path, version: int, wide: bool) -> None:
    offset = "<Q" if wide else "<I"
    if version < 5:
        names = b"lib\0\0" + b"one.c\0\0\0\0" + b"two.c\0\1\0\0" + b"\0"
    else:
        directories = b"\1\1\x08" + uleb(2) + b"top\0lib\0"
        # The path is in .debug_str; an MD5 sum is passed over.
        entries = [struct.pack(offset, place) + bytes([where]) + bytes(16) for place, where in PLACES]
        names = directories + b"\3\1\x0e\2\x0b\5\x1e" + uleb(len(entries)) + b"".join(entries)
    raw = with_section(good.read_bytes(), b".debug_str", b"one.c\0two.c\0")
    unit = line_unit(version, names, PROGRAM, wide=wide)
    image = Image.read(with_section(raw, b".debug_line", unit + unit), good)
    expected = ["one.c", "lib/two.c"] if version < 5 else ["top/one.c", "top/lib/two.c"]
    assert image.line_at(0x80000000) == (expected[0], 1)
    assert image.line_at(0x80000003) == (expected[0], 1)
    assert image.line_at(0x80000004) == image.line_at(0x80000009) == (expected[1], 9)
    assert image.line_at(0x8000000A) is None and image.line_at(0x7FFFFFFF) is None
