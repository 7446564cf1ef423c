# SPDX-License-Identifier: GPL-2.0-or-later
"""Assembling, linking, disassembling, reading ELF images and making disk images for RISC-V guests.

Stands alone: nothing here knows the emulator or the guest's sources.
"""

from toolchain.errors import ToolchainError

__all__ = ["ToolchainError"]
