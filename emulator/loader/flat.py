# SPDX-License-Identifier: GPL-2.0-or-later
"""A file of raw bytes at an address: a flat image, firmware, an initial RAM disk."""

import stat
from pathlib import Path

from emulator.errors import ReplugError
from emulator.loader.placement import Loaded, Placement, Ram, check_fit


def place_flat(path: Path, address: int, ram: Ram) -> Loaded:
    """The whole file at physical `address`, which is also its entry.

    ReplugError when the file cannot be read, is empty or does not fit into RAM there.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ReplugError(f"{path}: is not a regular file")
        # The size first: no use in reading what cannot fit.
        check_fit([Placement(str(path), address, b"", status.st_size)], ram)
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise ReplugError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    if not data:
        raise ReplugError(f"{path}: is empty")
    piece = Placement(str(path), address, data, len(data))
    check_fit([piece], ram)
    return Loaded(address, (piece,))
