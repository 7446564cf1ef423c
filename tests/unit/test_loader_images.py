# SPDX-License-Identifier: GPL-2.0-or-later
"""Placing ELF and flat images in RAM, and refusing those that do not fit."""

import os
import struct
from pathlib import Path

import pytest

from emulator.errors import ReplugError
from emulator.loader.elf import open_image, place_elf
from emulator.loader.flat import place_flat
from emulator.loader.placement import Placement, Ram, check_fit, highest_free
from toolchain.image import Image

BASE = 0x8000_0000
RAM = Ram(BASE, 1 << 20)
MACHINE_RISCV = 243

Load = tuple[int, int, bytes, int]
"""vaddr, paddr, data, memory size"""


def elf64(entry: int, loads: list[Load]) -> bytes:
    """A minimal executable with these segments, without sections."""
    header = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01",
        2,
        MACHINE_RISCV,
        1,
        entry,
        64,
        0,
        0,
        64,
        56,
        len(loads),
        64,
        0,
        0,
    )
    offset = 64 + 56 * len(loads)
    programs, contents = b"", b""
    for vaddr, paddr, data, size in loads:
        programs += struct.pack("<IIQQQQQQ", 1, 7, offset + len(contents), vaddr, paddr, len(data), size, 1)
        contents += data
    return header + programs + contents


def image(entry: int, *loads: Load) -> Image:
    return Image.read(elf64(entry, list(loads)), Path("test.elf"))


def test_segments_go_to_their_physical_addresses() -> None:
    loaded = place_elf(
        image(BASE, (BASE + 0x2000, BASE + 0x2000, b"data", 0x100), (BASE, BASE, b"code", 4)), RAM
    )
    assert loaded.entry == BASE
    assert [(piece.address, piece.data, piece.memory_size) for piece in loaded.placements] == [
        (BASE, b"code", 4),
        (BASE + 0x2000, b"data", 0x100),
    ]


def test_virtual_entry_is_translated() -> None:
    high = 0xFFFF_FFFF_8000_0000
    loaded = place_elf(image(high + 8, (high, BASE + 0x1000, b"x" * 16, 16)), RAM)
    assert loaded.entry == BASE + 0x1008
    assert loaded.placements[0].address == BASE + 0x1000


def test_linker_without_physical_addresses() -> None:
    loaded = place_elf(image(BASE + 4, (BASE, 0, b"x" * 16, 16), (BASE + 0x100, 0, b"", 8)), RAM)
    assert loaded.entry == BASE + 4
    assert [piece.address for piece in loaded.placements] == [BASE, BASE + 0x100]


def test_segment_may_fill_ram_to_its_last_byte() -> None:
    assert place_elf(image(BASE, (BASE, BASE, b"x", RAM.size)), RAM).placements[0].end == RAM.end


@pytest.mark.parametrize(
    ("entry", "loads", "message"),
    [
        (BASE, [(BASE, BASE, b"x", RAM.size + 1)], "not inside RAM"),
        (BASE - 1, [(BASE - 1, BASE - 1, b"xx", 2)], "not inside RAM"),
        (BASE, [(BASE, 0x1000, b"xx", 2)], "not inside RAM"),
        (BASE, [(BASE, BASE, b"x", 1), ((1 << 64) - 8, (1 << 64) - 8, b"x", 8)], "not inside RAM"),
        (BASE + 4, [(BASE, BASE, b"code", 4)], "entry 0x80000004 is in no segment"),
        (0, [(BASE, BASE, b"code", 4)], "entry 0x0 is in no segment"),
    ],
)
def test_images_that_do_not_fit(entry: int, loads: list[Load], message: str) -> None:
    with pytest.raises(ReplugError, match=message) as caught:
        place_elf(image(entry, *loads), RAM)
    assert str(caught.value).startswith("test.elf: ") and "\n" not in str(caught.value)
    assert caught.value.status == 2


def test_class_has_to_be_the_machines() -> None:
    with pytest.raises(ReplugError, match="a 64-bit image for a 32-bit machine"):
        place_elf(image(BASE, (BASE, BASE, b"x", 1)), RAM, bits=32)


def test_damaged_files_are_one_clear_line(tmp_path: Path) -> None:
    good = elf64(BASE, [(BASE, BASE, b"x" * 64, 64)])
    path = tmp_path / "damaged.elf"
    overlapping = elf64(BASE, [(BASE, BASE, b"x" * 64, 64), (BASE + 63, BASE + 63, b"y", 1)])
    for data in (
        b"",
        b"\x7fELF",
        good[:60],
        good[:100],
        good[:-1],
        good[:18] + b"\x3e\0" + good[20:],
        overlapping,
    ):
        path.write_bytes(data)
        with pytest.raises(ReplugError) as caught:
            open_image(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    path.write_bytes(good)
    assert open_image(path).entry == BASE
    with pytest.raises(ReplugError, match=r"missing\.elf"):
        open_image(tmp_path / "missing.elf")


def test_overlaps_are_found_in_any_order() -> None:
    pieces = [
        Placement("b", BASE + 8, b"", 8),
        Placement("a", BASE, b"", 9),
        Placement("c", BASE + 4, b"", 0),
    ]
    with pytest.raises(ReplugError, match=r"a \(0x80000000 to 0x80000008\) and b .* overlap"):
        check_fit(pieces, RAM)
    check_fit([pieces[0], Placement("a", BASE, b"", 8), pieces[2]], RAM)


def test_flat_file(tmp_path: Path) -> None:
    path = tmp_path / "image.bin"
    path.write_bytes(b"flat image")
    loaded = place_flat(path, BASE + 0x1000, RAM)
    assert loaded.entry == BASE + 0x1000
    assert loaded.placements[0].data == b"flat image" and loaded.placements[0].memory_size == 10
    place_flat(path, RAM.end - 10, RAM)
    for address in (0, BASE - 1, RAM.end - 9, RAM.end, 1 << 63):
        with pytest.raises(ReplugError, match=r"image\.bin.*not inside RAM"):
            place_flat(path, address, RAM)


def test_flat_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe")
    for name in ("empty", "pipe", "missing", "."):
        with pytest.raises(ReplugError) as caught:
            place_flat(tmp_path / name, BASE, RAM)
        assert str(tmp_path) in str(caught.value)


def test_highest_free_place() -> None:
    size = 64 << 20
    ram = Ram(BASE, size)
    assert highest_free("tree", 4000, ram, []) == BASE + size - (2 << 20)
    top = Placement("image", BASE + size - (2 << 20) + 100, b"", 1)
    assert highest_free("tree", 4000, ram, [top]) == BASE + size - (4 << 20)
    all_but_the_first = Placement("image", BASE + (2 << 20), b"", size - (2 << 20))
    assert highest_free("tree", 4000, ram, [all_but_the_first]) == BASE
    with pytest.raises(ReplugError, match="no room in RAM for tree"):
        highest_free("tree", 4000, ram, [Placement("image", BASE, b"", size)])
    assert highest_free("tree", 8, Ram(BASE, 8 << 30), []) < BASE + (3 << 30)
