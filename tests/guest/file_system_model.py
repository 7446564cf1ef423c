# SPDX-License-Identifier: GPL-2.0-or-later
"""What the guest's system calls on files should give: a model on the host, without blocks, caches or locks.

It says `None` for a call that would wait, or whose outcome it does not know: such a call is left out.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

EPERM, ENOENT, EBADF, EAGAIN, EBUSY, EEXIST, EXDEV, ENOTDIR = 1, 2, 9, 11, 16, 17, 18, 20
EISDIR, EINVAL, EMFILE, EFBIG, ESPIPE, ENOTEMPTY = 21, 22, 24, 27, 29, 39
O_WRONLY, O_RDWR, O_ACCMODE, O_CREAT, O_EXCL, O_TRUNC, O_APPEND = 1, 2, 3, 0x40, 0x80, 0x200, 0x400
REGULAR, DIRECTORY, DEVICE, PIPE = 1, 2, 3, 4
READ_LOCK, WRITE_LOCK, UNLOCK = 0, 1, 2
DESCRIPTORS = 16
RESERVED = frozenset({3, 5, 7, 9, 12})  # what an actor of trace.c needs itself
PIPE_BYTES = 2048
FOREVER = 1 << 64

Answer = tuple[int, int] | None
"""The result of a call (32 bits, as a signed number) and the checksum of what it delivered."""


@dataclass(eq=False)
class Inode:
    """A file, directory or device (its name) of a file system with blocks of so many bytes."""

    kind: int
    block_size: int
    data: bytearray = field(default_factory=bytearray)
    entries: dict[str, Inode] = field(default_factory=dict)
    parent: Inode | None = None
    links: int = 1
    device: str = ""
    mounted: Inode | None = None
    covers: Inode | None = None
    locks: list[Lock] = field(default_factory=list)

    @property
    def limit(self) -> int:
        per_block = self.block_size // 4
        return (12 + per_block + per_block**2) * self.block_size


@dataclass
class Lock:
    actor: int
    start: int
    end: int
    kind: int


@dataclass(eq=False)
class Pipe:
    data: bytearray = field(default_factory=bytearray)
    readers: int = 1
    writers: int = 1


@dataclass(eq=False)
class OpenFile:
    target: Inode | Pipe
    flags: int
    offset: int = 0
    references: int = 1


@dataclass
class Actor:
    descriptors: list[OpenFile | None]
    directory: Inode


class ModelError(Exception):
    """A call fails with this errno."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def pattern(seed: int, count: int) -> bytes:
    """What trace.c writes."""
    return bytes((seed + 7 * i + (i >> 8)) & 255 for i in range(count))


