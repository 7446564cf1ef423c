# SPDX-License-Identifier: GPL-2.0-or-later
"""A disk image in a host file, in sectors of 512 bytes.

By default the host file stays as it is: sectors that the guest changes live in memory (copy on write).
With `write=True` they go to the host file as well. That run still repeats from a copy of the original
file, but a later run with the same file starts from other contents: write-through is outside the
determinism of later runs.

A debugger, which goes back and runs the past again, asks that the file follow only when it says so (`defer`,
`settle`): the guest sees the disk of its own time, the file stays at the farthest state that was reached.

In any case the state is the same: the hash of the original contents and the sectors that differ from them.
A sector that is changed and changed back is no difference.
"""

import fcntl
import hashlib
import os
import stat
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

from emulator.devices.device import StateReader, bad_state
from emulator.errors import ReplugError

SECTOR = 512
_VERSION = 1
_RECORD = struct.Struct(f"<Q{SECTOR}s")


class Disk:
    """The disk image in the file `path`; ReplugError when the file cannot serve as one."""

    def __init__(self, path: str | os.PathLike[str], write: bool = False) -> None:
        self.path = Path(path)
        self.write_through = write
        self._file = _open(self.path, write)
        try:
            status = os.fstat(self._file)
            size = os.lseek(self._file, 0, os.SEEK_END)
            if size == 0 or size % SECTOR:
                raise ReplugError(f"{self.path}: {size} bytes are no disk image (a multiple of {SECTOR})")
            self.sectors = size // SECTOR
            self._identity = (status.st_size, status.st_mtime_ns)
            self._changed: dict[int, bytes] = {}  # sector -> contents that differ from the original
            self._original: dict[int, bytes] = {}  # write-through only: what the file held before
            self._in_file: dict[int, bytes] = {}  # what it holds instead now
            self._behind: set[int] = set()  # sectors in which the file may differ from the disk
            self._deferred = False
            self._flush_due = False
            self._base_hash: bytes | None = None
            if write:
                self._base_hash = self._hash_file()  # now, while the file still is the original
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> "Disk":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the host file; the disk cannot be used any more."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def read(self, sector: int, count: int) -> bytes:
        """`count` sectors from `sector` on, all of them inside the disk."""
        return _patched(self._read_original(sector, count), sector, count, self._changed)

    def write(self, sector: int, data: bytes) -> None:
        """Whole sectors from `sector` on, all of them inside the disk."""
        count = len(data) // SECTOR
        original = self._read_original(sector, count)
        for index in range(count):
            start = index * SECTOR
            new = data[start : start + SECTOR]
            if new == original[start : start + SECTOR]:
                self._changed.pop(sector + index, None)
            else:
                self._changed[sector + index] = new
        if self.write_through:
            self._behind.update(range(sector, sector + count))
            if not self._deferred:
                self.settle()

    def flush(self) -> None:
        """What was written so far is on the host's disk when this returns (write-through only)."""
        self._flush_due = self.write_through
        if not self._deferred:
            self.settle()

    def defer(self) -> None:
        """From now on the file follows when `settle` is called, not by itself."""
        self._deferred = True

    @property
    def differs(self) -> bool:
        """Whether the file is not what the disk is now (write-through only)."""
        return any(self._in_file.get(sector) != self._changed.get(sector) for sector in self._behind)

    def settle(self) -> None:
        """The file becomes what the disk is now (write-through only)."""
        differing = (s for s in sorted(self._behind) if self._in_file.get(s) != self._changed.get(s))
        for start, count in _runs(differing):
            original = self._read_original(start, count)
            for number in range(start, start + count):
                place = (number - start) * SECTOR
                self._original.setdefault(number, original[place : place + SECTOR])
            self._write_file(start, _patched(original, start, count, self._changed))
            for number in range(start, start + count):
                self._in_file.pop(number, None)
                if number in self._changed:
                    self._in_file[number] = self._changed[number]
        self._behind.clear()
        if self._flush_due:
            self._flush_due = False
            try:
                os.fsync(self._file)
            except OSError as error:
                raise ReplugError(f"{self.path}: {error.strerror}") from None

    @property
    def base_hash(self) -> bytes:
        """SHA-256 of the original contents (32 bytes)."""
        if self._base_hash is None:
            self._base_hash = self._hash_file()
            status = os.fstat(self._file)
            if (status.st_size, status.st_mtime_ns) != self._identity:
                raise ReplugError(f"{self.path}: changed while it was in use as a disk")
        return self._base_hash

    def save(self) -> bytes:
        """Size, hash of the original, changed sectors in order."""
        changed = self._changed
        header = struct.pack("<BQ32sQ", _VERSION, self.sectors, self.base_hash, len(changed))
        return header + b"".join(_RECORD.pack(sector, changed[sector]) for sector in sorted(changed))

    def restore(self, state: bytes) -> None:
        """Go back to what `save` gave (the host file as well, when writing through and not deferred).

        ReplugError when the state is damaged or that of a disk with other original contents.
        """
        name = f"disk {self.path}"
        reader = StateReader(name, _VERSION, state)
        sectors, base_hash, count = reader.fields("<Q32sQ")
        if (sectors, base_hash) != (self.sectors, self.base_hash):
            raise ReplugError(f"{self.path}: not the disk image that the snapshot was made with")
        records = [reader.fields(_RECORD.format) for _ in range(min(count, sectors + 1))]
        reader.finish()
        numbers = [number for number, _ in records]
        if numbers != sorted(set(numbers)) or (numbers and numbers[-1] >= sectors):
            raise bad_state(name)
        changed = dict(records)
        if self.write_through:
            self._behind |= changed.keys() | self._changed.keys()
        self._changed = changed
        if not self._deferred:
            self.settle()

    def _read_original(self, sector: int, count: int) -> bytes:
        """What the file held at first."""
        return _patched(self._read_file(sector, count), sector, count, self._original)

    def _read_file(self, sector: int, count: int) -> bytes:
        position = sector * SECTOR
        wanted = count * SECTOR
        data = b""
        while len(data) < wanted:
            try:
                part = os.pread(self._file, wanted - len(data), position + len(data))
            except OSError as error:
                raise ReplugError(f"{self.path}: {error.strerror}") from None
            if not part:
                raise ReplugError(f"{self.path}: became shorter while it was in use as a disk")
            data += part
        return data

    def _write_file(self, sector: int, data: bytes) -> None:
        done = 0
        while done < len(data):
            try:
                done += os.pwrite(self._file, data[done:], sector * SECTOR + done)
            except OSError as error:
                raise ReplugError(f"{self.path}: {error.strerror}") from None

    def _hash_file(self) -> bytes:
        digest = hashlib.sha256()
        step = 2048
        for sector in range(0, self.sectors, step):
            digest.update(self._read_file(sector, min(step, self.sectors - sector)))
        return digest.digest()


