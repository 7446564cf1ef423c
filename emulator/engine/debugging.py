# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine as a debugger asks for it: exact stops, breakpoints, watchpoints, catchpoints."""

from __future__ import annotations

from typing import Any

from emulator.engine.records import Access, Hit, StopReason

ALL_HARTS = (1 << 64) - 1
ANY_SPACE = (1 << 64) - 1
_INSTRUCTIONS, _STEPS = 1, 2


class EngineDebugging:
    """The part of Engine for debuggers.

    A step is an instruction that retires, or a trap that is taken.
    """

    _ffi: Any
    _lib: Any
    _machine: Any

    def _checked(self, hart: int) -> int:
        raise NotImplementedError

    def _came_back(self, code: int) -> StopReason:
        raise NotImplementedError

    # --- running ---

    def run_instructions(self, count: int) -> StopReason:
        """Run until exactly so many more instructions have retired over all harts (StopReason.LIMIT).

        Nothing happens behind the last of them: no slice ends, no interrupt is taken, no event is due.
        However a run is cut in this way, it is the same run.
        """
        return self._came_back(self._lib.replug_run_exact(self._machine, count, _INSTRUCTIONS, -1, 0, 0))

    def run_steps(
        self, count: int, hart: int | None = None, hart_count: int = 0, *, alone: bool = False
    ) -> StopReason:
        """The same for steps of all harts; at most so many of one hart, while the others run as scheduled.

        alone: stop (StopReason.LIMIT) where the slice that runs is over, as well.
        """
        chosen = -1 if hart is None else self._checked(hart)
        return self._came_back(
            self._lib.replug_run_exact(self._machine, count, _STEPS, chosen, hart_count, int(alone))
        )

    def pass_breakpoint(self, hart: int) -> None:
        """In the next exact run, this hart does not stop at a breakpoint where it stands."""
        self._lib.replug_pass_breakpoint(self._machine, self._checked(hart))

    @property
    def steps(self) -> int:
        """Of all harts since the machine was made."""
        return int(self._lib.replug_steps(self._machine))

    @property
    def next_hart(self) -> int:
        """The hart whose turn it is; the schedule passes it over if it waits."""
        return int(self._lib.replug_next_hart(self._machine))

    @property
    def in_block(self) -> bool:
        """Whether the run stands where no block begins, and a slice cannot end."""
        return bool(self._lib.replug_in_block(self._machine))

    @property
    def slice_left(self) -> int:
        """Instructions until the slice of the hart whose turn it is may end."""
        return int(self._lib.replug_slice_left(self._machine))

    def switch_hart(self, hart: int) -> None:
        """Against the schedule: the slice that runs ends here and this hart's begins."""
        self._lib.replug_switch_hart(self._machine, self._checked(hart))

    def sync_code(self) -> None:
        """Harts fetch from now on what has been stored to code, as after a fence.i."""
        self._lib.replug_sync_code(self._machine)

    # --- breakpoints and watchpoints ---

    def add_breakpoint(
        self, number: int, address: int, harts: int = ALL_HARTS, satp: int = ANY_SPACE
    ) -> None:
        """Stop (StopReason.BREAK) in front of the instruction at a virtual address.

        number: the caller's, for several at once if it likes; harts: a bit a hart; satp: only in S- and
        U-mode of the address space with this satp.
        """
        if self._lib.replug_add_breakpoint(self._machine, number, address, harts, satp) != 0:
            raise MemoryError

    def add_watchpoint(
        self, number: int, address: int, length: int, kind: Access, *, physical: bool, harts: int = ALL_HARTS
    ) -> None:
        """Stop (StopReason.WATCHPOINT) behind an instruction that touches any of `length` bytes.

        physical: the address is, and counts by whichever virtual one an instruction gets there.
        """
        if (
            self._lib.replug_add_watchpoint(
                self._machine, number, address, length, int(kind), int(physical), harts
            )
            != 0
        ):
            raise MemoryError

    def watch_register(self, number: int, hart: int, index: int) -> None:
        """Stop (StopReason.WATCHPOINT) behind an instruction that changes a register: x0 to x31, f0 is 32.

        One register at a time, and everything runs slowly meanwhile.
        """
        self._lib.replug_watch_register(self._machine, number, self._checked(hart), index)

    def catch_traps(self, number: int, exceptions: int, interrupts: int, harts: int = ALL_HARTS) -> None:
        """Stop (StopReason.CATCH) behind a trap, in front of its handler.

        exceptions, interrupts: a bit a cause, as its code in mcause is.
        """
        if self._lib.replug_add_catchpoint(self._machine, number, exceptions, interrupts, harts) != 0:
            raise MemoryError

    def remove_breakpoint(self, number: int) -> None:
        """All breakpoints, watchpoints and catchpoints of that number."""
        self._lib.replug_remove_breakpoint(self._machine, number)

    def scan(self, on: bool) -> None:
        """Note hits and go on, instead of stopping; `hits` counts from 0 again."""
        self._lib.replug_scan(self._machine, int(on))

    def sieve(self, on: bool) -> bool:
        """While scanning: at nearly full speed, with hits that have no exact place (`last_hit` is none of
        them) and of which some may be none, but none is missed. False: this host cannot.
        """
        return bool(self._lib.replug_sieve(self._machine, int(on)) == 0)

    @property
    def hits(self) -> int:
        """How many breakpoints, watchpoints and catchpoints have been met since `scan` was called."""
        return int(self._lib.replug_hit_count(self._machine))

    @property
    def last_hit(self) -> Hit:
        """The latest of them."""
        raw = self._lib.replug_last_hit(self._machine)
        return Hit(
            int(raw.step),
            int(raw.pc),
            int(raw.address),
            int(raw.physical),
            int(raw.hart),
            int(raw.number),
            Access(int(raw.kind)),
            int(raw.width),
            int(raw.device),
        )

    def take_device_hit(self) -> bool:
        """Whether, since this was asked last, a device has met a watchpoint between runs: see `last_hit`."""
        return bool(self._lib.replug_take_device_hit(self._machine))

    # --- named paths ---

    def follow_paths(self) -> None:
        """From now on, know which named paths are open; what they cost is not kept then."""
        if self._lib.replug_follow_paths(self._machine) != 0:
            raise MemoryError

    def open_path(self, hart: int) -> int:
        """The name (as `Engine.mark` got it) of the path that is open innermost in a hart's thread, or 0."""
        return int(self._lib.replug_open_path(self._machine, self._checked(hart)))

    def save_open_paths(self) -> bytes:
        """All that is known of open paths, for `restore_open_paths` of the same machine."""
        null = self._ffi.NULL
        size = int(self._lib.replug_save_open_paths(self._machine, null, 0))
        if size == 0:
            return b""
        buffer = self._ffi.new("uint8_t[]", size)
        self._lib.replug_save_open_paths(self._machine, buffer, size)
        return bytes(self._ffi.buffer(buffer, size))

    def restore_open_paths(self, saved: bytes) -> None:
        """What was known in another state, when the machine has gone there."""
        self._lib.replug_restore_open_paths(self._machine, saved, len(saved))

    # --- snapshots ---

    def snapshot_holds(self, snapshot: int, address: int, length: int) -> bool:
        """Whether a page of these bytes of RAM has changed between a snapshot and the next one (or now)."""
        return bool(self._lib.replug_snapshot_holds(self._machine, snapshot, address, length))

    def merge_snapshot(self, snapshot: int) -> None:
        """Forget a snapshot, not the oldest; the numbers of those behind it go down by one."""
        if self._lib.replug_merge_snapshot(self._machine, snapshot) != 0:
            raise ValueError(f"snapshot {snapshot}: not there, or the oldest")
