# SPDX-License-Identifier: GPL-2.0-or-later
"""Registers and memory of the hart that the client has selected."""

from __future__ import annotations

from emulator.debug.gdb.packets import BAD_ARGUMENT, BAD_MEMORY, LONGEST, Handler, unescape
from emulator.debug.gdb.threads import Threads
from emulator.debug.registers import Register, Registers, read, write
from emulator.debug.session import DebugSession
from emulator.errors import ReplugError

_PAGE = 4096


class RegistersAndMemory:
    """Memory is by virtual address as the selected hart sees it; `monitor physical` does without."""

    def __init__(self, session: DebugSession, threads: Threads) -> None:
        self._session = session
        self._threads = threads
        self.registers = Registers(session.engine)
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

    def _in_g(self) -> list[Register]:
        return [register for register in self.registers.all if register.group in ("x", "pc", "f")]

    def _read_all(self, _rest: str) -> bytes:
        return b"".join(self._encoded(register) for register in self._in_g())

    def _write_all(self, rest: str) -> bytes:
        data = bytes.fromhex(rest)
        hart = self._threads.general
        for register in self._in_g():
            size = register.bits // 8
            piece, data = data[:size], data[size:]
            value = int.from_bytes(piece, "little")
            if len(piece) == size and value != read(self._session.engine, hart, register):
                write(self._session, hart, register, value)
        return b"OK"

    def _read_one(self, rest: str) -> bytes:
        return self._encoded(self.registers.all[int(rest, 16)])

    def _write_one(self, rest: str) -> bytes:
        number, _, value = rest.partition("=")
        register = self.registers.all[int(number, 16)]
        write(self._session, self._threads.general, register, int.from_bytes(bytes.fromhex(value), "little"))
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
