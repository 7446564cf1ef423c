# SPDX-License-Identifier: GPL-2.0-or-later
"""Our own firmware: RISC-V assembly that runs in M-mode and offers the SBI to the image in S-mode."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from emulator.engine.build import build_directory, make_build_directory
from toolchain.image import Image

_HERE = Path(__file__).resolve().parent


@cache
def builtin_firmware(bits: int) -> Image:
    """The firmware for harts of 64 or 32 bits, assembled if it is not there yet."""
    target = build_directory() / "firmware" / f"sbi{bits}.elf"
    if not target.is_file():
        make_build_directory("firmware")
    return build_firmware(_HERE, bits, target)


def build_firmware(sources: Path, bits: int, target: Path) -> Image:
    """The firmware from the sources in a folder; ToolchainError when they do not assemble."""
    from toolchain.assemble import assemble  # noqa: PLC0415 (a boot without this firmware need not wait for it)

    assemble(
        sorted(sources.glob("*.S")),
        target,
        link_script=sources / "firmware.ld",
        include=[sources],
        bits=bits,
        root=sources,
    )
    return Image.open(target)
