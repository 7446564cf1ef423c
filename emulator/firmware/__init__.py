# SPDX-License-Identifier: GPL-2.0-or-later
"""Our own firmware: RISC-V assembly that runs in M-mode and offers the SBI to the image in S-mode."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from emulator.engine.build import build_directory
from toolchain.assemble import assemble
from toolchain.image import Image

_HERE = Path(__file__).resolve().parent


@cache
def builtin_firmware(bits: int) -> Image:
    """The firmware for harts of 64 or 32 bits, assembled if it is not there yet."""
    sources = sorted(_HERE.glob("*.S"))
    target = build_directory() / "firmware" / f"sbi{bits}.elf"
    return Image.open(
        assemble(
            sources,
            target,
            link_script=_HERE / "firmware.ld",
            include=[_HERE],
            bits=bits,
            root=_HERE,
        )
    )
