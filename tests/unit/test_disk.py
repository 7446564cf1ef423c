# SPDX-License-Identifier: GPL-2.0-or-later
"""RPFS images: what goes in comes out, the layout is the documented one, damage is found and named."""

import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolchain import ToolchainError
from toolchain.disk import check_image, create_image, extract_image, list_image

BLOCK = 4096
PER_TABLE = 1024
INDIRECT_FROM = 12 * BLOCK
DOUBLE_FROM = INDIRECT_FROM + PER_TABLE * BLOCK
NAMES = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=14
).filter(lambda name: name not in (".", ".."))


def pattern(size: int) -> bytes:
    return b"".join(struct.pack("<I", i) for i in range(-(-size // 4)))[:size]


def take_out(image: Path, place: Path) -> dict[str, bytes]:
    return {
        "/" + path.relative_to(place).as_posix(): path.read_bytes() for path in extract_image(image, place)
    }


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.lists(NAMES, min_size=1, max_size=3).map(lambda names: "/" + "/".join(names)),
        st.one_of(st.binary(max_size=300), st.integers(0, 20 * BLOCK).map(pattern)),
        max_size=8,
    )
)
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    place = tmp_path_factory.mktemp("disk")
    if any(other.startswith(path + "/") for path in files for other in files):
        with pytest.raises(ToolchainError, match=r"is a file|is a directory already"):
            create_image(place / "a.img", files)
        return
    image = create_image(place / "a.img", files)
    assert check_image(image) == []
    assert take_out(image, place / "out") == files
    assert image.stat().st_size % BLOCK == 0
    assert {entry.path: entry.size for entry in list_image(image) if entry.kind == "file"} == {
        path: len(data) for path, data in files.items()
    }
    assert create_image(place / "b.img", dict(reversed(files.items()))).read_bytes() == image.read_bytes()


@pytest.mark.parametrize("edge", [0, BLOCK, INDIRECT_FROM, DOUBLE_FROM, DOUBLE_FROM + PER_TABLE * BLOCK])
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_sizes_at_the_borders_of_the_block_tree(tmp_path: Path, edge: int, more: int) -> None:
    data = pattern(max(edge + more, 0))
    (tmp_path / "source").write_bytes(data)
    image = create_image(tmp_path / "a.img", {"data": tmp_path / "source", "z": b"after"})
    assert check_image(image) == []
    assert take_out(image, tmp_path / "out") == {"/data": data, "/z": b"after"}


def test_layout_on_disk(tmp_path: Path) -> None:
    """Read by hand, as the guest does, without this package's reader."""
    data = pattern(DOUBLE_FROM + 5000)
    raw = create_image(tmp_path / "a.img", {"/init": b"hello", "/data": data}).read_bytes()
    magic, version, size, total, inodes, inode_start, bitmap_start, data_start, root = struct.unpack_from(
        "<9I", raw
    )
    assert (magic, version, size, root) == (0x53465052, 1, BLOCK, 1)
    assert raw[:4] == b"RPFS" and total * BLOCK == len(raw) and inodes >= 3 + 64

    def block(number: int) -> bytes:
        return raw[number * BLOCK : (number + 1) * BLOCK]

    def inode(number: int) -> tuple[int, ...]:
        return struct.unpack_from("<HHIQ14I", raw, inode_start * BLOCK + number * 128)

    kind, links, flags, length, first = inode(root)[:5]
    assert (kind, links, flags) == (2, 2, 0) and length % 64 == 0 and first >= data_start
    entries = [struct.unpack_from("<I60s", block(first), i) for i in range(0, length, 64)]
    found = {name.rstrip(b"\0").decode(): number for number, name in entries if number}
    assert found["."] == found[".."] == root and set(found) == {".", "..", "init", "data"}
    assert inode(found["init"])[:4] == (1, 1, 0, 5) and block(inode(found["init"])[4])[:6] == b"hello\0"
    fields = inode(found["data"])
    numbers = list(fields[4:16])
    numbers += struct.unpack("<1024I", block(fields[16]))
    for table in struct.unpack("<1024I", block(fields[17])):
        numbers += struct.unpack("<1024I", block(table)) if table else ()
    assert b"".join(block(number) for number in numbers if number)[: len(data)] == data
    used = {b for b in range(total) if raw[bitmap_start * BLOCK + b // 8] >> b % 8 & 1}
    assert used == set(range(len(used))) and total - len(used) == 256


def test_blocks_option(tmp_path: Path) -> None:
    image = create_image(tmp_path / "a.img", {"/a": b"x"}, blocks=40000)
    assert image.stat().st_size == 40000 * BLOCK and check_image(image) == []
    before = image.read_bytes()
    with pytest.raises(ToolchainError, match="4 blocks are too few, these files need 7"):
        create_image(image, {"/a": b"x"}, blocks=4)
    assert create_image(image, {"/a": b"x"}, blocks=7).stat().st_size == 7 * BLOCK
    assert check_image(image) == [] and len(before) == 40000 * BLOCK


@pytest.mark.parametrize(
    ("path", "message"),
    [("", "bad name"), ("a//b", "bad name"), ("../x", "bad name"), ("a\0b", "bad name"),
     ("n" * 60, "60 bytes"),
     ("\udc80", "not UTF-8"), ("init", "given twice"), ("/init/sub", "is a file")],
)  # fmt: skip
def test_bad_paths(tmp_path: Path, path: str, message: str) -> None:
    with pytest.raises(ToolchainError, match=message):
        create_image(tmp_path / "a.img", {"/init": b"", path: b""})
    assert not list(tmp_path.iterdir())


def test_bad_sources(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="absent: no such file"):
        create_image(tmp_path / "a.img", {"/a": tmp_path / "absent"})
    with pytest.raises(ToolchainError, match="not a file"):
        create_image(tmp_path / "a.img", {"/a": tmp_path})
    with pytest.raises(ToolchainError, match="No such file"):
        check_image(tmp_path / "absent")


def damaged(tmp_path: Path, offset: int, fmt: str, *values: int) -> Path:
    image = create_image(tmp_path / "a.img", {"/a/b": pattern(20 * BLOCK), "/c": pattern(100)})
    raw = bytearray(image.read_bytes())
    struct.pack_into(fmt, raw, offset, *values)
    image.write_bytes(raw)
    return image


# Inodes of that image: 1 root, 2 /a, 3 /a/b, 4 /c. Blocks: 0 superblock, 1 bitmap, 2 to 4 inodes, 5 root,
# 6 /a, 7 to 26 /a/b and 27 its table, 28 /c.
INODES = 2 * BLOCK


@pytest.mark.parametrize(
    ("offset", "fmt", "value", "problem"),
    [
        (0, "<I", 1, "bad magic"),
        (4, "<I", 9, "version 9"),
        (8, "<I", 1000, "block size 1000"),
        (12, "<I", 1 << 30, "cut short"),
        (16, "<I", 1 << 20, "overlaps"),
        (28, "<I", 3, "overlaps"),
        (28, "<I", 5000, "misplaced"),
        (32, "<I", 0, "root inode 0"),
        (32, "<I", 4, "not a directory"),
        (BLOCK, "<B", 0xFE, "block 0 is marked free, but the file system"),
        (BLOCK, "<B", 0x7F, "block 7 is marked free, but inode 3"),
        (BLOCK + 5, "<B", 1, "block 40 is marked used"),
        (INODES + 3 * 128, "<H", 7, "unknown type 7"),
        (INODES + 4 * 128 + 2, "<H", 5, "link count 5 instead of 1"),
        (INODES + 4 * 128 + 8, "<Q", 1 << 50, "more than a file can have"),
        (INODES + 3 * 128 + 8, "<Q", 50, "beyond its size"),
        (INODES + 4 * 128 + 16, "<I", 4, "block 4 is outside"),
        (INODES + 4 * 128 + 16, "<I", 99999, "block 99999 is outside"),
        (INODES + 4 * 128 + 16, "<I", 7, "block 7 is held by inode 3 too"),
        (INODES + 3 * 128 + 20, "<I", 7, "block 7 is held twice by itself"),
        (INODES + 3 * 128 + 64, "<I", 99999, "block 99999 is outside"),
        (27 * BLOCK, "<I", 99999, "block 99999 is outside"),
        (INODES + 9 * 128, "<H", 1, "no directory names it"),
        (INODES + 2 * 128 + 8, "<Q", 4095, "not a multiple of 64"),
        (INODES + 2 * 128 + 8, "<Q", 8192, "no block for its byte 4096"),
        (6 * BLOCK + 128, "<I", 1, "directory loop"),
        (6 * BLOCK + 128, "<I", 2, "directory loop"),
        (6 * BLOCK + 128, "<I", 77, "inode 77 is free"),
        (6 * BLOCK + 128, "<I", 99999, "inode 99999 is free or does not exist"),
        (6 * BLOCK + 64, "<I", 2, "leads to inode 2 instead of 1"),
        (6 * BLOCK, "<I", 0, "'.' is missing"),
        (6 * BLOCK + 132, "<B", 0xFF, "not UTF-8"),
        (6 * BLOCK + 132, "<B", 0x2F, "bad name"),
        (5 * BLOCK + 3 * 64 + 4, "<B", ord("a"), "name used twice"),
    ],
)
def test_check_names_the_damage(tmp_path: Path, offset: int, fmt: str, value: int, problem: str) -> None:
    image = damaged(tmp_path, offset, fmt, value)
    found = check_image(image)
    assert any(problem in line for line in found), found


def test_undamaged_neighbour_is_clean(tmp_path: Path) -> None:
    assert check_image(damaged(tmp_path, 0, "<I", 0x53465052)) == []


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_damage_breaks_the_readers(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    place = tmp_path_factory.mktemp("disk")
    raw = bytearray(
        create_image(place / "a.img", {"/a/b": pattern(20 * BLOCK), "/c": b"x"}, blocks=40).read_bytes()
    )
    interesting = st.one_of(
        st.integers(0, 40), st.integers(INODES, INODES + 5 * 128), st.integers(5 * BLOCK, 7 * BLOCK)
    )
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(interesting)] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del raw[data.draw(st.integers(0, len(raw))) :]
    (place / "a.img").write_bytes(raw)
    sound = check_image(place / "a.img") == []
    try:
        list_image(place / "a.img")
        for path in extract_image(place / "a.img", place / "out"):
            path.unlink()
    except ToolchainError:
        assert not sound
