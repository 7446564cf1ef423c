# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine in a file: all of its state, to go on from in any process, on any host.

The file, numbers little endian:

    8 bytes   RPLGSNAP
    4 bytes   version of this format: 1
    32 bytes  BLAKE2b-256 of everything that follows
    sections, in this order, each of four letters, its length in bytes (8 bytes), and its contents:
      UNIC    version of Unicorn (ASCII): another one might cut code into other blocks, and slices with them
      RUN_    the token of the run up to here (token/run.py): image, options, disk, and all that was typed
      HASH    the state hash, 16 bytes
      HART    harts, CLINT, virtual time, schedule, and what harts fetch where RAM says otherwise (state.c)
      EVNT    the events that devices wait for (events.py)
      DEVS    each device in the order of addresses: name and state, both with their length (8 bytes) before
      RAM_    a zlib stream: each page that is not all zero, in order: page number (8 bytes), 4096 bytes

What is derived (translations, counts of blocks, costs of paths) is not state and begins anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import struct
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from emulator.devices.device import StateReader, blob
from emulator.engine import PAGE_SIZE, PAGE_TOUCHED, unicorn_version
from emulator.errors import ReplugError
from emulator.options import FROM_FILE, MachineOptions
from emulator.token import Token

if TYPE_CHECKING:
    from emulator.machine import Machine

MAGIC = b"RPLGSNAP"
VERSION = 1

_HEADER = struct.Struct("<8sI32s")
_SECTION = struct.Struct("<4sQ")
_SECTIONS = (b"UNIC", b"RUN_", b"HASH", b"HART", b"EVNT", b"DEVS", b"RAM_")
_PAGE = struct.Struct("<Q")
_ZERO = bytes(PAGE_SIZE)
_PIECE = 1 << 20  # bytes read or packed at once
_LEVEL = 1  # of compression: pages of a guest are mostly zero or code, and saving should not take long


def check_target(path: Path) -> None:
    """ReplugError if a snapshot could not be written there: better now than after a long run."""
    if path.exists() and not path.is_file():
        raise ReplugError(f"{path}: not a file, so no place for a snapshot")
    if not path.parent.is_dir():
        raise ReplugError(f"{path}: no such directory: {path.parent}")


