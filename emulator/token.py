# SPDX-License-Identifier: GPL-2.0-or-later
"""The short text that names a run: what was run, with which options, and what was typed where.

A token is `r1.` and base64url without padding, so it passes through shells and URLs as it is.  Inside, in
this order: the first 8 bytes of the image's SHA-256; a byte of flags; harts, pages of memory and the quantum
as varints; then, each only if its flag is set, the instruction set's name (varint length and ASCII), the
first 8 bytes of the disk's SHA-256, the boot arguments (varint length and UTF-8), the options of devices (the
same; see devices/options.py), where the run was cut from outside (varint), what else was put into RAM (a byte
of flags, the load address as a varint, the first 8 bytes of each file's SHA-256), and the inputs (compressed:
instructions and virtual time since the input before, both as varints and the time modulo 2^64, for a machine
on a network link the channel, varint length, bytes); in the end a CRC-32 of all that.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from emulator.devices.options import DeviceOptions
from emulator.errors import ReplugError
from emulator.isa import Isa
from emulator.options import BUILTIN, FROM_FILE, NO_FIRMWARE, MachineOptions

if TYPE_CHECKING:
    from emulator.machine import Machine
    from toolchain.image import Image

PREFIX = "r1."
MOST_INPUT = 64 << 20
"""Bytes of input that one run may have."""

_HASH = 8
_PAGE = 4096
_STRICT, _DISK, _BOOTARGS, _END, _INPUTS, _BESIDE, _ISA, _DEVICES = (1 << bit for bit in range(8))
_BIOS_KINDS = (NO_FIRMWARE, BUILTIN, FROM_FILE)
_BIOS, _LOAD_ADDRESS, _INITRD, _DTB = 3, 4, 8, 16  # flags of what else was put into RAM
_TIMES = 1 << 64
_WIDEST = 10  # bytes of a varint of 64 bits
_VERSION = re.compile(r"r([0-9]+)\.")


CONSOLE, NETWORK = 0, 1
"""Channels of input."""


class Typed(NamedTuple):
    """An input after so many instructions (over all harts), at a virtual time (ns).

    channel CONSOLE: characters; NETWORK: a frame from the link.
    """

    instructions: int
    time: int
    data: bytes
    channel: int = CONSOLE


@dataclass(frozen=True)
class Beside:
    """What was put into RAM beside the image.

    bios: "none", "builtin" or "file"; load_address: of a flat image, None where its place was the usual one;
    files: first 8 bytes of the SHA-256 of what the options `bios`, `initrd` and `dtb` put there.
    """

    bios: str = NO_FIRMWARE
    load_address: int | None = None
    files: tuple[tuple[str, bytes], ...] = ()

    def encode(self) -> bytes:
        """Its bytes in a token."""
        hashes = dict(self.files)
        flags = _BIOS_KINDS.index(self.bios) | _LOAD_ADDRESS * (self.load_address is not None)
        flags |= _INITRD * ("initrd" in hashes) | _DTB * ("dtb" in hashes)
        place = b"" if self.load_address is None else _varint(self.load_address)
        return bytes((flags,)) + place + b"".join(hashes[name] for name in self._names(flags))

    @staticmethod
    def _names(flags: int) -> list[str]:
        wanted = {"bios": flags & _BIOS, "initrd": flags & _INITRD, "dtb": flags & _DTB}
        return [name for name, there in wanted.items() if there]

    @staticmethod
    def decode(reader: _Reader) -> Beside:
        """The same back; ReplugError when it is damaged."""
        flags = reader.take(1)[0]
        if flags >= _DTB << 1 or flags & _BIOS >= len(_BIOS_KINDS):
            raise ReplugError("token: damaged: it says something that this Replug does not know")
        load_address = reader.varint() if flags & _LOAD_ADDRESS else None
        files = tuple((name, reader.take(_HASH)) for name in Beside._names(flags))
        return Beside(_BIOS_KINDS[flags & _BIOS], load_address, files)

    def check(self, given: Beside) -> None:
        """ReplugError, with the reason, unless the same is `given`."""
        if self.bios != given.bios:
            raise ReplugError(f"token: the run was with firmware {self.bios!r}, not {given.bios!r} (--bios)")
        if self.load_address != given.load_address:
            raise ReplugError("token: the run was with another --load-address")
        wanted, found = dict(self.files), dict(given.files)
        for name in ("bios", "initrd", "dtb"):
            if name in wanted and name not in found:
                raise ReplugError(f"token: the run was with --{name} ({wanted[name].hex()}...)")
            if wanted.get(name) != found.get(name):
                was = (
                    f"with another --{name} ({wanted[name].hex()}...)"
                    if name in wanted
                    else f"without --{name}"
                )
                raise ReplugError(f"token: the run was {was}, not with {found[name].hex()}...")


@dataclass(frozen=True)
class Token:
    """A run by name.

    image, disk: first 8 bytes of the SHA-256 (disk None: there is none); memory: bytes; end: the instructions
    after which it was cut from outside, None when it ended by itself; beside: what else was put into RAM.
    """

    image: bytes
    harts: int
    memory: int
    quantum: int
    bootargs: str
    disk: bytes | None
    isa: Isa | None = None
    strict_nan_boxing: bool = False
    inputs: tuple[Typed, ...] = ()
    end: int | None = None
    beside: Beside = Beside()
    devices: DeviceOptions = field(default_factory=DeviceOptions)

    @staticmethod
    def of(machine: Machine, end: int | None = None) -> Token:
        """The token of what a machine has run so far."""
        options = machine.options
        disk = machine.disk_hash
        return Token(
            image=bytes.fromhex(machine.image.sha256)[:_HASH],
            harts=options.harts,
            memory=options.memory,
            quantum=options.quantum,
            isa=options.isa,
            strict_nan_boxing=options.strict_nan_boxing,
            bootargs=options.bootargs,
            disk=None if disk is None else disk[:_HASH],
            inputs=merge(Typed(*entry) for entry in machine.inputs),
            end=end,
            beside=_beside(machine),
            devices=options.devices,
        )

    # --- text ---

    def encode(self) -> str:
        """The text of it."""
        flags = (
            _STRICT * self.strict_nan_boxing
            | _DISK * (self.disk is not None)
            | _BOOTARGS * bool(self.bootargs)
            | _END * (self.end is not None)
            | _INPUTS * bool(self.inputs)
            | _ISA * (self.isa is not None)
            | _BESIDE * (self.beside != Beside())
            | _DEVICES * bool(self.devices.text())
        )
        parts = [self.image, bytes((flags,))]
        parts += [_varint(self.harts), _varint(self.memory // _PAGE), _varint(self.quantum)]
        if self.isa is not None:
            text = self.isa.name.encode()
            parts.append(_varint(len(text)) + text)
        if self.disk is not None:
            parts.append(self.disk)
        if self.bootargs:
            text = self.bootargs.encode()
            parts.append(_varint(len(text)) + text)
        if self.devices.text():
            text = self.devices.text().encode()
            parts.append(_varint(len(text)) + text)
        if self.end is not None:
            parts.append(_varint(self.end))
        if self.beside != Beside():
            parts.append(self.beside.encode())
        if self.inputs:
            parts.append(zlib.compress(_pack_inputs(self.inputs, self._channels), 9))
        payload = b"".join(parts)
        payload += zlib.crc32(payload).to_bytes(4, "little")
        return PREFIX + base64.urlsafe_b64encode(payload).decode().rstrip("=")

    @staticmethod
    def decode(text: str) -> Token:
        """The run that a text names; ReplugError when it names none."""
        text = text.strip()
        version = _VERSION.match(text)
        if version is None:
            raise ReplugError("token: not the token of a run (those begin with `r1.`)")
        if version.group() != PREFIX:
            raise ReplugError(f"token: version {version[1]} is not known to this Replug, only version 1")
        encoded = text[len(PREFIX) :]
        try:
            if not re.fullmatch(r"[A-Za-z0-9_-]*", encoded):
                raise ValueError
            payload = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        except (ValueError, binascii.Error):
            raise ReplugError(
                "token: damaged: it holds a character, or a length, that no token has"
            ) from None
        if len(payload) < 4 or zlib.crc32(payload[:-4]).to_bytes(4, "little") != payload[-4:]:
            raise ReplugError("token: damaged or cut short: its checksum is wrong")
        token = _unpack(_Reader(payload[:-4]))
        token.machine_options(None)  # refuses what no machine can have
        return token

    @property
    def _channels(self) -> bool:
        """Whether inputs may be of several channels, and so tell theirs."""
        return self.devices.net == "link"

    # --- use ---

    def machine_options(self, disk: Path | None, disk_write: bool = False) -> MachineOptions:
        """The options of the run, with the disk image at this place."""
        return MachineOptions(
            harts=self.harts,
            memory=self.memory,
            quantum=self.quantum,
            isa=self.isa,
            strict_nan_boxing=self.strict_nan_boxing,
            bootargs=self.bootargs,
            disk=disk,
            disk_write=disk_write,
            devices=self.devices,
        )

    def check_image(self, image: Image) -> None:
        """ReplugError unless this is the image of the run."""
        if bytes.fromhex(image.sha256)[:_HASH] != self.image:
            raise ReplugError(
                f"token: the run was of another image ({self.image.hex()}...), "
                f"{image.path} is {image.sha256[: 2 * _HASH]}..."
            )

    def check_machine(self, machine: Machine) -> None:
        """ReplugError, with the reason, unless the machine is one that can repeat the run."""
        self.check_image(machine.image)
        wanted, given = self.machine_options(None), machine.options
        for name in ("harts", "memory", "quantum", "strict_nan_boxing", "bootargs"):
            want, have = getattr(wanted, name), getattr(given, name)
            if want != have:
                raise ReplugError(f"token: the run was with {name} {want!r}, not {have!r}")
        self.beside.check(_beside(machine))
        if (self.isa or Isa.default(machine.isa.xlen)) != machine.isa:
            name = "the image's own" if self.isa is None else self.isa.name
            raise ReplugError(f"token: the run was with the instruction set {name}, not {machine.isa.name}")
        if self.devices != given.devices:
            want, have = self.devices.text() or "defaults", given.devices.text() or "defaults"
            raise ReplugError(f"token: the run was with other device options: {want}, not {have}")
        disk = machine.disk_hash
        if self.disk is None and disk is not None:
            raise ReplugError("token: the run was without a disk")
        if self.disk is not None and disk is None:
            raise ReplugError(f"token: the run was with a disk ({self.disk.hex()}...): name it with --disk")
        if self.disk is not None and disk is not None and disk[:_HASH] != self.disk:
            raise ReplugError(
                f"token: the run was with another disk ({self.disk.hex()}...), "
                f"{given.disk} is {disk[:_HASH].hex()}..."
            )


def _beside(machine: Machine) -> Beside:
    start = machine.start
    files = tuple(
        (name, start.files[name][:_HASH]) for name in ("bios", "initrd", "dtb") if name in start.files
    )
    return Beside(start.bios, machine.options.load_address, files)


def merge(inputs: Iterable[Typed]) -> tuple[Typed, ...]:
    """What was typed at the same place is one input: the guest cannot tell."""
    merged: list[Typed] = []
    for entry in inputs:
        last = merged[-1] if merged and entry.channel == CONSOLE else None
        if last is not None and last._replace(data=b"") == entry._replace(data=b""):
            merged[-1] = entry._replace(data=last.data + entry.data)
        else:
            merged.append(entry)
    return tuple(merged)


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the top bit says that more follow."""
    result = bytearray()
    while value > 0x7F:
        result.append(value & 0x7F | 0x80)
        value >>= 7
    result.append(value)
    return bytes(result)


