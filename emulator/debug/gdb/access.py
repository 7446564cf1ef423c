# SPDX-License-Identifier: GPL-2.0-or-later
"""Registers and memory of the hart that the client has selected."""

from __future__ import annotations

from operator import and_
from struct import Struct

from emulator.debug.gdb.packets import BAD_ARGUMENT, BAD_MEMORY, LONGEST, Handler, unescape
from emulator.debug.gdb.threads import Threads
from emulator.debug.registers import Register, Registers, read, write
from emulator.debug.session import DebugSession
from emulator.errors import ReplugError

_PAGE = 4096
_INTEGERS = 33  # x registers and pc
_EXPEDITED = b"".join(b"%02x:%%b;" % number for number in range(_INTEGERS))


class RegistersAndMemory:
    """Memory is by virtual address as the selected hart sees it; `monitor physical` does without."""

    def __init__(self, session: DebugSession, threads: Threads) -> None:
        self._session = session
        self._threads = threads
        self.registers = Registers(session.engine)
        sizes = [register.bits for register in self.registers.all if register.group in ("x", "pc", "f")]
        self._masks = None if min(sizes) == 64 else [(1 << bits) - 1 for bits in sizes]
        self._layout = Struct("<" + "".join("Q" if bits == 64 else "I" for bits in sizes))
        self.table: dict[str, Handler] = {
            "g": self._read_all,
            "G": self._write_all,
            "p": self._read_one,
            "P": self._write_one,
            "m": self._read_memory,
            "M": self._write_memory,
        }

    # --- registers ---

    def _encoded(self, register: Register) -> bytes:
        value = read(self._session.engine, self._threads.general, register)
        return value.to_bytes(register.bits // 8, "little").hex().encode()

    def _values(self) -> list[int]:
        """Of the registers that `g` has, which are the first in target.xml: x, pc and f."""
        values = self._session.engine.get_registers(self._threads.general)
        return values if self._masks is None else list(map(and_, values, self._masks))

    def _read_all(self, _rest: str) -> bytes:
        return self._layout.pack(*self._values()).hex().encode()

    def expedited(self) -> bytes:
        """x and pc as a stop reply has them, so that the client need not ask."""
        size = self._session.engine.config.xlen // 4
        text = self._read_all("")
        return _EXPEDITED % tuple([text[start : start + size] for start in range(0, _INTEGERS * size, size)])

    def _write_all(self, rest: str) -> bytes:
        data = bytes.fromhex(rest)
        if len(data) != self._layout.size:
            return BAD_ARGUMENT
        for register, old, new in zip(
            self.registers.all, self._values(), self._layout.unpack(data), strict=False
        ):
            if new != old:
                write(self._session, self._threads.general, register, new)
        return b"OK"

    def _read_one(self, rest: str) -> bytes:
        return self._encoded(self.registers.all[int(rest, 16)])

    def _write_one(self, rest: str) -> bytes:
        number, _, value = rest.partition("=")
        register = self.registers.all[int(number, 16)]
        data = bytes.fromhex(value)
        if len(data) != register.bits // 8:
            return BAD_ARGUMENT
        write(self._session, self._threads.general, register, int.from_bytes(data, "little"))
        return b"OK"

    # --- memory ---

    def _read_memory(self, rest: str) -> bytes:
        address, length = (int(part, 16) for part in rest.split(","))
        data = self._memory(address, min(length, LONGEST // 2 - 16))
        return data.hex().encode() if data else BAD_MEMORY

    def _memory(self, address: int, length: int) -> bytes:
        """As much of it as there is."""
        machine, hart = self._session.machine, self._threads.general
        whole = machine.read_virtual(hart, address, length)
        if whole is not None:
            return whole
        data = b""
        while len(data) < length:
            at = address + len(data)
            piece = machine.read_virtual(hart, at, min(length - len(data), _PAGE - at % _PAGE))
            if piece is None:
                break
            data += piece
        return data

    def _write_memory(self, rest: str) -> bytes:
        place, _, data = rest.partition(":")
        address, length = (int(part, 16) for part in place.split(","))
        return self._store(address, length, bytes.fromhex(data))

    def write_binary(self, rest: bytes) -> bytes:
        """The packet X, the only one that brings bytes as they are."""
        place, _, data = rest.partition(b":")
        try:
            address, length = (int(part, 16) for part in place.split(b","))
        except ValueError:
            return BAD_ARGUMENT
        return self._store(address, length, unescape(data))

    def _store(self, address: int, length: int, data: bytes) -> bytes:
        if length != len(data):
            return BAD_ARGUMENT
        try:
            if data:
                self._session.write_virtual(self._threads.general, address, data)
        except (ReplugError, OverflowError):
            return BAD_MEMORY
        return b"OK"
