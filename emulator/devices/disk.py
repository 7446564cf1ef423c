# SPDX-License-Identifier: GPL-2.0-or-later
"""A disk image in a host file, in sectors of 512 bytes.

By default the host file stays as it is: sectors that the guest changes live in memory (copy on write).
With `write=True` they go to the host file as well. That run still repeats from a copy of the original
file, but a later run with the same file starts from other contents: write-through is outside the
determinism of later runs.

Either way the state is the same: the hash of the original contents and the sectors that differ from them.
A sector that is changed and changed back is no difference.
"""

import fcntl
import hashlib
import os
import stat
import struct
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
        data = self._read_file(sector, count)
        if self.write_through or not self._changed:
            return data
        return _patched(data, sector, count, self._changed)

    def write(self, sector: int, data: bytes) -> None:
        """Whole sectors from `sector` on, all of them inside the disk."""
        count = len(data) // SECTOR
        before = self._read_file(sector, count)
        original = _patched(before, sector, count, self._original) if self.write_through else before
        for index in range(count):
            start = index * SECTOR
            old = original[start : start + SECTOR]
            new = data[start : start + SECTOR]
            if new == old:
                self._changed.pop(sector + index, None)
            else:
                self._changed[sector + index] = new
                if self.write_through:
                    self._original.setdefault(sector + index, old)
        if self.write_through:
            self._write_file(sector, data)

    def flush(self) -> None:
        """What was written so far is on the host's disk when this returns (write-through only)."""
        if self.write_through:
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
        """Go back to what `save` gave (the host file as well, when writing through).

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
        if self.write_through:
            for number in self._changed:
                self._write_file(number, self._original[number])
            for number, data in records:
                self._original.setdefault(number, self._read_file(number, 1))
                self._write_file(number, data)
        self._changed = dict(records)

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
