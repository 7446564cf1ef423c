# SPDX-License-Identifier: GPL-2.0-or-later
"""What LLDB asks on top of GDB's protocol (lldb/docs/resources/lldbgdbremote).

LLDB steps one hart alone wherever it passes a breakpoint, and has no word for "the others as the schedule has
it". Under LLDB, a hart's step is therefore always one of the schedule, so that the run stays the one that a
token names; GDB's `scheduler-locking` has no counterpart there.
"""

from __future__ import annotations

from collections.abc import Callable

from emulator.debug.gdb.packets import Handler
from emulator.debug.gdb.running import Running
from emulator.debug.gdb.threads import Threads
from emulator.debug.session import DebugSession

_PAGE = 4096
_MOST_PAGES = 512  # of a region that is described at once


class LldbQueries:
    """stop_of: the reply that says why a hart stands."""

    def __init__(
        self, session: DebugSession, threads: Threads, running: Running, stop_of: Callable[[int], bytes]
    ) -> None:
        self._session = session
        self._threads = threads
        self._running = running
        self._stop_of = stop_of
        self.table: dict[str, Handler] = {
            "QThreadSuffixSupported": self._is_lldb,
            "qHostInfo": self._host,
            "qProcessInfo": self._process,
            "qMemoryRegionInfo": self._region,
            "qThreadStopInfo": lambda rest: stop_of(threads.hart(rest)),
        }

    def _is_lldb(self, _rest: str) -> bytes:
        """Nobody else asks; the answer is no, as threads are selected by H."""
        self._running.keeps_schedule = True
        return b""

    @property
    def _target(self) -> bytes:
        xlen = self._session.engine.config.xlen
        triple = f"riscv{xlen}-unknown-unknown-elf".encode().hex().encode()
        return b"triple:%s;endian:little;ptrsize:%d;" % (triple, xlen // 8)

    def _host(self, _rest: str) -> bytes:
        # A stop at a watched access is behind it. Running the past again may take a while.
        return self._target + b"watchpoint_exceptions_received:after;default_packet_timeout:600;"

    def _process(self, _rest: str) -> bytes:
        return b"pid:1;" + self._target

    def _region(self, rest: str) -> bytes:
        """Pages from an address on that are alike: mapped to memory, or not."""
        address = int(rest, 16)
        top = 1 << self._session.engine.config.xlen
        if not 0 <= address < top:
            raise ValueError
        start = address - address % _PAGE
        mapped = self._is_mapped(start)
        end = start + _PAGE
        while end < top and end - start < _MOST_PAGES * _PAGE and self._is_mapped(end) == mapped:
            end += _PAGE
        permissions = b"permissions:rwx;" if mapped else b""
        return b"start:%x;size:%x;" % (start, end - start) + permissions

    def _is_mapped(self, address: int) -> bool:
        return self._session.machine.read_virtual(self._threads.general, address, 1) is not None
