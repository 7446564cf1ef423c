# SPDX-License-Identifier: GPL-2.0-or-later
"""Disk images with the file system RPFS: make one, list it, take files out of it, check it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from toolchain.disk_check import problems
from toolchain.disk_create import write_image
from toolchain.errors import ToolchainError
from toolchain.rpfs import (
    BLOCK_SIZE,
    DIRECTORY,
    KINDS,
    REGULAR,
    Device,
    Directory,
    Source,
    Volume,
    open_volume,
)

__all__ = [
    "BLOCK_SIZE",
    "Device",
    "Directory",
    "Entry",
    "Source",
    "check_image",
    "create_image",
    "extract_image",
    "folder_files",
    "list_image",
]


@dataclass(frozen=True)
class Entry:
    """A file or directory of an image: path ("/data"), kind (file, directory, device), size in bytes,
    inode number, link count, blocks held (tables of block numbers included)."""

    path: str
    kind: str
    size: int
    inode: int
    links: int
    blocks: int


def create_image(output: Path, files: Mapping[str, Source], *, blocks: int | None = None) -> Path:
    """Write an image with `files`: path inside ("/init", "bin/sh"; directories come by themselves) to
    a host file, the bytes themselves, a Device or a Directory. The same files give the same bytes.

    blocks: size of the image in blocks of 4096 bytes; by default just enough for the files and 256
    free blocks. Returns `output`. Raises ToolchainError (bad path, unreadable file, no room); an
    older `output` is then left as it was.
    """
    return write_image(output, files, blocks)


def folder_files(folder: Path) -> dict[str, Source]:
    """What a host folder holds, for create_image: every file and directory below it, links followed for files
    only. Raises ToolchainError for what is neither (a socket, a link to nowhere) and for what cannot be read.
    """
    found: dict[str, Source] = {}
    pending = [folder]
    while pending:
        directory = pending.pop()
        try:
            entries = sorted(directory.iterdir())
        except OSError as error:
            raise ToolchainError(f"{directory}: {error.strerror or error}") from None
        for entry in entries:
            path = f"/{entry.relative_to(folder).as_posix()}"
            if entry.is_file():
                found[path] = entry
            elif entry.is_dir() and not entry.is_symlink():
                found[path] = Directory()
                pending.append(entry)
            else:
                raise ToolchainError(f"{entry}: neither a file nor a directory")
    return found


@contextmanager
def _opened(image: Path) -> Iterator[Volume]:
    try:
        with image.open("rb") as file:
            yield open_volume(file, image)
    except OSError as error:
        raise ToolchainError(f"{error.filename or image}: {error.strerror or error}") from None


def _walk(volume: Volume) -> Iterator[Entry]:
    """Everything below the root, parents before children, in the order of the directories."""
    root = volume.superblock.root_inode
    if volume.inode(root).kind != DIRECTORY:
        raise volume.error("the root inode is not a directory")
    seen = {root}
    pending = [("", root)]
    while pending:
        prefix, number = pending.pop(0)
        for name, child in volume.entries(volume.inode(number), prefix or "/"):
            if name in (".", ".."):
                continue
            path = f"{prefix}/{name}"
            inode = volume.inode(child)
            if inode.kind not in KINDS:
                raise volume.error(f"{path}: inode {child} is free or of unknown type {inode.kind}")
            if inode.kind == DIRECTORY:
                if child in seen:
                    raise volume.error(f"{path}: directory loop (inode {child} met twice)")
                seen.add(child)
                pending.append((path, child))
            held = sum(1 for _ in volume.tree(inode))
            yield Entry(path, KINDS[inode.kind], inode.size, child, inode.links, held)


def list_image(image: Path) -> list[Entry]:
    """All files and directories of an image, sorted by path. Raises ToolchainError if it is damaged."""
    with _opened(image) as volume:
        return sorted(_walk(volume), key=lambda entry: entry.path)


def extract_image(image: Path, destination: Path) -> list[Path]:
    """Copy all files and directories of an image below the directory `destination` (made if absent).

    Devices are left out. Returns the host paths of the files. Raises ToolchainError if the image is
    damaged or a file cannot be written.
    """
    written = []
    with _opened(image) as volume:
        destination.mkdir(parents=True, exist_ok=True)
        for entry in list(_walk(volume)):
            target = destination.joinpath(*entry.path.split("/")[1:])
            if entry.kind == KINDS[DIRECTORY]:
                target.mkdir(exist_ok=True)
            elif entry.kind == KINDS[REGULAR]:
                with target.open("wb") as file:
                    for offset, data in volume.contents(volume.inode(entry.inode), entry.path):
                        file.seek(offset)
                        file.write(data)
                    file.truncate(entry.size)
                written.append(target)
    return written


def check_image(image: Path) -> list[str]:
    """What is wrong with an image, one line each; empty if it is consistent.

    Raises ToolchainError only if the image cannot be read at all (no such file).
    """
    try:
        with image.open("rb") as file:
            return problems(file)
    except OSError as error:
        raise ToolchainError(f"{image}: {error.strerror or error}") from None
