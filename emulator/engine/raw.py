# SPDX-License-Identifier: GPL-2.0-or-later
"""Unicorn as people drive it from Python: without our engine, to compare with.

Nothing here counts or is exact, except the script with a Python hook for each instruction, which is what an
exact count costs by hand. Only user-level code can run: there are no traps, devices or timers.
"""

from __future__ import annotations

import enum
from typing import Any

import unicorn
from unicorn import riscv_const, unicorn_const

from emulator.errors import ReplugError

_unicorn: Any = unicorn  # its own type hints do not know half of it


class RawMode(enum.Enum):
    """How Unicorn is set up. None but HOOK calls back from the running code."""

    DEFAULT = "default TLB"
    """As the documentation starts it: map, write, start, with the TLB that Unicorn comes with."""
    VIRTUAL = "virtual TLB"
    """With the TLB filled by a callback, a page at a time: the fastest way known, and the engine's."""
    HOOK = "Python hook"
    """As DEFAULT, and a Python function that counts each instruction."""


class RawUnicorn:
    """One RV64 hart on raw Unicorn, RAM at `ram_base` (size in bytes), in bare machine mode."""

    def __init__(self, mode: RawMode, *, ram_base: int, ram_size: int) -> None:
        self.mode = mode
        self.instructions = 0
        """Counted by mode HOOK since the object was made."""
        self._uc: Any = _unicorn.Uc(unicorn_const.UC_ARCH_RISCV, unicorn_const.UC_MODE_RISCV64)
        if mode is RawMode.VIRTUAL:
            self._uc.ctl_set_tlb_mode(unicorn_const.UC_TLB_VIRTUAL)
            self._uc.hook_add(unicorn_const.UC_HOOK_TLB_FILL, self._fill)
        self._uc.mem_map(ram_base, ram_size)
        if mode is RawMode.HOOK:
            self._uc.hook_add(unicorn_const.UC_HOOK_CODE, self._count)

    @staticmethod
    def _fill(_uc: Any, address: int, access: int, entry: Any, _user: Any) -> bool:
        # Never writable and executable at once: stores to such a page take the slow path.
        entry.paddr = address & ~0xFFF
        entry.perms = (
            unicorn_const.UC_PROT_READ | unicorn_const.UC_PROT_EXEC
            if access == unicorn_const.UC_MEM_FETCH
            else unicorn_const.UC_PROT_READ | unicorn_const.UC_PROT_WRITE
        )
        return True

    def _count(self, _uc: Any, _address: int, _size: int, _user: Any) -> None:
        self.instructions += 1

    def write(self, address: int, data: bytes) -> None:
        """Put bytes into RAM. ReplugError where there is none."""
        try:
            self._uc.mem_write(address, data)
        except _unicorn.UcError as error:
            raise ReplugError(f"raw Unicorn: {address:#x}: {error}") from None

    def read(self, address: int, size: int) -> bytes:
        """Bytes of RAM. ReplugError where there is none."""
        try:
            return bytes(self._uc.mem_read(address, size))
        except _unicorn.UcError as error:
            raise ReplugError(f"raw Unicorn: {address:#x}: {error}") from None

    def run(self, start: int, until: int) -> None:
        """From address `start`, as hart 0, to address `until`. ReplugError when it stops elsewhere."""
        self._uc.reg_write(riscv_const.UC_RISCV_REG_A0, 0)
        try:
            self._uc.emu_start(start, until)
        except _unicorn.UcError as error:
            raise ReplugError(f"raw Unicorn: {error}") from None
        stopped = self._uc.reg_read(riscv_const.UC_RISCV_REG_PC)
        if stopped != until:
            raise ReplugError(f"raw Unicorn: stopped at {stopped:#x}, not at {until:#x}")