def _runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Ascending numbers as (first, how many in a row)."""
    start = count = 0
    for number in numbers:
        if count and number == start + count:
            count += 1
            continue
        if count:
            yield start, count
        start, count = number, 1
    if count:
        yield start, count


def _patched(data: bytes, sector: int, count: int, patches: dict[int, bytes]) -> bytes:
    """`data`, read from `sector` on, with the sectors that `patches` has."""
    hits = [number for number in range(sector, sector + count) if number in patches]
    if not hits:
        return data
    result = bytearray(data)
    for number in hits:
        start = (number - sector) * SECTOR
        result[start : start + SECTOR] = patches[number]
    return bytes(result)


def _open(path: Path, write: bool) -> int:
    """The file descriptor of a disk image, shared for reading or locked for writing."""
    try:
        # Not blocking, so that a named pipe is refused below and does not hang here.
        file = os.open(path, (os.O_RDWR if write else os.O_RDONLY) | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ReplugError(f"{path}: cannot be opened as a disk: {reason}") from None
    try:
        mode = os.fstat(file).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
            raise ReplugError(f"{path}: neither a file nor a block device")
        if write and not mode & 0o222:
            # Root may open it for all that; who marked it read-only means it.
            raise ReplugError(f"{path}: cannot be opened as a disk: it is read-only")
        _lock(path, file, write)
    except BaseException:
        os.close(file)
        raise
    return file


def _lock(path: Path, file: int, write: bool) -> None:
    """Keep a run that writes a disk image apart from every other that uses it."""
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if write else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        user = "in use by another run" if write else "being written by another run"
        raise ReplugError(f"{path}: {user}") from None
    except OSError:
        pass  # a file system without locks: no protection, but usable