def save_machine(machine: Machine, path: Path, token: Token | None = None) -> None:
    """Write the machine as it is now; a file that was there is replaced once the new one is whole.

    token: of the run up to here, if the machine does not know what came to it. ReplugError when the file
    cannot be written.
    """
    check_target(path)
    engine, bus = machine.engine, machine.bus
    sections = (
        unicorn_version().encode(),
        (token or Token.of(machine, engine.total_instret)).encode().encode(),
        bytes.fromhex(machine.state_hash()),
        engine.save(),
        bus.events.save(),
        b"".join(blob(device.name.encode()) + blob(device.save()) for device in bus.devices),
    )
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            try:
                _write(file, sections, machine)  # type: ignore[arg-type]  # it is a BinaryIO
                Path(file.name).chmod(0o666 & ~_umask())
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink()
                raise
    except (OSError, ValueError) as error:
        raise ReplugError(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _write(file: BinaryIO, sections: Sequence[bytes], machine: Machine) -> None:
    file.seek(_HEADER.size)
    *names, ram = _SECTIONS
    for name, data in zip(names, sections, strict=True):
        file.write(_SECTION.pack(name, len(data)) + data)
    # How long the last section is, and the digest, are known once all is there.
    place = file.tell()
    file.seek(place + _SECTION.size)
    packer = zlib.compressobj(_LEVEL)
    for page in _pages(machine):
        file.write(packer.compress(page))
    file.write(packer.flush())
    length = file.tell() - place - _SECTION.size
    file.seek(place)
    file.write(_SECTION.pack(ram, length))
    file.seek(_HEADER.size)
    digest = _digest(file)
    file.seek(0)
    file.write(_HEADER.pack(MAGIC, VERSION, digest))
    file.flush()


def _digest(file: BinaryIO) -> bytes:
    """Of the rest of the file."""
    digest = hashlib.blake2b(digest_size=32)
    while piece := file.read(_PIECE):
        digest.update(piece)
    return digest.digest()


def _pages(machine: Machine) -> Iterator[bytes]:
    """The records of all pages that are not all zero."""
    for number in _touched(machine):
        page = machine.engine.ram[number * PAGE_SIZE : (number + 1) * PAGE_SIZE].tobytes()
        if page != _ZERO:
            yield _PAGE.pack(number) + page


def _touched(machine: Machine) -> list[int]:
    flags = machine.engine.page_flags.tobytes()
    return [number for number, flag in enumerate(flags) if flag & PAGE_TOUCHED]


@dataclass(frozen=True)
class SavedMachine:
    """What is in a snapshot file, RAM excepted, which stays in the file until `restore`.

    token: of the run up to there, also its options; instructions: how many have retired over all harts.
    """

    path: Path
    token: Token
    instructions: int
    state_hash: str
    harts: bytes
    events: bytes
    devices: dict[str, bytes]
    ram_place: int
    ram_length: int

    @staticmethod
    def read(path: Path) -> SavedMachine:
        """ReplugError when the file is no snapshot, damaged, cut short, or of another version."""
        with _speaking_of(path), path.open("rb") as file:
            header = file.read(_HEADER.size)
            if header[: len(MAGIC)] != MAGIC:
                raise ReplugError("not a snapshot of a machine")
            if len(header) != _HEADER.size:
                raise _damaged()
            _, version, digest = _HEADER.unpack(header)
            if version != VERSION:
                raise ReplugError(
                    f"a snapshot of format {version}; this version of Replug knows format {VERSION}"
                )
            if _digest(file) != digest:
                raise ReplugError("damaged or cut short: its checksum is wrong")
            end = file.tell()
            file.seek(_HEADER.size)
            return _parse(path, file, end)

    def machine_options(
        self, *, disk: Path | None, bios: Path | None, initrd: Path | None, dtb: Path | None
    ) -> MachineOptions:
        """The options of the machine, with what it was made of in these files."""
        beside = self.token.beside
        return replace(
            self.token.machine_options(disk),
            bios=beside.bios if beside.bios != FROM_FILE else bios,
            load_address=beside.load_address,
            initrd=initrd,
            dtb=dtb,
        )

    def restore(self, machine: Machine) -> None:
        """Bring a machine that has not run to this state.

        ReplugError when it is not a machine with the same image, disk and options.
        """
        with _speaking_of(self.path), self.path.open("rb") as file:
            self.token.check_machine(machine)
            if machine.engine.total_instret:
                raise ReplugError("only for a machine that has not run")
            if set(self.devices) != {device.name for device in machine.bus.devices}:
                raise ReplugError("it is of a machine with other devices")
            file.seek(self.ram_place)
            self._restore_ram(machine, file)
            machine.set_state(self.harts, self.devices, self.events)
            machine.inputs = list(self.token.inputs)
            if machine.state_hash() != self.state_hash:
                raise ReplugError(
                    "the machine does not come out as it was: made by another version of Replug"
                )

    def _restore_ram(self, machine: Machine, file: BinaryIO) -> None:
        engine = machine.engine
        left = set(_touched(machine))
        before = -1
        for number, page in _unpack(file, self.ram_length):
            if not before < number < engine.config.ram_size // PAGE_SIZE:
                raise _damaged()
            engine.ram_write(engine.config.ram_base + number * PAGE_SIZE, page)
            left.discard(number)
            before = number
        for number in left:
            engine.ram_write(engine.config.ram_base + number * PAGE_SIZE, _ZERO)


def _damaged() -> ReplugError:
    return ReplugError("damaged: its parts do not fit together")


@contextlib.contextmanager
def _speaking_of(path: Path) -> Iterator[None]:
    """Errors name the file."""
    try:
        yield
    except ReplugError as error:
        text = re.sub("^(token|snapshot|state): ", "", str(error))
        raise ReplugError(f"{path}: {text}") from None
    except (OSError, ValueError) as error:
        raise ReplugError(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def _parse(path: Path, file: BinaryIO, end: int) -> SavedMachine:
    """Of a file whose checksum is right: all the same, nothing in it is believed."""
    contents: list[bytes] = []
    for wanted in _SECTIONS:
        section = file.read(_SECTION.size)
        if len(section) != _SECTION.size:
            raise _damaged()
        name, length = _SECTION.unpack(section)
        if name != wanted or length > end - file.tell():
            raise _damaged()
        if wanted != _SECTIONS[-1]:
            contents.append(file.read(length))
    if file.tell() + length != end:
        raise _damaged()
    unicorn, run, state_hash, harts, events, devices = contents
    if unicorn != unicorn_version().encode():
        made_with = unicorn.decode("ascii", "replace")
        raise ReplugError(
            f"made with Unicorn {made_with}, which would run on differently than {unicorn_version()} here"
        )
    token = Token.decode(run.decode("ascii", "replace"))
    if token.end is None or len(state_hash) != 16:
        raise _damaged()
    return SavedMachine(
        path, token, token.end, state_hash.hex(), harts, events, _devices(devices), file.tell(), length
    )


def _devices(data: bytes) -> dict[str, bytes]:
    # The byte before is what StateReader takes for the version.
    reader = StateReader("the devices", 0, b"\0" + data)
    devices: dict[str, bytes] = {}
    while not reader.at_end:
        name = reader.blob().decode("utf-8", "replace")
        devices[name] = reader.blob()
    return devices


def _unpack(file: BinaryIO, left: int) -> Iterator[tuple[int, bytes]]:
    """Page numbers and pages."""
    unpacker = zlib.decompressobj()
    size = _PAGE.size + PAGE_SIZE
    data = b""
    try:
        while not unpacker.eof:
            piece = unpacker.unconsumed_tail
            if not piece:
                piece = file.read(min(left, _PIECE))
                left -= len(piece)
                if not piece:
                    raise _damaged()
            data += unpacker.decompress(piece, _PIECE)
            whole = len(data) // size * size
            for place in range(0, whole, size):
                yield _PAGE.unpack_from(data, place)[0], data[place + _PAGE.size : place + size]
            data = data[whole:]
    except zlib.error:
        raise _damaged() from None
    if data or left or unpacker.unused_data:
        raise _damaged()
