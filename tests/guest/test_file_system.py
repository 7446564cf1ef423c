# SPDX-License-Identifier: GPL-2.0-or-later
"""The file system under its own programs: checksums, a consistent disk afterwards, bad disks refused."""

import random
import re
import zlib
from pathlib import Path

import pytest

from emulator import Machine, MachineOptions
from guestos.images import SCENARIO, Built, build_all, disk_files
from toolchain.disk import check_image, create_image, extract_image

FIRST = 1 << 20  # so much of the file is read 1 byte a call
CACHE = 2 << 20  # bytes of blocks that the kernel keeps


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build_all(tmp_path_factory.mktemp("guest"))


def boot(kernel: Path, disk: Path, *, harts: int = 4, write: bool = False) -> tuple[int, str]:
    """Exit status and console of a whole run."""
    console = bytearray()
    options = MachineOptions(harts=harts, disk=disk, disk_write=write, bootargs=SCENARIO)
    with Machine(kernel, options, console=console.extend) as machine:
        outcome = machine.run(5_000_000_000)
        assert outcome.reason == "exit", f"{outcome}\n{console.decode()}"
        return outcome.status, console.decode()


def checksum_lines(data: bytes) -> list[str]:
    """What /reader and /opener print for this file, sorted."""
    whole = f"{len(data)} bytes, crc32 {zlib.crc32(data):08x}"
    first = whole
    if len(data) > FIRST:
        first = f"{FIRST} bytes, crc32 {zlib.crc32(data[:FIRST]):08x} (first {FIRST})"
    readers = [f"reader: 1 B a call: {first}"]
    readers += [f"reader: {size} B a call: {whole}" for size in (8192, 65536)]
    return sorted([*readers, *[f"opener: {whole}"] * 3])


@pytest.mark.parametrize("harts", [1, 3])
@pytest.mark.parametrize("size", [0, 1, 4096, 49_152, 49_153, 123_456])
def test_programs_read_what_the_disk_holds(built: Built, tmp_path: Path, size: int, harts: int) -> None:
    data = random.Random(size).randbytes(size)
    disk = create_image(tmp_path / "disk.img", disk_files(built.user, data))
    status, console = boot(built.kernel, disk, harts=harts)
    assert status == 0, console
    lines = console.splitlines()
    assert sorted(line for line in lines if "crc32" in line) == checksum_lines(data)
    assert {"reader: bad pointer: EFAULT", "measure_open: done"} <= set(lines)


def test_file_that_the_buffer_cache_cannot_hold(built: Built, tmp_path: Path) -> None:
    data = random.Random(1).randbytes(CACHE + 700_001)
    disk = create_image(tmp_path / "disk.img", disk_files(built.user, data))
    status, console = boot(built.kernel, disk)
    assert status == 0, console
    assert sorted(line for line in console.splitlines() if "crc32" in line) == checksum_lines(data)


def test_double_indirect_blocks(built: Built, tmp_path: Path) -> None:
    data = random.Random(2).randbytes((12 + 1024) * 4096 + 20_000)  # just beyond what one indirect block maps
    disk = create_image(tmp_path / "disk.img", disk_files(built.user, data))
    status, console = boot(built.kernel, disk)
    assert status == 0, console
    assert sorted(line for line in console.splitlines() if "crc32" in line) == checksum_lines(data)


def test_disk_is_consistent_after_writing(built: Built, tmp_path: Path) -> None:
    data = random.Random(3).randbytes(70_000)
    disk = create_image(tmp_path / "disk.img", disk_files(built.user, data))
    for _ in range(2):  # the second run finds the files of the first one
        status, console = boot(built.kernel, disk, write=True)
        assert status == 0, console
        assert check_image(disk) == []
    extract_image(disk, tmp_path / "files")
    assert (tmp_path / "files/data").read_bytes() == data
    assert (tmp_path / "files/contend_stop").stat().st_size == 1
    assert (tmp_path / "files/scratch").stat().st_size == 0


def test_full_disk_is_an_error_for_the_program(built: Built, tmp_path: Path) -> None:
    data = random.Random(4).randbytes(70_000)
    roomy = create_image(tmp_path / "roomy.img", disk_files(built.user, data))
    blocks = roomy.stat().st_size // 4096 - 256  # the free ones it has by default
    disk = create_image(tmp_path / "disk.img", disk_files(built.user, data), blocks=blocks + 3)
    status, console = boot(built.kernel, disk, write=True)
    assert status == 1
    assert "measure_open: write went wrong: it says: " in console
    assert check_image(disk) == []


@pytest.mark.parametrize(
    ("offset", "byte", "message"),
    [
        (0, 0, "the disk holds no RPFS file system"),
        (4, 9, "the disk holds no RPFS file system of version 1"),
        (9, 8, "the disk's file system has blocks of another size"),
        (32, 0, "the superblock's figures contradict each other"),
    ],
)
def test_bad_superblock_is_refused(
    built: Built, tmp_path: Path, offset: int, byte: int, message: str
) -> None:
    disk = create_image(tmp_path / "disk.img", disk_files(built.user, b"data"))
    with disk.open("r+b") as file:
        file.seek(offset)
        file.write(bytes([byte]))
    status, console = boot(built.kernel, disk)
    assert status != 0
    assert re.search(rf"^panic: hart \d: {re.escape(message)}", console, re.MULTILINE), console


def test_block_number_outside_the_disk_is_an_error(built: Built, tmp_path: Path) -> None:
    data = b"x" * 9000
    disk = create_image(tmp_path / "disk.img", disk_files(built.user, data))
    image = bytearray(disk.read_bytes())
    inode_start = int.from_bytes(image[20:24], "little") * 4096
    count = int.from_bytes(image[16:20], "little")
    for number in range(1, count):
        at = inode_start + number * 128
        if int.from_bytes(image[at + 8 : at + 16], "little") == len(data):
            image[at + 16 + 4 : at + 16 + 8] = (0x7FFFFFFF).to_bytes(4, "little")  # its second block
    disk.write_bytes(image)
    status, console = boot(built.kernel, disk)
    assert status == 1
    assert "reader: read went wrong: it says: -5" in console  # EIO
