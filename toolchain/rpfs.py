# SPDX-License-Identifier: GPL-2.0-or-later
"""The file system RPFS on disk: its structures, and reading it without trusting it.

Little endian. Block 0 is the superblock; then a bitmap (one bit a block, set = used), a table of
128-byte inodes (number 0 unused) and data. A block number of 0 is a hole. A directory holds 64-byte
entries (u32 inode, name padded with NUL); inode 0 is a free entry.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from toolchain.errors import ToolchainError

MAGIC = 0x53465052
VERSION = 1
BLOCK_SIZE = 4096
INODE_SIZE = 128
ENTRY_SIZE = 64
NAME_SIZE = 60
DIRECT = 12
ROOT_INODE = 1
FREE, REGULAR, DIRECTORY, DEVICE = range(4)
KINDS = {REGULAR: "file", DIRECTORY: "directory", DEVICE: "device"}

SUPERBLOCK = struct.Struct("<9I")
INODE = struct.Struct(f"<HHIQ{DIRECT}III")
ENTRY = struct.Struct(f"<I{NAME_SIZE}s")


@dataclass(frozen=True)
class Superblock:
    """Fields of block 0 in the order they have there; sizes in bytes, places in block numbers."""

    magic: int
    version: int
    block_size: int
    total_blocks: int
    inode_count: int
    inode_start: int
    bitmap_start: int
    data_start: int
    root_inode: int

    def pack(self) -> bytes:
        return SUPERBLOCK.pack(*vars(self).values())

    @property
    def bitmap_blocks(self) -> int:
        return -(-self.total_blocks // (8 * self.block_size))

    @property
    def inode_blocks(self) -> int:
        return -(-self.inode_count * INODE_SIZE // self.block_size)

    def problems(self, file_size: int) -> list[str]:
        """What contradicts itself or an image of `file_size` bytes; empty if the rest can be read."""
        if self.magic != MAGIC:
            return [f"bad magic {self.magic:#010x} instead of {MAGIC:#010x}: not an RPFS image"]
        if self.version != VERSION:
            return [f"version {self.version} is not known (only {VERSION})"]
        if self.block_size not in (512, 1024, 2048, 4096, 8192, 16384, 32768, 65536):
            return [f"block size {self.block_size} is not a power of two from 512 to 65536"]
        found = []
        if self.total_blocks * self.block_size > file_size:
            needed = self.total_blocks * self.block_size
            found.append(
                f"cut short: {self.total_blocks} blocks need {needed} bytes, the image has {file_size}"
            )
        areas = sorted(
            [
                (0, 1, "superblock"),
                (self.bitmap_start, self.bitmap_blocks, "bitmap"),
                (self.inode_start, self.inode_blocks, "inode table"),
                (self.data_start, max(self.total_blocks - self.data_start, 0), "data"),
            ]
        )
        for (start, length, name), (following, _, other) in pairwise(areas):
            if start + length > following:
                found.append(f"the {name} (blocks {start} to {start + length - 1}) overlaps the {other}")
        if areas[-1][2] != "data" or self.data_start > self.total_blocks:
            found.append(f"data area at block {self.data_start} of {self.total_blocks} is misplaced")
        if not 0 < self.root_inode < self.inode_count:
            found.append(f"root inode {self.root_inode} is not one of the {self.inode_count} inodes")
        return found


@dataclass(frozen=True)
class Device:
    """What a path of a new image stands for instead of a file: a character device with this number."""

    number: int


@dataclass(frozen=True)
class Directory:
    """What a path of a new image stands for instead of a file: a directory, empty unless other paths are
    below it."""


Source = Path | bytes | Device | Directory
"""What a path of a new image stands for: a host file, the bytes themselves, a device, a directory."""


@dataclass(frozen=True)
class Inode:
    """One inode: kind (FREE, REGULAR, DIRECTORY, DEVICE), size in bytes, block numbers (0 = hole)."""

    kind: int
    links: int
    flags: int
    size: int
    direct: tuple[int, ...]
    indirect: int
    double_indirect: int

    def pack(self) -> bytes:
        fields = (self.kind, self.links, self.flags, self.size, *self.direct)
        return INODE.pack(*fields, self.indirect, self.double_indirect).ljust(INODE_SIZE, b"\0")

    @staticmethod
    def unpack(data: bytes) -> "Inode":
        kind, links, flags, size, *blocks = INODE.unpack_from(data)
        return Inode(kind, links, flags, size, tuple(blocks[:DIRECT]), blocks[DIRECT], blocks[DIRECT + 1])


@dataclass(frozen=True)
class TreeBlock:
    """A block that an inode holds: which block of the file, or None for a table of block numbers."""

    index: int | None
    block: int


class Volume:
    """An open image. Every reader here raises ToolchainError at the first thing that cannot be."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.name = name
        self._file = file
        self._size = file.seek(0, 2)
        file.seek(0)
        header = file.read(SUPERBLOCK.size)
        if len(header) < SUPERBLOCK.size:
            raise self.error(f"{self._size} bytes are too few for a superblock")
        self.superblock = Superblock(*SUPERBLOCK.unpack(header))
        self.superblock_problems = self.superblock.problems(self._size)

    def require_superblock(self) -> None:
        if self.superblock_problems:
            raise self.error(self.superblock_problems[0])

    def error(self, message: str) -> ToolchainError:
        return ToolchainError(f"{self.name}: {message}")

    def read_block(self, number: int) -> bytes:
        size = self.superblock.block_size
        self._file.seek(number * size)
        data = self._file.read(size)
        if len(data) != size:
            raise self.error(f"block {number} is beyond the end of the image")
        return data

    def bitmap(self) -> bytes:
        start = self.superblock.bitmap_start
        return b"".join(self.read_block(start + i) for i in range(self.superblock.bitmap_blocks))

    def inode(self, number: int) -> Inode:
        if not 0 < number < self.superblock.inode_count:
            raise self.error(f"inode {number} is not one of the {self.superblock.inode_count} inodes")
        block, offset = divmod(number * INODE_SIZE, self.superblock.block_size)
        data = self.read_block(self.superblock.inode_start + block)
        return Inode.unpack(data[offset : offset + INODE_SIZE])

    def in_data_area(self, block: int) -> bool:
        return self.superblock.data_start <= block < self.superblock.total_blocks

    def _table(self, block: int) -> tuple[int, ...]:
        return struct.unpack(f"<{self.superblock.block_size // 4}I", self.read_block(block))

    def tree(self, inode: Inode) -> Iterator[TreeBlock]:
        """All blocks an inode holds, tables included, by rising index; holes are left out.

        Does not follow a table outside the data area: the caller sees that block and judges. A device has
        none; its number stands where a file has its first block.
        """
        if inode.kind == DEVICE:
            return
        per_table = self.superblock.block_size // 4
        yield from (TreeBlock(i, block) for i, block in enumerate(inode.direct) if block)
        yield from self._subtree(inode.indirect, DIRECT)
        if not inode.double_indirect:
            return
        yield TreeBlock(None, inode.double_indirect)
        if self.in_data_area(inode.double_indirect):
            for i, table in enumerate(self._table(inode.double_indirect)):
                yield from self._subtree(table, DIRECT + per_table * (1 + i))

    def _subtree(self, table: int, first: int) -> Iterator[TreeBlock]:
        if not table:
            return
        yield TreeBlock(None, table)
        if self.in_data_area(table):
            yield from (TreeBlock(first + i, block) for i, block in enumerate(self._table(table)) if block)

    def contents(self, inode: Inode, what: str) -> Iterator[tuple[int, bytes]]:
        """Pieces (offset in bytes, data) of a file or directory, cut at its size; holes are left out."""
        size = self.superblock.block_size
        if inode.size > self.largest_file():
            raise self.error(f"{what}: size {inode.size} is more than a file can have")
        for held in self.tree(inode):
            if not self.in_data_area(held.block):
                raise self.error(f"{what}: block {held.block} is outside the data area")
            if held.index is not None and held.index * size < inode.size:
                offset = held.index * size
                yield offset, self.read_block(held.block)[: inode.size - offset]

    def largest_file(self) -> int:
        per_table = self.superblock.block_size // 4
        return (DIRECT + per_table + per_table**2) * self.superblock.block_size

    def entries(self, inode: Inode, what: str) -> Iterator[tuple[str, int]]:
        """(name, inode number) of a directory's entries in use, "." and ".." included."""
        if inode.size % ENTRY_SIZE:
            raise self.error(f"{what}: directory size {inode.size} is not a multiple of {ENTRY_SIZE}")
        seen = 0
        for offset, data in self.contents(inode, what):
            if offset != seen:
                break
            seen += len(data)
            for place in range(0, len(data), ENTRY_SIZE):
                number, raw = ENTRY.unpack_from(data, place)
                if number == 0:
                    continue
                yield self._entry_name(raw, f"{what}: entry {(offset + place) // ENTRY_SIZE}"), number
        if seen != inode.size:
            raise self.error(f"{what}: directory has no block for its byte {seen} (of {inode.size})")

    def _entry_name(self, raw: bytes, where: str) -> str:
        try:
            name = raw.split(b"\0", 1)[0].decode()
        except UnicodeDecodeError:
            raise self.error(f"{where}: name is not UTF-8") from None
        if not name or "/" in name:
            raise self.error(f"{where}: bad name {name!r}")
        return name


def open_volume(file: BinaryIO, path: Path) -> Volume:
    """A volume whose superblock is sound, or ToolchainError."""
    volume = Volume(file, str(path))
    volume.require_superblock()
    return volume
