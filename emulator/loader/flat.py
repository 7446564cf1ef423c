# SPDX-License-Identifier: GPL-2.0-or-later
"""Files of raw bytes: a flat image, firmware, an initial RAM disk, a device tree."""

import stat
from pathlib import Path

from emulator.errors import ReplugError
from emulator.loader.placement import Loaded, Placement, Ram, check_fit, highest_free

LARGEST_FILE = 4 << 30
"""Bytes: what is larger cannot be meant for a machine's RAM."""


def read_file(path: Path, largest: int = LARGEST_FILE) -> bytes:
    """All of a regular file; ReplugError when it cannot be read, is empty or larger than `largest` bytes."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ReplugError(f"{path}: is a directory")
        if not stat.S_ISREG(status.st_mode):
            raise ReplugError(f"{path}: is not a regular file")
        # The size first: no use in reading what cannot fit.
        if status.st_size > largest:
            raise ReplugError(f"{path}: {status.st_size} bytes are too many: at most {largest} fit")
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise ReplugError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    if not data:
        raise ReplugError(f"{path}: is empty")
    return data


def place_flat(path: Path, address: int, ram: Ram) -> Loaded:
    """The whole file at physical `address`, which is also its entry.

    ReplugError when the file cannot be read, is empty or does not fit into RAM there.
    """
    data = read_file(path)
    piece = Placement(str(path), address, data, len(data))
    check_fit([piece], ram)
    return Loaded(address, (piece,))


def place_initrd(path: Path, ram: Ram, occupied: list[Placement]) -> Placement:
    """An initial RAM disk as high in RAM as there is room for it: out of the way of a kernel's growth."""
    data = read_file(path)
    what = f"the initial RAM disk {path}"
    return Placement(what, highest_free(what, len(data), ram, occupied, 4096), data, len(data))
