# SPDX-License-Identifier: GPL-2.0-or-later
"""Damaged ELF images: one clear line at once, nothing else ever, whatever the library would do."""

import struct
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from elf_samples import build, line_unit, section_header, uleb, with_section
from hypothesis import given, settings
from hypothesis import strategies as st

from toolchain import ToolchainError
from toolchain.image import Image


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("elf"), 64)


@contextmanager
def at_once(seconds: float = 60, size: int = 200 << 20) -> Iterator[None]:
    """In here, no more processor time and memory (bytes) may go; measuring makes it a few times slower.

    A few seconds are usual. It is this process's time, which does not pass faster on a busy host.
    """
    tracemalloc.start()
    begin = time.process_time()
    try:
        yield
        assert time.process_time() - begin < seconds
        assert tracemalloc.get_traced_memory()[1] < size
    finally:
        tracemalloc.stop()


def read_all(raw: bytes, path: Path) -> None:
    """Everything that is decoded, now or later; a ToolchainError must be one line and name the file."""
    try:
        image = Image.read(raw, path)
        for address in (image.entry, 0x80000002, 0):
            image.symbol_at(address)
            image.line_at(address)
            image.function_at(address)
            image.unwind_at(address)
    except ToolchainError as error:
        assert str(error).startswith(f"{path}: ") and "\n" not in str(error)


HEADER = 64
PROGRAM = 56


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ((0, "<I"), 0, "not an ELF file"),
        ((4, "<B"), 1, "headers of|beyond|outside"),
        ((4, "<B"), 3, r"EI_CLASS b'.x03'"),
        ((5, "<B"), 2, "not little-endian"),
        ((6, "<B"), 7, "ELF version is not 1"),
        ((16, "<H"), 1, "not an executable but REL"),
        ((18, "<H"), 62, "not RISC-V but .*X86-64"),
        ((20, "<I"), 2, "ELF version is not 1"),
        ((32, "<Q"), 1 << 40, "the program headers: .* beyond the file"),
        ((40, "<Q"), 1 << 63, "the section headers: "),
        ((54, "<H"), 32, "program headers of 32 bytes instead of 56"),
        ((56, "<H"), 0, "no segment to load"),
        ((56, "<H"), 0xFFFF, "the program headers: .* beyond the file"),
        ((58, "<H"), 8, "section header"),
        ((62, "<H"), 999, "section 999, said to hold names, does not exist"),
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


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ((b".symtab", 40), 999, "section 999, said to hold names, does not exist"),
        ((b".symtab", 32), 25, "entry size in section '.symtab'"),
        ((b".symtab", 56), 1, "symbols of 1 bytes"),
        ((b".strtab", 32), 3, "name at offset .* outside its string table"),
        ((b".shstrtab", 32), 3, "name at offset .* outside its string table"),
        ((b".debug_line", 24), 1 << 40, "section .* beyond the file"),
        ((b".note.replug", 32), 30, r"\.note\.replug: note at offset 0x0 ends beyond the section"),
        ((b".note.replug", 32), 7, r"\.note\.replug: note at offset 0x0 is cut short"),
    ],
)
def test_damaged_sections(
    good: Path, tmp_path: Path, place: tuple[bytes, int], value: int, message: str
) -> None:
    raw = bytearray(good.read_bytes())
    section, field = place
    struct.pack_into("<I" if field == 40 else "<Q", raw, section_header(raw, section) + field, value)
    with pytest.raises(ToolchainError, match=rf"bad\.elf: .*{message}"):
        Image.read(bytes(raw), tmp_path / "bad.elf")


def test_string_table_garbage(good: Path) -> None:
    raw = bytearray(good.read_bytes())
    start, size = struct.unpack_from("<QQ", raw, section_header(raw, b".strtab") + 24)
    raw[start : start + size] = b"\xff" * size
    with pytest.raises(ToolchainError, match="not UTF-8"):
        Image.read(bytes(raw), good)
    raw[start : start + size] = b"a" * size
    with pytest.raises(ToolchainError, match="outside its string table"):
        Image.read(bytes(raw), good)


def test_sections_without_usable_bytes_are_as_absent(good: Path) -> None:
    for kind, flags in ((8, 0), (1, 0x800)):
        raw = bytearray(good.read_bytes())
        header = section_header(raw, b".debug_line")
        struct.pack_into("<IQ", raw, header + 4, kind, flags)
        if kind == 8:
            struct.pack_into("<Q", raw, header + 32, 1 << 60)
        with at_once():
            assert Image.read(bytes(raw), good).line_at(0x80000000) is None


def test_names_that_share_their_bytes_end(good: Path) -> None:
    # A million bytes without an end, and 20,000 symbols of which each is named by almost all of them.
    symbols = bytes(24) + b"".join(struct.pack("<IBBHQQ", 1 + i, 0x12, 0, 1, 0, 0) for i in range(20000))
    raw = with_section(good.read_bytes(), b".symtab", symbols)
    raw = with_section(raw, b".strtab", b"\0" + b"a" * 1_000_000 + b"\0")
    with at_once(), pytest.raises(ToolchainError, match=r"\.symtab: .*over the same bytes again"):
        Image.read(raw, good)


