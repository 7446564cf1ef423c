# SPDX-License-Identifier: GPL-2.0-or-later
"""Laying out an RPFS image: a plan of inodes and blocks first, then one pass over the file."""

import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from toolchain import rpfs
from toolchain.errors import ToolchainError
from toolchain.output import check_output
from toolchain.rpfs import (
    BLOCK_SIZE,
    DEVICE,
    DIRECT,
    DIRECTORY,
    ENTRY,
    ENTRY_SIZE,
    NAME_SIZE,
    REGULAR,
    Device,
    Directory,
    Source,
)

FREE_BLOCKS = 256
"""Blocks left free by default, for files that the guest makes."""
SPARE_INODES = 64
_PER_TABLE = BLOCK_SIZE // 4
_LARGEST = (DIRECT + _PER_TABLE + _PER_TABLE**2) * BLOCK_SIZE


@dataclass
class _Node:
    """A file or device (source set) or directory (children) of the plan."""

    path: str
    source: Path | bytes | Device | None = None
    children: dict[str, "_Node"] = field(default_factory=dict)
    number: int = 0
    size: int = 0
    first_block: int = 0

    @property
    def data_blocks(self) -> int:
        return -(-self.size // BLOCK_SIZE)

    @property
    def tables(self) -> int:
        """Blocks of block numbers: the indirect one, then the double indirect one and those under it."""
        beyond = self.data_blocks - DIRECT
        if beyond <= 0:
            return 0
        further = beyond - _PER_TABLE
        return 1 if further <= 0 else 2 + -(-further // _PER_TABLE)


def write_image(output: Path, files: Mapping[str, Source], blocks: int | None) -> Path:
    """See toolchain.disk.create_image."""
    check_output(output)
    nodes = _plan(files)
    superblock, used = _lay_out(nodes, blocks, output)
    partial = output.with_name(f".{output.name}.{os.getpid()}.partial")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.truncate(superblock.total_blocks * BLOCK_SIZE)
            _write(file, nodes, superblock, used)
        partial.replace(output)
    except OSError as error:
        raise ToolchainError(f"{error.filename or output}: {error.strerror or error}") from None
    finally:
        partial.unlink(missing_ok=True)
    return output


def _components(path: str) -> list[str]:
    names = path.removeprefix("/").split("/")
    for name in names:
        if name in ("", ".", "..") or "\0" in name:
            raise ToolchainError(f"disk path {path!r}: bad name {name!r}")
        try:
            length = len(name.encode())
        except UnicodeEncodeError:
            raise ToolchainError(f"disk path {path!r}: not UTF-8") from None
        if length >= NAME_SIZE:
            raise ToolchainError(
                f"disk path {path!r}: a name has {length} bytes, at most {NAME_SIZE - 1} fit"
            )
    return names


def _plan(files: Mapping[str, Source]) -> list[_Node]:
    """The root and everything below it, by path; numbered, with sizes."""
    root = _Node("/")
    for path, source in files.items():
        *directories, name = _components(path)
        node = root
        for directory in directories:
            node = node.children.setdefault(directory, _Node(f"{node.path.rstrip('/')}/{directory}"))
            if node.source is not None:
                raise ToolchainError(f"disk path {path!r}: {node.path} is a file")
        if isinstance(source, Directory):
            node = node.children.setdefault(name, _Node(f"{node.path.rstrip('/')}/{name}"))
            if node.source is not None:
                raise ToolchainError(f"disk path {path!r}: {node.path} is a file")
            continue
        if name in node.children:
            raise ToolchainError(f"disk path {path!r} is given twice, or is a directory already")
        node.children[name] = _Node(f"{node.path.rstrip('/')}/{name}", source)
    nodes = list(_by_path(root))
    for number, node in enumerate(nodes, start=rpfs.ROOT_INODE):
        node.number = number
        node.size = _size(node)
    return nodes


def _by_path(node: _Node) -> Iterator[_Node]:
    yield node
    for name in sorted(node.children):
        yield from _by_path(node.children[name])


def _size(node: _Node) -> int:
    if node.source is None:
        # Whole blocks: the free entries at the end are room for files that the guest makes.
        wanted = (2 + len(node.children)) * ENTRY_SIZE
        return -(-wanted // BLOCK_SIZE) * BLOCK_SIZE
    if isinstance(node.source, Device):
        return 0
    if isinstance(node.source, bytes):
        size = len(node.source)
    else:
        try:
            if not node.source.is_file():
                raise ToolchainError(
                    f"{node.source}: {'not a file' if node.source.exists() else 'no such file'}"
                )
            size = node.source.stat().st_size
        except OSError as error:
            raise ToolchainError(f"{node.source}: {error.strerror or error}") from None
    if size > _LARGEST:
        raise ToolchainError(f"disk path {node.path!r}: {size} bytes, a file holds at most {_LARGEST}")
    return size


def _lay_out(nodes: list[_Node], blocks: int | None, output: Path) -> tuple[rpfs.Superblock, int]:
    """Place everything; returns the superblock and how many blocks are used (they are the first)."""
    inode_blocks = -(-(1 + len(nodes) + SPARE_INODES) * rpfs.INODE_SIZE // BLOCK_SIZE)
    inode_count = inode_blocks * BLOCK_SIZE // rpfs.INODE_SIZE
    held = sum(node.data_blocks + node.tables for node in nodes)
    total = blocks if blocks is not None else 0
    bitmap_blocks = max(-(-total // (8 * BLOCK_SIZE)), 1)
    if blocks is None:
        while total < (total := 1 + bitmap_blocks + inode_blocks + held + FREE_BLOCKS):
            bitmap_blocks = -(-total // (8 * BLOCK_SIZE))
    data_start = 1 + bitmap_blocks + inode_blocks
    if total < data_start + held:
        raise ToolchainError(f"{output}: {blocks} blocks are too few, these files need {data_start + held}")
    if total >= 1 << 32:
        raise ToolchainError(f"{output}: {total} blocks are more than block numbers can count")
    following = data_start
    for node in nodes:
        node.first_block = following
        following += node.data_blocks + node.tables
    superblock = rpfs.Superblock(
        magic=rpfs.MAGIC,
        version=rpfs.VERSION,
        block_size=BLOCK_SIZE,
        total_blocks=total,
        inode_count=inode_count,
        inode_start=1 + bitmap_blocks,
        bitmap_start=1,
        data_start=data_start,
        root_inode=rpfs.ROOT_INODE,
    )
    return superblock, following


def _write(file: BinaryIO, nodes: list[_Node], superblock: rpfs.Superblock, used: int) -> None:
    file.write(superblock.pack())
    file.seek(superblock.bitmap_start * BLOCK_SIZE)
    file.write(b"\xff" * (used // 8) + bytes([(1 << used % 8) - 1]))
    parents = {id(child): node for node in nodes for child in node.children.values()}
    for node in nodes:
        inode = _write_tables(file, node)
        file.seek(superblock.inode_start * BLOCK_SIZE + node.number * rpfs.INODE_SIZE)
        file.write(inode.pack())
        file.seek(node.first_block * BLOCK_SIZE)
        if node.source is None:
            file.write(_directory(node, parents.get(id(node), node)))
        elif isinstance(node.source, bytes):
            file.write(node.source)
        elif isinstance(node.source, Path):
            _copy(file, node.source, node.size)


def _write_tables(file: BinaryIO, node: _Node) -> rpfs.Inode:
    """The inode of a node; writes its indirect tables, which follow its data blocks."""
    numbers = range(node.first_block, node.first_block + node.data_blocks)
    table = node.first_block + node.data_blocks
    chunks = [numbers[i : i + _PER_TABLE] for i in range(DIRECT, len(numbers), _PER_TABLE)]
    indirect = double_indirect = 0
    if chunks:
        indirect = table
        _write_table(file, indirect, chunks[0])
    if len(chunks) > 1:
        double_indirect = table + 1
        _write_table(file, double_indirect, range(table + 2, table + 1 + len(chunks)))
        for i, chunk in enumerate(chunks[1:]):
            _write_table(file, table + 2 + i, chunk)
    if isinstance(node.source, Device):
        return rpfs.Inode(DEVICE, 1, 0, 0, (node.source.number, *[0] * (DIRECT - 1)), 0, 0)
    kind = DIRECTORY if node.source is None else REGULAR
    below = sum(1 for child in node.children.values() if child.source is None)
    links = 2 + below if kind == DIRECTORY else 1
    direct = (*numbers[:DIRECT], *[0] * DIRECT)[:DIRECT]
    return rpfs.Inode(kind, links, 0, node.size, direct, indirect, double_indirect)


def _write_table(file: BinaryIO, block: int, numbers: range) -> None:
    file.seek(block * BLOCK_SIZE)
    file.write(struct.pack(f"<{len(numbers)}I", *numbers))


def _directory(node: _Node, parent: _Node) -> bytes:
    entries = [(".", node), ("..", parent), *sorted(node.children.items())]
    return b"".join(ENTRY.pack(child.number, name.encode()) for name, child in entries)


def _copy(file: BinaryIO, source: Path, size: int) -> None:
    left = size
    with source.open("rb") as origin:
        while left and (data := origin.read(min(left, 1 << 20))):
            file.write(data)
            left -= len(data)
        if left or origin.read(1):
            raise ToolchainError(f"{source}: changed while it was copied")
