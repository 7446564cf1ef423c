# SPDX-License-Identifier: GPL-2.0-or-later
"""Breakpoints and watchpoints as clients set them (Z and z), with conditions in bytecode."""

from __future__ import annotations

from emulator.debug.gdb.agent import AgentError, evaluate
from emulator.debug.gdb.packets import Handler
from emulator.debug.gdb.threads import Threads
from emulator.debug.records import Breakpoint
from emulator.debug.registers import Registers, read
from emulator.debug.session import DebugSession
from emulator.engine import Access

OWNER = "gdb"
_AGENT = "agent:"
_WATCHES = {"2": Access.WRITE, "3": Access.READ, "4": Access.READ | Access.WRITE}
WATCH_NAMES = {"2": "watch", "3": "rwatch", "4": "awatch"}


class Points:
    """One client's: they are gone with it (`close`)."""

    def __init__(self, session: DebugSession, threads: Threads, registers: Registers) -> None:
        self._session = session
        self._threads = threads
        self._registers = registers
        self._numbers: dict[str, int] = {}  # "type,address,length" -> number
        self._places: dict[int, tuple[str, int]] = {}  # number -> type and address as the client said
        self._otherwise = session.condition
        session.condition = self._condition
        self.table: dict[str, Handler] = {"Z": self._insert, "z": self._remove}

    def close(self) -> None:
        """Remove them all."""
        self._session.breakpoints.remove_owned(OWNER)
        self._session.condition = self._otherwise

    def place(self, breakpoint: Breakpoint | None) -> tuple[str, int]:
        """(type, address) as the client has set it; of others' breakpoints what comes nearest."""
        if breakpoint is None:
            return "0", 0
        kind = "0" if breakpoint.kind is Access.EXECUTE else "2"
        return self._places.get(breakpoint.number, (kind, breakpoint.address))

    def _insert(self, rest: str) -> bytes:
        point, *conditions = rest.split(";")
        kind, place, length = point.split(",")
        address = int(place, 16)
        if not 0 <= address < 1 << 64:
            raise ValueError
        if point in self._numbers:
            self._remove(point)
        if kind in ("0", "1"):
            made = self._session.break_at(address, condition=_conditions(conditions), owner=OWNER)
        elif kind in _WATCHES:
            made = self._session.watch(
                address, int(length, 16), _WATCHES[kind], hart=self._threads.general, owner=OWNER
            )
        else:
            return b""
        self._numbers[point] = made.number
        self._places[made.number] = (kind, address)
        return b"OK"

    def _remove(self, rest: str) -> bytes:
        number = self._numbers.pop(rest.partition(";")[0], None)
        if number is not None and self._session.breakpoints.get(number) is not None:
            self._session.breakpoints.remove(number)
        return b"OK"

    def _condition(self, breakpoint: Breakpoint, hart: int) -> bool:
        """One that cannot be evaluated holds: GDB then judges itself."""
        text = breakpoint.condition or ""
        if not text.startswith(_AGENT):
            return self._otherwise(breakpoint, hart)
        engine, machine = self._session.engine, self._session.machine
        try:
            return any(
                evaluate(
                    bytes.fromhex(code),
                    lambda number: read(engine, hart, self._registers.all[number]),
                    lambda address, size: machine.read_virtual(hart, address, size),
                )
                for code in text.removeprefix(_AGENT).split(",")
            )
        except AgentError:
            return True


def _conditions(parts: list[str]) -> str | None:
    """Of `X length,bytecode` in a Z packet; None: there is none."""
    found = []
    left = "".join(part for part in parts if part.startswith("X"))
    while left.startswith("X"):
        length, _, rest = left[1:].partition(",")
        size = 2 * int(length, 16)
        found.append(rest[:size])
        left = rest[size:]
    return _AGENT + ",".join(found) if found else None