@pytest.mark.parametrize("kind", [2, 4, 5, 6, 7, 0x6FFFFFF6, 0x70000003])
def test_many_sections_over_the_same_bytes_end(good: Path, kind: int) -> None:
    # Tables of symbols, relocations, hashes, dynamic tags, notes, GNU hashes and attributes: 2,000 over the
    # same 96,000 bytes.
    raw = good.read_bytes()
    start, names = struct.unpack_from("<Q", raw, 40)[0], struct.unpack_from("<H", raw, 62)[0]
    header = bytearray(raw[start + 64 * names : start + 64 * names + 64])
    struct.pack_into("<I", header, 0, 0)
    table = struct.pack("<IIQQQQIIQQ", 0, kind, 0, 0, len(raw), 96_000, 0, 0, 1, 24)
    changed = bytearray(raw + bytes(96_000) + header + table * 1999)
    struct.pack_into("<Q", changed, 40, len(raw) + 96_000)
    struct.pack_into("<HH", changed, 60, 2000, 0)
    with at_once():
        if kind == 2:
            with pytest.raises(ToolchainError, match="over the same bytes again"):
                Image.read(bytes(changed), good)
        else:
            assert Image.read(bytes(changed), good).symbols == ()


ENDLESS = {
    # A trusting reader repeats an entry without fields 2**62 times.
    "directories without fields": (line_unit(5, b"\0" + uleb(1 << 62), b""), "names are too many"),
    "files without fields": (line_unit(5, b"\0\0\0" + uleb(1 << 62), b""), "names are too many"),
    # DW_FORM_flag_present takes no byte.
    "fields without bytes": (
        line_unit(5, b"\xff" + b"\x01\x19" * 255 + uleb(900), bytes(1000)),
        "900 names are too many",
    ),
    # Numbers as long as the section: time with the square of their length.
    "a long number": (line_unit(4, b"\0\0", b"\x02" + b"\x80" * 900_000 + b"\0"), "ULEB128"),
    "a long signed number": (line_unit(4, b"\0\0", b"\x03" + b"\x80" * 900_000 + b"\0"), "SLEB128"),
    "a long count": (line_unit(5, b"\0" + b"\x80" * 900_000 + b"\0", b""), "ULEB128"),
    "a large unit": (line_unit(4, b"\0\0", b"\x01" * (1 << 20)), "offset 0x0 has more than 1048576 bytes"),
    "a large section": (line_unit(4, b"\0\0", b"") * 150_000, "more than 4194304 bytes"),
    "a unit longer than the section": (b"\xff\xff\xff\x7f" + bytes(100), "longer than the section"),
    "a unit longer than an offset": (b"\xff" * 12 + bytes(100), "longer than the section"),
    "a header longer than its unit": (
        struct.pack("<IHI", 20, 4, 1 << 20) + b"\1\1\1\1\1\1" + bytes(8),
        "length of a header, 1048576, is wrong",
    ),
    "a reserved length": (b"\xf0\xff\xff\xff" + bytes(100), "initial length"),
    "an unknown version": (line_unit(6, b"\0\0\0\0", b""), "unknown version 6"),
    "a division by zero": (line_unit(4, b"\0\0", b"\xff" * 10, line_range=0), "by zero"),
    "an empty unit": (bytes(4), "expected 2, found 0"),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_line_tables_that_would_not_end(good: Path, what: str) -> None:
    lines, reason = ENDLESS[what]
    image = Image.read(with_section(good.read_bytes(), b".debug_line", lines), good)
    message = rf"^{good}: section \.debug_line: cut short or damaged \(.*{reason}.*\)$"
    with at_once(), pytest.raises(ToolchainError, match=message):
        image.line_at(0x80000000)


def test_file_names_that_share_their_bytes(good: Path) -> None:
    # 50,000 files, each named by the same million bytes: 50 GB if all were put together.
    names = b"\0\0" + b"\1\1\x0e" + uleb(50_000) + bytes(200_000)
    program = b"\0\x09\x02" + struct.pack("<Q", 0x80000000) + b"\x01\x02\x10\0\1\1"
    raw = with_section(good.read_bytes(), b".debug_str", b"n" * 1_000_000)
    raw = with_section(raw, b".debug_line", line_unit(5, names, program))
    with at_once():
        found = Image.read(raw, good).line_at(0x80000000)
    assert found is not None and found[0].startswith("nnn") and len(found[0]) == 4096


def test_every_truncation(good: Path) -> None:
    data = good.read_bytes()
    for size in [*range(0, 300), *range(300, len(data), 97), len(data) - 1]:
        with pytest.raises(ToolchainError, match=r"cut short|not an ELF"):
            Image.read(data[:size], good)


@settings(max_examples=400)
@given(st.data())
def test_random_damage_never_escapes(good: Path, data: st.DataObject) -> None:
    raw = bytearray(good.read_bytes())
    tables = struct.unpack_from("<Q", raw, 40)[0]
    lines = struct.unpack_from("<Q", raw, section_header(raw, b".debug_line") + 24)[0]
    places = st.one_of(
        st.integers(0, 180),
        st.integers(lines, lines + 120),
        st.integers(tables, len(raw) - 1),
        st.integers(0, len(raw) - 1),
    )
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(places)] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del raw[data.draw(st.integers(0, len(raw))) :]
    read_all(bytes(raw), good)


@given(st.binary(max_size=120), st.booleans())
def test_no_line_table_escapes(good: Path, noise: bytes, whole: bool) -> None:
    for version in (2, 4, 5):
        unit = struct.pack("<H", version) + noise
        lines = struct.pack("<I", len(unit)) + unit if whole else line_unit(version, noise, b"")
        read_all(with_section(good.read_bytes(), b".debug_line", lines), good)


@given(st.binary(max_size=120))
def test_no_note_escapes(good: Path, noise: bytes) -> None:
    for start in (b"", struct.pack("<3I", 7, 20, 1) + b"Replug\0\0", struct.pack("<3I", 4, 20, 5) + b"GNU\0"):
        read_all(with_section(good.read_bytes(), b".note.replug", start + noise), good)


def test_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="No such file"):
        Image.open(tmp_path / "absent")
    with pytest.raises(ToolchainError, match="Is a directory"):
        Image.open(tmp_path)
