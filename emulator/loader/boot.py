# SPDX-License-Identifier: GPL-2.0-or-later
"""How a machine starts: which files go where in RAM, what runs first, and what it is told.

An image runs by itself in M-mode (`--bios none`), under our own firmware (`builtin`), or under one from a
file. Harts begin at the entry of what runs first with a0 = hart id, a1 = device tree and, where there is
firmware, a2 = what comes next, in the form that OpenSBI's fw_dynamic understands, as our own firmware does.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path

from emulator.devices import virt_map
from emulator.errors import ReplugError
from emulator.firmware import builtin_firmware
from emulator.isa import Isa
from emulator.loader.devicetree import TreeOptions, complete_tree, device_tree
from emulator.loader.elf import place_elf
from emulator.loader.flat import place_initrd, read_file
from emulator.loader.linux_image import linux_header
from emulator.loader.packed import unpack
from emulator.loader.placement import Placement, Ram, check_fit, highest_free
from emulator.options import BUILTIN, FROM_FILE, NO_FIRMWARE, MachineOptions
from toolchain.errors import ToolchainError
from toolchain.image import Image

KERNEL_OFFSET = {64: 2 << 20, 32: 4 << 20}
"""Bytes from the start of RAM to an image under firmware: the size of a megapage (Sv39, Sv32)."""

_LARGEST_TREE = 1 << 20
_FW_DYNAMIC_MAGIC = 0x4942_534F  # OpenSBI, docs/firmware/fw_dynamic.md
_FW_DYNAMIC_VERSION = 2
_SUPERVISOR = 1


@dataclass(frozen=True)
class Start:
    """What is in RAM when the harts begin, and where they do.

    image: whose run it is; isa: what the harts have; bios: "none", "builtin" or "file"; firmware: what that
    is, if anything; entry: physical address where harts begin; tree: that of the device tree; next_stage:
    that of what firmware is told (0: there is none); files: SHA-256 (32 bytes) of what belongs to the run
    beside the image, by option.
    """

    image: Image
    isa: Isa
    bios: str
    firmware: Image | None
    entry: int
    tree: int
    next_stage: int
    placements: tuple[Placement, ...]
    files: dict[str, bytes]


def open_bootable(path: Path) -> Image:
    """An ELF, a Linux Image or a flat file, unpacked if need be; ReplugError when it can be none of them."""
    content = read_file(path)
    data = unpack(content, path)
    try:
        if data.startswith(b"\x7fELF"):
            return Image.read(data, path)
    except ToolchainError as error:
        raise ReplugError(str(error).splitlines()[0]) from None
    return Image.flat(data, path, hashlib.sha256(content).hexdigest())


def default_bios(image: Image) -> str:
    """An ELF brings all it needs; what has no entry of its own starts under our firmware."""
    return BUILTIN if image.is_flat else NO_FIRMWARE


def prepare(image: Image | None, options: MachineOptions) -> Start:
    """Put everything in its place. image: None where firmware from a file is all that runs.

    ReplugError when something cannot be read, has the wrong class, does not fit or overlaps.
    """
    ram = Ram(virt_map.RAM_BASE, options.memory)
    bios = options.bios if options.bios is not None else (default_bios(image) if image else NO_FIRMWARE)
    files: dict[str, bytes] = {}
    chosen = options.isa.xlen if options.isa is not None else 0
    bits = chosen or (image.bits if image else 0) or 64
    pieces: list[Placement] = []
    firmware = _firmware(bios, bits, ram)
    if firmware is not None:
        bits = chosen or firmware.bits
        pieces += place_elf(firmware, ram, bits).placements
        files["bios"] = bytes.fromhex(firmware.sha256)
    if image is not None:
        image = _placed(image, bits, ram, options.load_address, under_firmware=firmware is not None)
        pieces += place_elf(image, ram, bits).placements
    first = firmware or image
    if first is None:
        raise ReplugError("there is nothing to boot: neither an image nor firmware from a file")
    entry = place_elf(first, ram, bits).entry
    check_fit(pieces, ram)
    initrd = None
    if options.initrd is not None:
        piece = place_initrd(options.initrd, ram, pieces)
        pieces.append(piece)
        initrd = (piece.address, piece.end)
        files["initrd"] = hashlib.sha256(piece.data).digest()
    next_stage = 0
    if firmware is not None and image is not None:
        info = _next_stage(place_elf(image, ram, bits).entry, bits)
        next_stage = _append(pieces, "what firmware is told", info, ram, 64)
    reserved = _reserved(firmware) if bios == BUILTIN else None
    isa = options.isa or Isa.default(bits)
    tree = _tree(options, isa, initrd, reserved, files)
    # Kernels map it by a megapage of its own where RAM is large enough for that.
    tree_address = _append(pieces, "the device tree", tree, ram, 1 << 21 if ram.size > 4 << 20 else 4096)
    kind = str(bios) if bios in (NO_FIRMWARE, BUILTIN) else FROM_FILE
    return Start(image or first, isa, kind, firmware, entry, tree_address, next_stage, tuple(pieces), files)


def _append(pieces: list[Placement], what: str, data: bytes, ram: Ram, alignment: int) -> int:
    """Put it as high as there is room; its address."""
    address = highest_free(what, len(data), ram, pieces, alignment)
    pieces.append(Placement(what, address, data, len(data)))
    return address


def _firmware(bios: Path | str, bits: int, ram: Ram) -> Image | None:
    if bios == NO_FIRMWARE:
        return None
    if bios == BUILTIN:
        return builtin_firmware(bits)
    if not Path(bios).exists():
        raise ReplugError(f"--bios: {bios}: no such file (and neither {NO_FIRMWARE} nor {BUILTIN})")
    firmware = open_bootable(Path(bios))
    return firmware.placed(ram.base, bits) if firmware.is_flat else firmware


def _placed(image: Image, bits: int, ram: Ram, load_address: int | None, *, under_firmware: bool) -> Image:
    """The image where it goes, an ELF where it says itself."""
    if not image.is_flat:
        if load_address is not None:
            raise ReplugError(
                f"{image.path}: --load-address is for flat files: an ELF says itself where it goes"
            )
        return image
    data = image.segments[0].data
    header = linux_header(data, image.path)
    address = load_address
    if address is None:
        offset = KERNEL_OFFSET[bits] if under_firmware else 0
        address = ram.base + (header.text_offset if header is not None and offset else offset)
    return image.placed(address, bits, header.size if header is not None else 0)


def _next_stage(entry: int, bits: int) -> bytes:
    """struct fw_dynamic_info: magic, version, address and mode of what comes next, options, boot hart."""
    values = (_FW_DYNAMIC_MAGIC, _FW_DYNAMIC_VERSION, entry, _SUPERVISOR, 0, 0)
    return struct.pack("<6Q" if bits == 64 else "<6I", *values)


def _reserved(firmware: Image | None) -> tuple[int, int] | None:
    """(address, bytes) of RAM that our firmware keeps for itself, as its symbols say."""
    assert firmware is not None
    first, end = firmware.symbol("firmware_start"), firmware.symbol("firmware_end")
    assert first is not None and end is not None
    return first.address, end.address - first.address


def _tree(
    options: MachineOptions,
    isa: Isa,
    initrd: tuple[int, int] | None,
    reserved: tuple[int, int] | None,
    files: dict[str, bytes],
) -> bytes:
    if options.dtb is None:
        return device_tree(
            TreeOptions(
                harts=options.harts,
                memory_size=options.memory,
                isa=isa.device_tree_string(),
                mmu=isa.mmu_type,
                bootargs=options.bootargs,
                initrd=initrd,
                reserved=reserved,
            )
        )
    data = read_file(options.dtb, _LARGEST_TREE)
    files["dtb"] = hashlib.sha256(data).digest()
    return complete_tree(data, str(options.dtb), options.bootargs, initrd, reserved)
