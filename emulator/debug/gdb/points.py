# SPDX-License-Identifier: GPL-2.0-or-later
"""Breakpoints and watchpoints as clients set them (Z and z), with conditions and commands in bytecode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from emulator.debug.gdb.agent import AgentError, evaluate, execute
from emulator.debug.gdb.dprintf import formatted
from emulator.debug.gdb.packets import Handler
from emulator.debug.gdb.threads import Threads
from emulator.debug.records import Breakpoint
from emulator.debug.registers import Registers, read
from emulator.debug.session import DebugSession
from emulator.engine import Access

OWNER = "gdb"
_WATCHES = {"2": Access.WRITE, "3": Access.READ, "4": Access.READ | Access.WRITE}
_WATCH_NAMES = {"2": b"watch", "3": b"rwatch", "4": b"awatch"}


@dataclass(frozen=True)
class _Point:
    """kind and address as the client has said them; conditions: one must hold; commands: dprintf's."""

    kind: str
    address: int
    conditions: tuple[bytes, ...] = ()
    commands: tuple[bytes, ...] = ()


class Points:
    """One client's: they are gone with it (`close`). say: shows a text to the client's user."""

    def __init__(
        self, session: DebugSession, threads: Threads, registers: Registers, say: Callable[[str], None]
    ) -> None:
        self._session = session
        self._threads = threads
        self._registers = registers
        self._say = say
        self._numbers: dict[str, int] = {}  # "type,address,length" -> number
        self._points: dict[int, _Point] = {}  # number -> as the client has set it
        self._otherwise = session.condition
        session.condition = self._condition
        self.table: dict[str, Handler] = {"Z": self._insert, "z": self._remove}

    def close(self) -> None:
        """Remove them all."""
        self._session.breakpoints.remove_owned(OWNER)
        self._session.condition = self._otherwise

    def reason(self, breakpoint: Breakpoint | None) -> bytes:
        """What a stop reply says of a stop there; others' breakpoints are what comes nearest."""
        if breakpoint is None:
            return b"swbreak:;"
        nearest = _Point("0" if breakpoint.kind is Access.EXECUTE else "2", breakpoint.address)
        point = self._points.get(breakpoint.number, nearest)
        if point.kind in _WATCH_NAMES:
            return b"%s:%x;" % (_WATCH_NAMES[point.kind], point.address)
        return b"hwbreak:;" if point.kind == "1" else b"swbreak:;"

    def _insert(self, rest: str) -> bytes:
        place, *details = rest.split(";")
        kind, start, length = place.split(",")
        address = int(start, 16)
        if not 0 <= address < 1 << 64:
            raise ValueError
        point = _Point(kind, address, *_bytecode(details))
        self._remove(place)
        if kind in ("0", "1"):
            condition = f"{OWNER}'s" if point.conditions or point.commands else None
            made = self._session.break_at(address, condition=condition, owner=OWNER)
        elif kind in _WATCHES:
            made = self._session.watch(
                address, int(length, 16), _WATCHES[kind], hart=self._threads.general, owner=OWNER
            )
        else:
            return b""
        self._numbers[place] = made.number
        self._points[made.number] = point
        return b"OK"

    def _remove(self, rest: str) -> bytes:
        number = self._numbers.pop(rest.partition(";")[0], None)
        if number is not None:
            del self._points[number]
            if self._session.breakpoints.get(number) is not None:
                self._session.breakpoints.remove(number)
        return b"OK"

    # --- conditions and commands ---

    def _condition(self, breakpoint: Breakpoint, hart: int) -> bool:
        """Whether to stop there. One that cannot be evaluated holds: GDB then judges itself."""
        point = self._points.get(breakpoint.number)
        if point is None:
            return self._otherwise(breakpoint, hart)
        engine, machine = self._session.engine, self._session.machine

        def register(number: int) -> int:
            return read(engine, hart, self._registers.all[number])

        def memory(address: int, size: int) -> bytes | None:
            return machine.read_virtual(hart, address, size)

        def print_formatted(form: str, arguments: list[int]) -> None:
            self._say(formatted(form, arguments, engine.config.xlen, memory))

        try:
            if point.conditions and not any(evaluate(code, register, memory) for code in point.conditions):
                return False
            if self._session.is_live:  # not while the past is run again
                for code in point.commands:
                    execute(code, register, memory, print_formatted)
        except AgentError:
            return True
        return not point.commands


def _bytecode(details: list[str]) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """Conditions and commands, from what stands behind the place in a Z packet."""
    conditions: list[bytes] = []
    commands: list[bytes] = []
    for detail in details:
        if detail.startswith("cmds:"):
            commands += _expressions(detail.partition(",")[2])  # in front: whether to keep them afterwards
        else:
            conditions += _expressions(detail)
    return tuple(conditions), tuple(commands)


def _expressions(text: str) -> list[bytes]:
    """Of `X length,bytecode`, one behind the other; ValueError for anything else."""
    found = []
    while text:
        length, _, text = text.removeprefix("X").partition(",")
        size = 2 * int(length, 16)
        if not 0 <= size <= len(text):
            raise ValueError
        found.append(bytes.fromhex(text[:size]))
        text = text[size:]
    return found