class Model:
    """The file systems, and the actors of the present trace by number."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.root = Inode(DIRECTORY, 4096, links=2)
        self.root.parent = self.root
        for path in ("dev", "tmp"):
            self._new(self.root, path, DIRECTORY)
        for name in ("null", "zero"):
            self._new(self.root.entries["dev"], name, DEVICE).device = name
        memory = Inode(DIRECTORY, 1024, links=2)
        memory.parent = memory
        memory.covers = self.root.entries["tmp"]
        self.root.entries["tmp"].mounted = memory
        for path, data in files.items():
            self._new(self.root, path, REGULAR).data = bytearray(data)
        self.actors: dict[int, Actor] = {}
        self.begin()

    def begin(self) -> None:
        """A new trace: one actor."""
        self.actors = {0: Actor([None] * DESCRIPTORS, self.root)}

    def end(self) -> None:
        for number in list(self.actors):
            self.exit(number)

    def _new(self, directory: Inode, name: str, kind: int) -> Inode:
        inode = Inode(kind, directory.block_size, links=2 if kind == DIRECTORY else 1)
        if kind == DIRECTORY:
            inode.parent = directory
            directory.links += 1
        directory.entries[name] = inode
        return inode

    # --- paths ---

    def _step(self, directory: Inode, name: str) -> Inode:
        if directory.kind != DIRECTORY:
            raise ModelError(ENOTDIR)
        if name == ".." and directory.covers is not None:
            directory = directory.covers
            assert directory.parent is not None
            return directory.parent
        if directory.links == 0:
            raise ModelError(ENOENT)
        if name == ".":
            return directory
        if name == "..":
            assert directory.parent is not None
            return directory.parent
        if name not in directory.entries:
            raise ModelError(ENOENT)
        found = directory.entries[name]
        return found.mounted or found

    def _walk(self, actor: Actor, path: str) -> tuple[Inode, str]:
        """The directory of the last name, and that name."""
        at = self.root if path.startswith("/") else actor.directory
        *names, last = path.strip("/").split("/")
        for name in names:
            at = self._step(at, name)
        if at.kind != DIRECTORY:
            raise ModelError(ENOTDIR)
        return at, last

    def _lookup(self, actor: Actor, path: str) -> Inode:
        return self._step(*self._walk(actor, path))

    # --- descriptors ---

    def _slot(self, actor: Actor) -> int:
        for number, file in enumerate(actor.descriptors):
            if file is None and number not in RESERVED:
                return number
        raise ModelError(EMFILE)

    def _file(self, actor: Actor, fd: int) -> OpenFile:
        if not 0 <= fd < DESCRIPTORS:
            raise ModelError(EBADF)
        file = actor.descriptors[fd]
        if file is None:
            raise ModelError(EBADF)
        return file

    def _close(self, number: int, fd: int) -> None:
        actor = self.actors[number]
        file = actor.descriptors[fd]
        assert file is not None
        actor.descriptors[fd] = None
        target = file.target
        if isinstance(target, Inode):
            target.locks = [lock for lock in target.locks if lock.actor != number]
        file.references -= 1
        if file.references == 0 and isinstance(target, Pipe):
            if file.flags & O_ACCMODE == O_WRONLY:
                target.writers = 0
            else:
                target.readers = 0

    # --- calls: each gives a result and a checksum; ModelError is an errno, None leaves the call out ---

    def open(self, number: int, path: str, flags: int) -> Answer:
        actor = self.actors[number]
        if flags & O_ACCMODE == O_ACCMODE:
            raise ModelError(EINVAL)
        if flags & O_CREAT:
            inode, made = self._create(actor, path, REGULAR)
            if not made and flags & O_EXCL:
                raise ModelError(EEXIST)
        else:
            inode = self._lookup(actor, path)
        if inode.kind == DIRECTORY and flags & (O_ACCMODE | O_TRUNC):
            raise ModelError(EISDIR)
        fd = self._slot(actor)
        actor.descriptors[fd] = OpenFile(inode, flags)
        if flags & O_TRUNC and inode.kind == REGULAR:
            inode.data.clear()
        return fd, 0

    def _create(self, actor: Actor, path: str, kind: int) -> tuple[Inode, bool]:
        directory, name = self._walk(actor, path)
        try:
            return self._step(directory, name), False
        except ModelError as error:
            if error.number != ENOENT or directory.links == 0:
                raise
        return self._new(directory, name, kind), True

    def close(self, number: int, fd: int) -> Answer:
        self._file(self.actors[number], fd)
        self._close(number, fd)
        return 0, 0

    def _locked(self, number: int, inode: Inode, start: int, end: int, kind: int) -> bool:
        return any(
            lock.actor != number and lock.start < end and start < lock.end and (lock.kind or kind)
            for lock in inode.locks
        )

    def read(self, number: int, fd: int, count: int) -> Answer:
        file = self._file(self.actors[number], fd)
        if file.flags & O_ACCMODE == O_WRONLY:
            raise ModelError(EBADF)
        target = file.target
        if isinstance(target, Pipe):
            if not target.data and target.writers:
                return None
            data = bytes(target.data[:count])
            del target.data[:count]
        elif target.kind == DEVICE:
            data = bytes(count if target.device == "zero" else 0)
        elif target.kind == DIRECTORY:
            return None
        else:
            if self._locked(number, target, file.offset, file.offset + count, READ_LOCK):
                return None
            data = bytes(target.data[file.offset : file.offset + count])
            file.offset += len(data)
        return len(data), zlib.crc32(data)

    def write(self, number: int, fd: int, count: int, seed: int) -> Answer:
        file = self._file(self.actors[number], fd)
        if file.flags & O_ACCMODE == 0:
            raise ModelError(EBADF)
        target, data = file.target, pattern(seed, count)
        if isinstance(target, Pipe):
            if not target.readers or len(target.data) + count > PIPE_BYTES:
                return None
            target.data += data
        elif target.kind == REGULAR:
            start = len(target.data) if file.flags & O_APPEND else file.offset
            if self._locked(number, target, start, start + count, WRITE_LOCK):
                return None
            if start + count > target.limit:
                return None
            if count:
                target.data.extend(bytes(max(0, start - len(target.data))))
                target.data[start : start + count] = data
            file.offset = start + count
        return count, 0

    def lseek(self, number: int, fd: int, distance: int, whence: int) -> Answer:
        file = self._file(self.actors[number], fd)
        target = file.target
        if isinstance(target, Pipe) or target.kind == DEVICE:
            raise ModelError(ESPIPE)
        if target.kind == DIRECTORY:
            return None
        if whence not in (0, 1, 2):
            raise ModelError(EINVAL)
        offset = (0, file.offset, len(target.data))[whence] + distance
        if offset < 0:
            raise ModelError(EINVAL)
        file.offset = offset
        return offset, 0

    def dup(self, number: int, fd: int) -> Answer:
        actor = self.actors[number]
        file = self._file(actor, fd)
        slot = self._slot(actor)
        actor.descriptors[slot] = file
        file.references += 1
        return slot, 0

    def dup2(self, number: int, fd: int, slot: int) -> Answer:
        actor = self.actors[number]
        file = self._file(actor, fd)
        if slot in RESERVED:
            return None
        if fd != slot:
            if not 0 <= slot < DESCRIPTORS:
                raise ModelError(EBADF)
            file.references += 1
            if actor.descriptors[slot] is not None:
                self._close(number, slot)
            actor.descriptors[slot] = file
        return slot, 0

    def _resize(self, inode: Inode, size: int) -> None:
        if not 0 <= size <= inode.limit:
            raise ModelError(EFBIG)
        del inode.data[size:]
        inode.data.extend(bytes(size - len(inode.data)))

    def truncate(self, number: int, path: str, size: int) -> Answer:
        inode = self._lookup(self.actors[number], path)
        if inode.kind != REGULAR:
            raise ModelError(EISDIR if inode.kind == DIRECTORY else EINVAL)
        self._resize(inode, size)
        return 0, 0

    def ftruncate(self, number: int, fd: int, size: int) -> Answer:
        file = self._file(self.actors[number], fd)
        if not file.flags & O_ACCMODE or isinstance(file.target, Pipe) or file.target.kind != REGULAR:
            raise ModelError(EINVAL)
        self._resize(file.target, size)
        return 0, 0

    def unlink(self, number: int, path: str) -> Answer:
        directory, name = self._walk(self.actors[number], path)
        if name in (".", ".."):
            raise ModelError(EINVAL)
        inode = self._step(directory, name)
        if directory.entries[name] is not inode:
            raise ModelError(EBUSY)
        if inode.entries:
            raise ModelError(ENOTEMPTY)
        del directory.entries[name]
        if inode.kind == DIRECTORY:
            directory.links -= 1
            inode.links = 0
        else:
            inode.links -= 1
        return 0, 0

    def link(self, number: int, path: str, new: str) -> Answer:
        actor = self.actors[number]
        inode = self._lookup(actor, path)
        if inode.kind == DIRECTORY:
            raise ModelError(EPERM)
        directory, name = self._walk(actor, new)
        self._same_file_system(inode, directory)
        try:
            self._step(directory, name)
        except ModelError as error:
            if error.number != ENOENT or directory.links == 0:
                raise
        else:
            raise ModelError(EEXIST)
        directory.entries[name] = inode
        inode.links += 1
        return 0, 0

    @staticmethod
    def _same_file_system(one: Inode, other: Inode) -> None:
        if one.block_size != other.block_size:  # the two that there are differ in that
            raise ModelError(EXDEV)

    def rename(self, number: int, path: str, new: str) -> Answer:
        actor = self.actors[number]
        old_directory, old_name = self._walk(actor, path)
        if old_name in (".", ".."):
            raise ModelError(EINVAL)
        inode = self._step(old_directory, old_name)
        if old_directory.entries[old_name] is not inode:
            raise ModelError(EBUSY)
        directory, name = self._walk(actor, new)
        if name in (".", ".."):
            raise ModelError(EINVAL)
        self._same_file_system(old_directory, directory)
        replaced = None
        try:
            replaced = self._step(directory, name)
        except ModelError as error:
            if error.number != ENOENT or directory.links == 0:
                raise
        if replaced is inode:
            return 0, 0
        if replaced is not None:
            if directory.entries[name] is not replaced:
                raise ModelError(EBUSY)
            if replaced.kind == DIRECTORY:
                if inode.kind != DIRECTORY:
                    raise ModelError(EISDIR)
                if replaced.entries:
                    raise ModelError(ENOTEMPTY)
            elif inode.kind == DIRECTORY:
                raise ModelError(ENOTDIR)
        if inode.kind == DIRECTORY and self._is_below(directory, inode):
            raise ModelError(EINVAL)
        directory.entries[name] = inode
        del old_directory.entries[old_name]
        if replaced is not None:
            replaced.links = 0 if replaced.kind == DIRECTORY else replaced.links - 1
            directory.links -= replaced.kind == DIRECTORY
        if inode.kind == DIRECTORY:
            inode.parent = directory
            old_directory.links -= 1
            directory.links += 1
        return 0, 0

    @staticmethod
    def _is_below(directory: Inode, other: Inode) -> bool:
        at = directory
        while at is not other:
            if at.parent is at or at.parent is None:
                return False
            at = at.parent
        return True

    def mkdir(self, number: int, path: str) -> Answer:
        _, made = self._create(self.actors[number], path, DIRECTORY)
        if not made:
            raise ModelError(EEXIST)
        return 0, 0

    def chdir(self, number: int, path: str) -> Answer:
        actor = self.actors[number]
        inode = self._lookup(actor, path)
        if inode.kind != DIRECTORY:
            raise ModelError(ENOTDIR)
        actor.directory = inode
        return 0, 0

    @staticmethod
    def _status(target: Inode | Pipe) -> Answer:
        if isinstance(target, Pipe):
            fields = (PIPE, 0, 0, 0)
        else:
            fields = (target.kind, len(target.data), target.links, target.block_size)
        return 0, zlib.crc32(struct.pack("<4I", *fields))

    def stat(self, number: int, path: str) -> Answer:
        return self._status(self._lookup(self.actors[number], path))

    def fstat(self, number: int, fd: int) -> Answer:
        return self._status(self._file(self.actors[number], fd).target)

    def pipe(self, number: int) -> Answer:
        actor = self.actors[number]
        reading = self._slot(actor)
        pipe = Pipe()
        actor.descriptors[reading] = OpenFile(pipe, 0)
        try:
            writing = self._slot(actor)
        except ModelError:
            actor.descriptors[reading] = None
            raise
        actor.descriptors[writing] = OpenFile(pipe, O_WRONLY)
        return reading + 100 * writing, 0

    def fork(self, number: int, child: int) -> Answer:
        if child in self.actors:
            return None
        parent = self.actors[number]
        for file in parent.descriptors:
            if file is not None:
                file.references += 1
        self.actors[child] = Actor(list(parent.descriptors), parent.directory)
        return 0, 0

    def exec(self, number: int) -> Answer:
        return 0, 0

    def exit(self, number: int) -> Answer:
        for fd, file in enumerate(self.actors[number].descriptors):
            if file is not None:
                self._close(number, fd)
        del self.actors[number]
        return 0, 0

    def _lockable(self, number: int, fd: int) -> tuple[OpenFile, Inode]:
        file = self._file(self.actors[number], fd)
        if isinstance(file.target, Pipe) or file.target.kind != REGULAR:
            raise ModelError(EINVAL)
        return file, file.target

    def lock(self, number: int, fd: int, start: int, length: int, kind: int, *, ask: bool = False) -> Answer:
        file, inode = self._lockable(number, fd)
        end = start + length if length else FOREVER
        if start < 0 or kind > UNLOCK:
            raise ModelError(EINVAL)
        mode = file.flags & O_ACCMODE
        if kind != UNLOCK and mode not in (O_RDWR, kind):
            raise ModelError(EBADF)
        if ask:
            return int(self._locked(number, inode, start, end, kind)), 0
        if kind != UNLOCK and self._locked(number, inode, start, end, kind):
            raise ModelError(EAGAIN)
        kept = []
        for lock in inode.locks:
            if lock.actor != number or lock.end <= start or end <= lock.start:
                kept.append(lock)
                continue
            if lock.start < start:
                kept.append(Lock(number, lock.start, start, lock.kind))
            if end < lock.end:
                kept.append(Lock(number, end, lock.end, lock.kind))
        if kind != UNLOCK:
            kept.append(Lock(number, start, end, kind))
        inode.locks = kept
        return 0, 0
