# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel on a damaged disk: calls fail, the kernel does not; and `replug disk check` on such an image."""

import random
import re
import struct
from pathlib import Path

import pytest

from emulator import Machine, MachineOptions
from guestos.images import GUESTOS, INCLUDE, SYSTEM, build, kernel_image
from toolchain.assemble import assemble
from toolchain.disk import check_image, create_image, list_image

PROGRAMS = Path(__file__).parent / "programs"
BLOCK, INODE, ENTRY = 4096, 128, 64
SEEDS = range(14)
# What the kernel may say before it gives up: only what it needs to begin with is missing.
REFUSALS = re.compile(
    r"\npanic: hart \d: (cannot run /init|cannot read the superblock from the disk"
    r"|the disk holds no RPFS file system( of version 1)?"
    r"|the disk's file system has blocks of another size than 4096 bytes"
    r"|the superblock's figures contradict each other)\n$"
)


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """The kernel and a sound image with survive.c as its /init."""
    out = tmp_path_factory.mktemp("guest")
    user = GUESTOS / "user"
    program = assemble(
        [
            user / "lib/system_calls.S", user / "bin/lib/start.S", user / "bin/lib/text.c",
            PROGRAMS / "survive.c",
        ],
        out / "survive.elf", link_script=user / "link.ld", include=[INCLUDE], root=GUESTOS.parent,
    )  # fmt: skip
    contents = random.Random(0)
    files = {
        **SYSTEM,
        "/init": program,
        "/f": contents.randbytes(80_000),
        "/d/x": contents.randbytes(5000),
        "/d/y": b"short",
        "/d/e/z": contents.randbytes(60_000),
        "/d/e/x": b"",
    }
    return build(kernel_image(), out), create_image(out / "sound.img", files, blocks=400).read_bytes()


class Damage:
    """Changes an image where it hurts."""

    def __init__(self, image: bytes, seed: int, numbers: dict[str, int]) -> None:
        self.image = bytearray(image)
        self.random = random.Random(seed)
        (self.blocks, self.inodes, self.inode_start, self.bitmap_start, self.data_start) = struct.unpack_from(
            "<5I", image, 12
        )
        self.numbers = numbers

    def inode_at(self) -> int:
        names = [name for name in self.numbers if name.startswith(("/d", "/f"))]
        return self.inode_start * BLOCK + self.numbers[self.random.choice(names)] * INODE

    def block_number(self) -> int:
        choices = (
            0,
            1,
            self.data_start - 1,
            self.data_start,
            self.blocks - 1,
            self.blocks,
            0x7FFFFFFF,
            0xFFFFFFFF,
        )
        return self.random.choice((*choices, self.random.randrange(self.blocks)))

    def inode_number(self) -> int:
        choices = (0, 1, self.inodes - 1, self.inodes, 0xFFFFFFFF, *self.numbers.values())
        return self.random.choice(choices)

    def put(self, at: int, form: str, value: int) -> None:
        struct.pack_into(form, self.image, at, value)

    def once(self) -> None:
        pick = self.random
        at = self.inode_at()
        kind = pick.randrange(9)
        if kind == 0:
            self.put(at, "<H", pick.choice((0, 1, 2, 3, 4, 0xFFFF)))
        elif kind == 1:
            self.put(at + 2, "<H", pick.choice((0, 1, 2, 0xFFFF)))
        elif kind == 2:
            self.put(
                at + 8,
                "<Q",
                pick.choice((0, 1, 63, 65, 4096, 1 << 20, 1 << 32, 1 << 52, (1 << 64) - 1, 1 << 63)),
            )
        elif kind in (3, 4):
            self.put(at + 16 + 4 * pick.randrange(14), "<I", self.block_number())
        elif kind == 5:  # an entry of a table of block numbers
            table = struct.unpack_from("<I", self.image, at + 64)[0]
            if table < self.blocks:
                self.put(table * BLOCK + 4 * pick.randrange(16), "<I", self.block_number())
        elif kind == 6:  # an entry of a directory
            block = struct.unpack_from("<I", self.image, at + 16)[0]
            if block < self.blocks:
                self.put(block * BLOCK + ENTRY * pick.randrange(6), "<I", self.inode_number())
        elif kind == 7:
            block = struct.unpack_from("<I", self.image, at + 16)[0]
            if block < self.blocks:
                place = block * BLOCK + ENTRY * pick.randrange(6) + 4
                self.image[place : place + 60] = pick.choice(
                    (bytes(60), b"/" * 60, b"a" * 60, pick.randbytes(60))
                )
        else:
            place = self.bitmap_start * BLOCK + pick.randrange(self.blocks // 8)
            self.image[place] = pick.choice((0, 255, pick.randrange(256)))


def survives(guest: tuple[Path, bytes], image: bytes, scratch: Path, *, harts: int = 2) -> str:
    """Boots it; returns the console."""
    kernel, _ = guest
    disk = scratch / "disk.img"
    disk.write_bytes(image)
    console = bytearray()
    with Machine(
        kernel, MachineOptions(harts=harts, quantum=150, disk=disk), console=console.extend
    ) as machine:
        outcome = machine.run(400_000_000)
    text = console.decode(errors="replace")
    assert outcome.reason == "exit", f"{outcome.reason}\n{text}"
    if outcome.status == 0:
        assert "survived: " in text
    else:
        assert REFUSALS.search("\n" + text), text
    return text


def test_sound_disk(guest: tuple[Path, bytes], tmp_path: Path) -> None:
    assert "survived" in survives(guest, guest[1], tmp_path)


@pytest.mark.parametrize("seed", SEEDS)
def test_damaged_disk(guest: tuple[Path, bytes], tmp_path: Path, seed: int) -> None:
    """From one to six damages at once; `replug disk check` says what it finds, a line each."""
    (tmp_path / "sound.img").write_bytes(guest[1])
    numbers = {entry.path: entry.inode for entry in list_image(tmp_path / "sound.img")}
    damage = Damage(guest[1], seed, numbers)
    for _ in range(1 + seed % 6):
        damage.once()
    survives(guest, bytes(damage.image), tmp_path)
    (tmp_path / "damaged.img").write_bytes(damage.image)
    found = check_image(tmp_path / "damaged.img")
    assert all("\n" not in line for line in found)


def test_damaged_anywhere(guest: tuple[Path, bytes], tmp_path: Path) -> None:
    """Bytes of the superblock and of what follows it."""
    for seed in range(8):
        pick = random.Random(seed)
        image = bytearray(guest[1])
        for _ in range(3):
            image[pick.randrange(40 if seed % 2 else 6 * BLOCK)] = pick.randrange(256)
        survives(guest, bytes(image), tmp_path)
