# SPDX-License-Identifier: GPL-2.0-or-later
"""What can be chosen about a machine.  Everything here is part of a run's identity."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from emulator.devices import virt_map
from emulator.devices.options import DeviceOptions
from emulator.errors import ReplugError
from emulator.isa import Isa

NO_FIRMWARE, BUILTIN, FROM_FILE = "none", "builtin", "file"
"""Kinds of firmware; the first two are values of `bios` as well."""

MAX_HARTS = 64
MAX_MEMORY = 16 << 30


@dataclass(frozen=True)
class MachineOptions:
    """Options of a `virt` machine.

    harts: how many; memory: bytes of RAM; quantum: instructions a slice (a slice ends at the first block
    border past it); disk: image file for virtio slot 0, copy-on-write unless disk_write; bootargs: for the
    device tree; isa: instruction set, None: everything there is with the image's word size;
    strict_nan_boxing: single-precision operands that are not NaN-boxed count as NaN, as the manual says: it
    costs speed.

    bios: what runs before the image: nothing ("none"), our own firmware ("builtin") or a file; None: as the
    image needs it.  load_address: physical address of a flat image; initrd: a file for the image to find by
    the device tree; dtb: a device tree from a file instead of ours.

    devices: clock, entropy, network, console.
    """

    harts: int = 1
    memory: int = virt_map.RAM_DEFAULT_SIZE
    quantum: int = 1000
    disk: Path | None = None
    disk_write: bool = False
    bootargs: str = ""
    isa: Isa | None = None
    strict_nan_boxing: bool = False
    bios: Path | str | None = None
    load_address: int | None = None
    initrd: Path | None = None
    dtb: Path | None = None
    devices: DeviceOptions = field(default_factory=DeviceOptions)

    def __post_init__(self) -> None:
        if not 1 <= self.harts <= MAX_HARTS:
            raise ReplugError(f"harts: {self.harts}: between 1 and {MAX_HARTS} are possible")
        if not 1 << 20 <= self.memory <= MAX_MEMORY or self.memory % 4096:
            raise ReplugError(
                f"memory: {self.memory} bytes: 1 MiB to 16 GiB, in pages of 4096 bytes, are possible"
            )
        if not 1 <= self.quantum < 1 << 40:
            raise ReplugError(f"quantum: {self.quantum}: at least 1 instruction, less than 2^40")
        if isinstance(self.bios, str) and self.bios not in (NO_FIRMWARE, BUILTIN):
            raise ReplugError(
                f"bios: {self.bios!r}: {NO_FIRMWARE}, {BUILTIN} or the path of a file is possible"
            )
        if self.load_address is not None and not 0 <= self.load_address < 1 << 64:
            raise ReplugError(f"load address: {self.load_address:#x}: not an address")
        if self.disk_write and self.disk is None:
            raise ReplugError("--disk-write: there is no disk to write to")