class _Reader:
    """Takes the pieces of a token in order; ReplugError when there are not enough."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def take(self, count: int) -> bytes:
        piece = self._data[self._position : self._position + count]
        if len(piece) != count:
            raise ReplugError("token: damaged: it ends too early")
        self._position += count
        return piece

    def varint(self) -> int:
        value = 0
        for place in range(_WIDEST):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << 7 * place
            if byte < 0x80 and value < 1 << 64:
                return value
        raise ReplugError("token: damaged: a number in it has no end")

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._position)

    @property
    def at_end(self) -> bool:
        return self._position == len(self._data)


def _unpack(reader: _Reader) -> Token:
    image = reader.take(_HASH)
    flags = reader.take(1)[0]
    harts, pages, quantum = reader.varint(), reader.varint(), reader.varint()
    isa = Isa.parse(_text(reader, "instruction set")) if flags & _ISA else None
    disk = reader.take(_HASH) if flags & _DISK else None
    bootargs = _text(reader, "boot arguments") if flags & _BOOTARGS else ""
    devices = DeviceOptions.of_text(_text(reader, "device options") if flags & _DEVICES else "")
    end = reader.varint() if flags & _END else None
    beside = Beside.decode(reader) if flags & _BESIDE else Beside()
    inputs = _unpack_inputs(reader.rest(), devices.net == "link") if flags & _INPUTS else ()
    if not reader.at_end:
        raise ReplugError("token: damaged: something follows its end")
    return Token(
        image=image,
        harts=harts,
        memory=pages * _PAGE,
        quantum=quantum,
        bootargs=bootargs,
        disk=disk,
        isa=isa,
        strict_nan_boxing=bool(flags & _STRICT),
        inputs=inputs,
        end=end,
        beside=beside,
        devices=devices,
    )


def _text(reader: _Reader, what: str) -> str:
    try:
        return reader.take(reader.varint()).decode()
    except UnicodeDecodeError:
        raise ReplugError(f"token: damaged: its {what}: not UTF-8") from None


def _pack_inputs(inputs: tuple[Typed, ...], channels: bool) -> bytes:
    parts = []
    instructions = time = 0
    for entry in inputs:
        # Harts take turns over the same time: a later hart's may be the earlier one.
        parts += [_varint(entry.instructions - instructions), _varint((entry.time - time) % _TIMES)]
        if channels:
            parts.append(_varint(entry.channel))
        parts += [_varint(len(entry.data)), entry.data]
        instructions, time = entry.instructions, entry.time
    return b"".join(parts)


def _unpack_inputs(compressed: bytes, channels: bool) -> tuple[Typed, ...]:
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(compressed, 2 * MOST_INPUT)
    except zlib.error:
        raise ReplugError("token: damaged: its inputs cannot be unpacked") from None
    if not unpacker.eof or unpacker.unused_data:
        raise ReplugError("token: damaged: its inputs are cut short, too long, or followed by something")
    reader = _Reader(data)
    inputs = []
    instructions = time = 0
    while not reader.at_end:
        instructions += reader.varint()
        time = (time + reader.varint()) % _TIMES
        channel = reader.varint() if channels else CONSOLE
        if channel > NETWORK:
            raise ReplugError("token: damaged: an input that is neither typed nor a frame")
        inputs.append(Typed(instructions, time, reader.take(reader.varint()), channel))
    return tuple(inputs)
