# SPDX-License-Identifier: GPL-2.0-or-later
"""What each packet of the remote protocol does.

A table leads from the first letters of a packet to a method, which gets the rest. It answers with the payload
of the reply, b"" for what is not supported, or None where the reply comes later (the machine runs).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from emulator.debug.gdb import describe
from emulator.debug.gdb.agent import AgentError, evaluate
from emulator.debug.gdb.packets import LONGEST, escape, unescape
from emulator.debug.records import Breakpoint, Stop, StopKind
from emulator.debug.registers import Register, Registers, read, write
from emulator.debug.session import DebugSession
from emulator.debug.symbols import Symbols
from emulator.engine import Access
from emulator.errors import ReplugError

OWNER = "gdb"
_AGENT = "agent:"
_WATCHES = {"2": Access.WRITE, "3": Access.READ, "4": Access.READ | Access.WRITE}
_WATCH_NAMES = {"2": "watch", "3": "rwatch", "4": "awatch"}
_BAD_MEMORY, _BAD_ARGUMENT = b"E14", b"E22"
_INTERRUPTED, _TRAPPED = 2, 5

Resume = Callable[[], Stop]
"""Lets the machine run until it stops."""
Monitor = Callable[[str], str]
"""Executes a command of the user's, and gives what it says."""


