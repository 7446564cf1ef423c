# SPDX-License-Identifier: GPL-2.0-or-later
"""Is an RPFS image consistent? Finds all that is wrong, not only the first."""

from typing import BinaryIO

from toolchain.errors import ToolchainError
from toolchain.rpfs import DIRECTORY, FREE, KINDS, REGULAR, Inode, Volume

MOST = 100
"""Damage that comes in thousands (a lost bitmap) is told by its first hundred."""


def problems(file: BinaryIO) -> list[str]:
    """One line for each thing that is wrong with the image; empty if nothing is."""
    try:
        volume = Volume(file, "")
    except ToolchainError as error:
        return [_text(error)]
    if volume.superblock_problems:
        return volume.superblock_problems
    check = _Check(volume)
    check.run()
    left_out = len(check.found) - MOST
    return check.found[:MOST] + ([f"... and {left_out} more"] if left_out > 0 else [])


def _text(error: ToolchainError) -> str:
    return str(error).removeprefix(": ")


class _Check:
    """State of one check: what was found, who holds each block, how often each inode is named."""

    def __init__(self, volume: Volume) -> None:
        self.volume = volume
        self.found: list[str] = []
        self.holder: dict[int, int] = {}
        self.names: dict[int, int] = {}
        self.first_name: dict[int, str] = {}
        self.subdirectories: dict[int, int] = {}

    def run(self) -> None:
        superblock = self.volume.superblock
        root = superblock.root_inode
        inodes: dict[int, Inode] = {}
        for number in range(1, superblock.inode_count):
            inode = self.volume.inode(number)
            if inode.kind != FREE:
                inodes[number] = inode
                self._inode(number, inode)
        if root not in inodes or inodes[root].kind != DIRECTORY:
            self.found.append(f"the root inode {root} is not a directory")
        else:
            self._directories(inodes, root)
        self._links(inodes, root)
        self._bitmap()

    def _inode(self, number: int, inode: Inode) -> None:
        what = f"inode {number}"
        if inode.kind not in KINDS:
            self.found.append(f"{what}: unknown type {inode.kind}")
            return
        if inode.size > self.volume.largest_file():
            self.found.append(f"{what}: size {inode.size} is more than a file can have")
        if inode.kind not in (REGULAR, DIRECTORY):
            return
        limit = -(-inode.size // self.volume.superblock.block_size)
        for held in self.volume.tree(inode):
            if not self.volume.in_data_area(held.block):
                self.found.append(f"{what}: block {held.block} is outside the data area")
            elif held.block in self.holder:
                other = self.holder[held.block]
                also = "twice by itself" if other == number else f"by inode {other} too"
                self.found.append(f"{what}: block {held.block} is held {also}")
            else:
                self.holder[held.block] = number
            if held.index is not None and held.index >= limit:
                self.found.append(f"{what}: block {held.block} lies beyond its size of {inode.size} bytes")
            if len(self.found) > 10 * MOST:
                return

    def _directories(self, inodes: dict[int, Inode], root: int) -> None:
        pending = [("", root, root)]
        self.first_name[root] = "/"
        while pending:
            prefix, number, parent = pending.pop(0)
            dots = {".": number, "..": parent}
            met: set[str] = set()
            for name, child in self._entries(inodes[number], prefix or "/"):
                path = f"{prefix}/{name}"
                if name in met:
                    self.found.append(f"{path}: name used twice")
                met.add(name)
                if name in dots:
                    if child != dots[name]:
                        self.found.append(f"{path}: leads to inode {child} instead of {dots[name]}")
                elif child not in inodes:
                    self.found.append(f"{path}: inode {child} is free or does not exist")
                else:
                    self.names[child] = self.names.get(child, 0) + 1
                    if inodes[child].kind != DIRECTORY:
                        self.first_name.setdefault(child, path)
                    elif child in self.first_name:
                        self.found.append(
                            f"{path}: directory loop: inode {child} is {self.first_name[child]}"
                        )
                    else:
                        self.first_name[child] = path
                        self.subdirectories[number] = self.subdirectories.get(number, 0) + 1
                        pending.append((path, child, number))
            for name in dots.keys() - met:
                self.found.append(f"{prefix or '/'}: entry {name!r} is missing")

    def _entries(self, inode: Inode, what: str) -> list[tuple[str, int]]:
        entries = []
        try:
            for entry in self.volume.entries(inode, what):
                entries.append(entry)
        except ToolchainError as error:
            self.found.append(_text(error))
        return entries

    def _links(self, inodes: dict[int, Inode], root: int) -> None:
        for number, inode in inodes.items():
            if number not in self.first_name:
                self.found.append(f"inode {number}: in use, but no directory names it")
                continue
            wanted = self.names.get(number, 0)
            if inode.kind == DIRECTORY:
                wanted = 2 + self.subdirectories.get(number, 0)
            if inode.links != wanted and inode.kind in KINDS:
                where = self.first_name[number]
                self.found.append(f"inode {number} ({where}): link count {inode.links} instead of {wanted}")

    def _bitmap(self) -> None:
        bitmap = self.volume.bitmap()
        for block in range(self.volume.superblock.total_blocks):
            marked = bool(bitmap[block // 8] >> block % 8 & 1)
            held = block < self.volume.superblock.data_start or block in self.holder
            if marked and not held:
                self.found.append(f"bitmap: block {block} is marked used, but nothing holds it")
            elif held and not marked:
                holder = f"inode {self.holder[block]}" if block in self.holder else "the file system"
                self.found.append(f"bitmap: block {block} is marked free, but {holder} holds it")
