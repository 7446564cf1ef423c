# SPDX-License-Identifier: GPL-2.0-or-later
"""A run by name.

A token is `r1.` or `r2.` and base64url without padding, so it passes through shells and URLs as it is.
Inside `r1.`, in this order: the first 8 bytes of the image's SHA-256; a byte of flags; harts, pages of memory
and the quantum as varints; then, each only if its flag is set, the instruction set's name (varint length and
ASCII), the first 8 bytes of the disk's SHA-256, the boot arguments (varint length and UTF-8), the options of
devices (the same; see devices/options.py), where the run was cut from outside (varint, instructions: the run
ends at the next border of a block), what else was put into RAM (a byte of flags, the load address as a
varint, the first 8 bytes of each file's SHA-256), and the inputs (compressed: instructions and virtual time
since the input before, both as varints and the time modulo 2^64, for a machine on a network link the channel,
varint length, bytes); in the end a CRC-32 of all that.

`r2.` names what a debugger's session has made, which stands anywhere and may hold what was done against the
run. It differs in this: the flags are a varint; behind where the run was cut, the step at which it stands
(varint); and each input begins with its kind (varint): 0 typed, 1 a frame, as above, and in front of the
length 1 + steps since the one before, or 0 where the step is not known; 2 another hart's turn: steps since
the one before, and the hart; 3 to 8 an edit of x, f, pc, the privilege mode, a CSR or RAM: the same two, the
register's index (x, f, CSR) or the physical address, and the value, or varint length and bytes.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.devices import virt_map
from emulator.devices.options import DeviceOptions
from emulator.errors import ReplugError
from emulator.isa import Isa
from emulator.options import MachineOptions
from emulator.token import outside
from emulator.token.beside import HASH, Beside
from emulator.token.check import beside_of, check_image, check_machine
from emulator.token.encoding import Reader, sized, varint
from emulator.token.outside import External, Typed

if TYPE_CHECKING:
    from emulator.machine import Machine
    from toolchain.image import Image

PREFIX = "r1."
PREFIX_OF_SESSIONS = "r2."

_PAGE = 4096
_STRICT, _DISK, _BOOTARGS, _END, _INPUTS, _BESIDE, _ISA, _DEVICES, _STEP = (1 << bit for bit in range(9))
_NOTHING_BESIDE = Beside()
_VERSION = re.compile(r"r([0-9]+)\.")


@dataclass(frozen=True)
class Token:
    """A run by name.

    image, disk: first 8 bytes of the SHA-256 (disk None: there is none); memory: bytes; inputs: what came
    from outside, in order; end: the instructions after which it was cut from outside, None when it ended by
    itself; step: where a debugger stood at its end (instructions and traps), exactly; beside: what else was
    put into RAM.
    """

    image: bytes
    harts: int
    memory: int
    quantum: int
    bootargs: str
    disk: bytes | None
    isa: Isa | None = None
    strict_nan_boxing: bool = False
    inputs: tuple[External, ...] = ()
    end: int | None = None
    beside: Beside = _NOTHING_BESIDE
    devices: DeviceOptions = field(default_factory=DeviceOptions)
    step: int | None = None

    @staticmethod
    def of(machine: Machine, end: int | None = None, step: int | None = None) -> Token:
        """The token of what a machine has run so far."""
        options = machine.options
        disk = machine.disk_hash
        return Token(
            image=bytes.fromhex(machine.image.sha256)[:HASH],
            harts=options.harts,
            memory=options.memory,
            quantum=options.quantum,
            isa=options.isa,
            strict_nan_boxing=options.strict_nan_boxing,
            bootargs=options.bootargs,
            disk=None if disk is None else disk[:HASH],
            inputs=outside.merge(machine.inputs),
            end=end,
            beside=beside_of(machine),
            devices=options.devices,
            step=step,
        )

    # --- text ---

    @property
    def of_session(self) -> bool:
        """Whether only a debugger can have made it: it stands exactly, or something was done to it."""
        return self.step is not None or any(not isinstance(entry, Typed) for entry in self.inputs)

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
            | _STEP * (self.step is not None)
        )
        parts = [self.image, varint(flags) if self.of_session else bytes((flags,))]
        parts += [varint(self.harts), varint(self.memory // _PAGE), varint(self.quantum)]
        if self.isa is not None:
            parts.append(sized(self.isa.name.encode()))
        if self.disk is not None:
            parts.append(self.disk)
        if self.bootargs:
            parts.append(sized(self.bootargs.encode()))
        if self.devices.text():
            parts.append(sized(self.devices.text().encode()))
        parts += [varint(place) for place in (self.end, self.step) if place is not None]
        if self.beside != Beside():
            parts.append(self.beside.encode())
        if self.inputs:
            parts.append(outside.pack(self.inputs, _has_channels(self.devices), self.of_session))
        payload = b"".join(parts)
        payload += zlib.crc32(payload).to_bytes(4, "little")
        prefix = PREFIX_OF_SESSIONS if self.of_session else PREFIX
        return prefix + base64.urlsafe_b64encode(payload).decode().rstrip("=")

    @staticmethod
    def decode(text: str) -> Token:
        """The run that a text names; ReplugError when it names none."""
        text = text.strip()
        version = _VERSION.match(text)
        if version is None:
            raise ReplugError("token: not the token of a run (those begin with `r1.` or `r2.`)")
        if version.group() not in (PREFIX, PREFIX_OF_SESSIONS):
            raise ReplugError(f"token: version {version[1]} is not known to this Replug, only 1 and 2")
        payload = _payload(text[version.end() :])
        token = _unpack(Reader(payload), version.group() == PREFIX_OF_SESSIONS)
        token.machine_options(None)  # refuses what no machine can have
        outside.check_fits(token.inputs, token.step, token.harts, virt_map.RAM_BASE, token.memory)
        return token

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
        check_image(self, image)

    def check_machine(self, machine: Machine) -> None:
        """ReplugError, with the reason, unless the machine is one that can repeat the run."""
        check_machine(self, machine)


def _has_channels(devices: DeviceOptions) -> bool:
    """Whether inputs may be of several channels, and so tell theirs."""
    return devices.net == "link"


def _payload(encoded: str) -> bytes:
    try:
        if not re.fullmatch(r"[A-Za-z0-9_-]*", encoded):
            raise ValueError
        payload = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    except (ValueError, binascii.Error):
        raise ReplugError("token: damaged: it holds a character, or a length, that no token has") from None
    if len(payload) < 4 or zlib.crc32(payload[:-4]).to_bytes(4, "little") != payload[-4:]:
        raise ReplugError("token: damaged or cut short: its checksum is wrong")
    return payload[:-4]


def _unpack(reader: Reader, of_session: bool) -> Token:
    image = reader.take(HASH)
    flags = reader.varint() if of_session else reader.take(1)[0]
    if flags >= _STEP << 1:
        raise ReplugError("token: damaged: it says something that this Replug does not know")
    harts, pages, quantum = reader.varint(), reader.varint(), reader.varint()
    isa = Isa.parse(reader.text("instruction set")) if flags & _ISA else None
    disk = reader.take(HASH) if flags & _DISK else None
    bootargs = reader.text("boot arguments") if flags & _BOOTARGS else ""
    devices = DeviceOptions.of_text(reader.text("device options") if flags & _DEVICES else "")
    end = reader.varint() if flags & _END else None
    step = reader.varint() if flags & _STEP else None
    beside = Beside.decode(reader) if flags & _BESIDE else Beside()
    channels = _has_channels(devices)
    inputs = outside.unpack(reader.rest(), channels, of_session) if flags & _INPUTS else ()
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
        step=step,
    )