class GdbTarget:
    """One client's view of a session: it keeps what that client has selected and set."""

    def __init__(self, session: DebugSession, symbols: Symbols, monitor: Monitor) -> None:
        self.session = session
        self._symbols = symbols
        self._monitor = monitor
        self._registers = Registers(session.engine)
        self._documents = {"target.xml": describe.target(self._registers.all, session.engine.config.xlen)}
        self._general = session.stop.hart  # hart of g, m and the like
        self._continued: int | None = None  # hart of bs
        self._points: dict[str, int] = {}  # "type,address,length" -> number
        self._addresses: dict[int, tuple[str, int]] = {}  # number -> type and address as GDB said
        self._file: bytes | None = None
        self.resume: Resume | None = None
        """What a packet has asked to be run; its stop is the reply."""
        self.acknowledging = True
        self.gone = False
        """The client has detached."""
        self.killed = False
        """The client wants the machine to end."""
        self._otherwise = session.condition
        session.condition = self._condition
        self.table: dict[str, Callable[[str], bytes | None]] = {
            "?": self._why,
            "g": self._read_all,
            "G": self._write_all,
            "p": self._read_one,
            "P": self._write_one,
            "m": self._read_memory,
            "M": self._write_memory,
            "H": self._select,
            "T": self._alive,
            "D": self._detach,
            "k": self._kill,
            "vKill": self._vkill,
            "vCont?": lambda _rest: b"vCont;c;C;s;S;r",
            "vCont;": self._vcont,
            "c": lambda _rest: self._run(self.session.run),
            "s": lambda _rest: self._run(lambda: self.session.step_hart(self._running)),
            "bs": lambda _rest: self._run(lambda: self.session.reverse_step_hart(self._running)),
            "bc": lambda _rest: self._run(self.session.reverse),
            "Z": self._insert,
            "z": self._remove,
            "qSupported": self._supported,
            "QStartNoAckMode": self._no_ack,
            "qAttached": lambda _rest: b"1",
            "qC": lambda _rest: b"QC%x" % (self.session.stop.hart + 1),
            "qfThreadInfo": self._threads,
            "qsThreadInfo": lambda _rest: b"l",
            "qThreadExtraInfo,": self._thread_info,
            "qSymbol": lambda _rest: b"OK",
            "qXfer:": self._transfer,
            "qRcmd,": self._command,
            "vFile:": self._host_file,
        }
        self._longest_first = sorted(self.table, key=len, reverse=True)

    def handle(self, payload: bytes) -> bytes | None:
        """The reply to a packet; None: see `resume`. What goes wrong is an error in GDB's language."""
        if payload[:1] == b"X":  # the only one that carries binary data
            return self._write_binary(payload[1:])
        try:
            text = payload.decode("ascii")
        except UnicodeDecodeError:
            return b""
        for name in self._longest_first:
            if text.startswith(name):
                try:
                    return self.table[name](text[len(name) :])
                except (ValueError, IndexError, KeyError, OverflowError):
                    return _BAD_ARGUMENT
                except ReplugError as error:
                    return b"E." + escape(str(error).encode())
        return b""

    def close(self) -> None:
        """The client is gone: so is what it has set."""
        self.session.breakpoints.remove_owned(OWNER)
        self.session.condition = self._otherwise

    # --- stops ---

    def stop_reply(self, stop: Stop) -> bytes:
        """Why the machine stands, as GDB wants it."""
        self._general = stop.hart
        signal = _INTERRUPTED if stop.kind is StopKind.PAUSED else _TRAPPED
        reply = b"T%02xthread:%x;" % (signal, stop.hart + 1)
        if stop.kind is StopKind.BREAKPOINT:
            kind, _ = self._addresses.get(stop.breakpoint.number if stop.breakpoint else 0, ("0", 0))
            return reply + (b"hwbreak:;" if kind == "1" else b"swbreak:;")
        if stop.kind is StopKind.WATCHPOINT and stop.breakpoint is not None:
            kind, address = self._addresses.get(stop.breakpoint.number, ("2", stop.breakpoint.address))
            return reply + f"{_WATCH_NAMES[kind]}:{address:x};".encode()
        if stop.kind is StopKind.START:
            return reply + b"replaylog:begin;"
        if stop.kind.final:
            return reply + b"replaylog:end;"
        return reply

    def _why(self, _rest: str) -> bytes:
        stop = self.session.stop
        if stop.kind is StopKind.START:
            return b"T%02xthread:%x;" % (_TRAPPED, stop.hart + 1)
        return self.stop_reply(stop)

    def _run(self, resume: Resume) -> None:
        self.resume = resume

    @property
    def _running(self) -> int:
        return self.session.stop.hart if self._continued is None else self._continued

    # --- threads ---

    def _hart(self, text: str) -> int:
        hart = int(text, 16) - 1
        if not 0 <= hart < self.session.machine.harts:
            raise ValueError
        return hart

    def _select(self, rest: str) -> bytes:
        kind, thread = rest[0], rest[1:]
        chosen = None if thread in ("0", "-1") else self._hart(thread)
        if kind == "g":
            if chosen is not None:
                self._general = chosen
        else:
            self._continued = chosen
        return b"OK"

    def _alive(self, rest: str) -> bytes:
        self._hart(rest)
        return b"OK"

    def _threads(self, _rest: str) -> bytes:
        return b"m" + b",".join(b"%x" % (hart + 1) for hart in range(self.session.machine.harts))

    def _thread_info(self, rest: str) -> bytes:
        return describe.state(self.session, self._symbols, self._hart(rest)).encode().hex().encode()

    # --- registers ---

    def _encoded(self, register: Register) -> bytes:
        value = read(self.session.engine, self._general, register)
        return value.to_bytes(register.bits // 8, "little").hex().encode()

    def _in_g(self) -> list[Register]:
        return [register for register in self._registers.all if register.group in ("x", "pc", "f")]

    def _read_all(self, _rest: str) -> bytes:
        return b"".join(self._encoded(register) for register in self._in_g())

    def _write_all(self, rest: str) -> bytes:
        data = bytes.fromhex(rest)
        for register in self._in_g():
            size = register.bits // 8
            piece, data = data[:size], data[size:]
            value = int.from_bytes(piece, "little")
            if len(piece) == size and value != read(self.session.engine, self._general, register):
                write(self.session, self._general, register, value)
        return b"OK"

    def _read_one(self, rest: str) -> bytes:
        return self._encoded(self._registers.all[int(rest, 16)])

    def _write_one(self, rest: str) -> bytes:
        number, _, value = rest.partition("=")
        register = self._registers.all[int(number, 16)]
        write(self.session, self._general, register, int.from_bytes(bytes.fromhex(value), "little"))
        return b"OK"

    # --- memory ---

    def _read_memory(self, rest: str) -> bytes:
        address, length = (int(part, 16) for part in rest.split(","))
        data = self._memory(address, min(length, LONGEST // 2 - 16))
        return data.hex().encode() if data else _BAD_MEMORY

    def _memory(self, address: int, length: int) -> bytes:
        """As much of it as there is."""
        machine = self.session.machine
        whole = machine.read_virtual(self._general, address, length)
        if whole is not None:
            return whole
        data = b""
        while len(data) < length:
            at = address + len(data)
            piece = machine.read_virtual(self._general, at, min(length - len(data), 4096 - at % 4096))
            if piece is None:
                break
            data += piece
        return data

    def _write_memory(self, rest: str) -> bytes:
        place, _, data = rest.partition(":")
        address, length = (int(part, 16) for part in place.split(","))
        return self._store(address, length, bytes.fromhex(data))

    def _write_binary(self, rest: bytes) -> bytes:
        place, _, data = rest.partition(b":")
        try:
            address, length = (int(part, 16) for part in place.split(b","))
        except ValueError:
            return _BAD_ARGUMENT
        return self._store(address, length, unescape(data))

    def _store(self, address: int, length: int, data: bytes) -> bytes:
        if length != len(data):
            return _BAD_ARGUMENT
        try:
            if data:
                self.session.write_virtual(self._general, address, data)
        except ReplugError:
            return _BAD_MEMORY
        return b"OK"

    # --- running ---

    def _vcont(self, rest: str) -> None:
        """Actions by thread: the first that fits a hart counts; one without a thread is for all the rest."""
        harts = range(self.session.machine.harts)
        actions: dict[int, str] = {}
        for part in rest.split(";"):
            action, _, thread = part.partition(":")
            if action[:1] not in ("c", "C", "s", "S", "r"):
                raise ValueError
            for hart in harts if thread in ("", "-1") else (self._hart(thread),):
                actions.setdefault(hart, action)
        stepping = [hart for hart, action in actions.items() if action[0] in "sSr"]
        alone = len(actions) < len(harts) and len(harts) > 1
        if not stepping:
            self._run(self._some(sorted(actions)) if alone else self.session.run)
            return
        hart = stepping[0]
        step = self.session.step_hart_alone if alone and len(actions) == 1 else self.session.step_hart
        action = actions[hart]
        if action[0] == "r":
            start, end = (int(part, 16) for part in action[1:].split(","))
            self._run(lambda: self._range(step, hart, start, end))
        else:
            self._run(lambda: step(hart))

    def _range(self, step: Callable[[int], Stop], hart: int, start: int, end: int) -> Stop:
        """Step until the hart has left the range, as GDB does to finish a line."""
        while True:
            stop = step(hart)
            if stop.kind is not StopKind.STEP or not start <= self.session.engine.get_pc(hart) < end:
                return stop

    def _some(self, harts: list[int]) -> Resume:
        """Only these run, slice by slice; the others stand still."""

        def run() -> Stop:
            waiting = 0
            while waiting < len(harts):
                waiting = 0
                for hart in harts:
                    stop = self.session.step_hart_alone(hart, self.session.engine.config.quantum)
                    if stop.kind is StopKind.IDLE:
                        waiting += 1
                    elif stop.kind is not StopKind.STEP:
                        return stop
            return stop

        return run

    # --- breakpoints ---

    def _insert(self, rest: str) -> bytes:
        point, *conditions = rest.split(";")
        kind, place, length = point.split(",")
        address = int(place, 16)
        if point in self._points:
            self._remove(point)
        if kind in ("0", "1"):
            made = self.session.break_at(address, condition=_condition(conditions), owner=OWNER)
        elif kind in _WATCHES:
            made = self.session.watch(
                address, int(length, 16), _WATCHES[kind], hart=self._general, owner=OWNER
            )
        else:
            return b""
        self._points[point] = made.number
        self._addresses[made.number] = (kind, address)
        return b"OK"

    def _remove(self, rest: str) -> bytes:
        number = self._points.pop(rest.partition(";")[0], None)
        if number is not None and self.session.breakpoints.get(number) is not None:
            self.session.breakpoints.remove(number)
        return b"OK"

    def _condition(self, breakpoint: Breakpoint, hart: int) -> bool:
        """One that cannot be evaluated holds: GDB then judges itself."""
        text = breakpoint.condition or ""
        if not text.startswith(_AGENT):
            return self._otherwise(breakpoint, hart)
        engine, machine = self.session.engine, self.session.machine
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

    # --- queries ---

    def _supported(self, _rest: str) -> bytes:
        return (
            b"PacketSize=%x;QStartNoAckMode+;vContSupported+;swbreak+;hwbreak+;ConditionalBreakpoints+;"
            b"ReverseStep+;ReverseContinue+;qXfer:features:read+;qXfer:threads:read+;"
            b"qXfer:memory-map:read+;qXfer:exec-file:read+" % LONGEST
        )

    def _no_ack(self, _rest: str) -> bytes:
        self.acknowledging = False
        return b"OK"

    def _transfer(self, rest: str) -> bytes:
        what, action, annex, window = rest.split(":")
        if action != "read":
            return b""
        documents: dict[str, Callable[[], str | None]] = {
            "features": lambda: self._documents.get(annex),
            "threads": lambda: describe.threads(self.session, self._symbols),
            "memory-map": lambda: describe.memory_map(self.session),
            "exec-file": lambda: str(self._path) if self._path is not None else None,
        }
        if what not in documents:
            return b""
        text = documents[what]()
        if text is None:
            return b"E00"
        start, length = (int(part, 16) for part in window.split(","))
        data = text.encode()
        piece = data[start : start + length]
        return (b"m" if start + length < len(data) else b"l") + escape(piece)

    def _command(self, rest: str) -> bytes:
        said = self._monitor(bytes.fromhex(rest).decode(errors="replace"))
        return said.encode().hex().encode() or b"OK"

    # --- ending ---

    def _detach(self, _rest: str) -> bytes:
        self.gone = True
        return b"OK"

    def _vkill(self, _rest: str) -> bytes:
        self.killed = True
        return b"OK"

    def _kill(self, _rest: str) -> None:
        self.killed = True

    # --- the image's file, for a GDB on another host ---

    @property
    def _path(self) -> Path | None:
        image = self.session.machine.image
        return None if image is None else image.path.resolve()

    def _host_file(self, rest: str) -> bytes:
        operation, _, arguments = rest.partition(":")
        if operation == "setfs":
            return b"F0"
        if operation == "open":
            name = bytes.fromhex(arguments.split(",")[0]).decode(errors="replace")
            if self._path is None or Path(name) != self._path:
                return b"F-1,2"  # ENOENT: nothing but the image is to be had
            self._file = self._path.read_bytes()
            return b"F3"
        if self._file is None:
            return b"F-1,9"  # EBADF
        if operation == "pread":
            _, count, start = (int(part, 16) for part in arguments.split(","))
            piece = self._file[start : start + min(count, LONGEST // 4)]
            return b"F%x;" % len(piece) + escape(piece)
        if operation == "fstat":
            record = bytearray(64)
            record[8:12] = (0o100444).to_bytes(4, "big")
            record[28:36] = len(self._file).to_bytes(8, "big")
            return b"F40;" + escape(bytes(record))
        if operation == "close":
            return b"F0"
        return b""


def _condition(parts: list[str]) -> str | None:
    """Of `X length,bytecode` in a Z packet; None: there is none."""
    found = []
    left = "".join(part for part in parts if part.startswith("X"))
    while left.startswith("X"):
        length, _, rest = left[1:].partition(",")
        size = 2 * int(length, 16)
        found.append(rest[:size])
        left = rest[size:]
    return _AGENT + ",".join(found) if found else None
