# SPDX-License-Identifier: GPL-2.0-or-later
"""What each packet of the remote protocol does.

A table leads from the name of a packet to a handler, which gets the rest. It answers with the
payload of the reply, b"" for what is not supported, or None where the reply comes later (the machine runs).
Handlers come from several tables: threads.py, access.py, running.py, points.py, files.py, lldb.py; here is
the rest.
"""

from __future__ import annotations

from collections.abc import Callable

from emulator.debug.gdb import describe
from emulator.debug.gdb.access import RegistersAndMemory
from emulator.debug.gdb.files import HostFile
from emulator.debug.gdb.lldb import LldbQueries
from emulator.debug.gdb.packets import BAD_ARGUMENT, LONGEST, Handler, escape, failure, split
from emulator.debug.gdb.points import Points
from emulator.debug.gdb.running import Resume, Running
from emulator.debug.gdb.threads import Threads
from emulator.debug.records import Stop, StopKind
from emulator.debug.session import DebugSession
from emulator.debug.symbols import Symbols
from emulator.errors import ReplugError

_INTERRUPTED, _TRAPPED = 2, 5
_MOVED = "GDB still shows where it was: `maintenance flush register-cache` makes it look again\n"
_MOVED_LLDB = "LLDB still shows where it was: its next step begins where the machine is now\n"

Monitor = Callable[[str], str]
"""Executes a command of the user's, and gives what it says."""


class GdbTarget:
    """One client's view of a session: it keeps what that client has selected and set."""

    def __init__(
        self,
        session: DebugSession,
        symbols: Symbols,
        monitor: Monitor,
        console: Callable[[str], None] = lambda _text: None,
    ) -> None:
        """console: shows a text to the client's user, while a packet is answered."""
        self._session = session
        self._symbols = symbols
        self._monitor = monitor
        self._console = console
        self._threads = Threads(session, symbols)
        self._access = RegistersAndMemory(session, self._threads)
        self._running = Running(session, self._threads)
        self._points = Points(session, self._threads, self._access.registers, console)
        self._file = HostFile(session)
        registers = self._access.registers.all
        self._documents = {"target.xml": describe.target(registers, session.engine.config.xlen)}
        self.acknowledging = True
        self.gone = False
        """The client has detached."""
        self._alive = True  # the machine, as far as the client goes
        self._extended = False
        self._table: dict[str, Handler] = {
            "?": self._why,
            "!": self._extend,
            "vRun": self._start,
            "vAttach": self._why,
            "D": self._detach,
            "k": lambda rest: self._kill(rest) and None,  # which has no reply
            "vKill": self._kill,
            "qSupported": self._supported,
            "QStartNoAckMode": self._no_ack,
            "qAttached": lambda _rest: b"1",
            "qSymbol": lambda _rest: b"OK",
            "qXfer": self._transfer,
            "qRcmd": self._command,
            **self._threads.table,
            **self._access.table,
            **self._running.table,
            **self._points.table,
            **self._file.table,
            **LldbQueries(session, self._threads, self._running, self._stop_of).table,
        }

    def handle(self, payload: bytes) -> bytes | None:
        """The reply to a packet; None: see `take_resume`. What goes wrong is an error in GDB's language."""
        if payload[:1] == b"X":  # the only one that carries binary data
            return self._access.write_binary(payload[1:])
        try:
            name, rest = split(payload.decode("ascii"))
        except UnicodeDecodeError:
            return b""
        handler = self._table.get(name)
        if handler is None:
            return b""
        try:
            return handler(rest)
        except (ValueError, IndexError, KeyError, OverflowError):
            return BAD_ARGUMENT
        except ReplugError as error:
            return failure(error)

    def take_resume(self) -> Resume | None:
        """What a packet has asked to be run, once; its stop is the reply."""
        resume, self._running.resume = self._running.resume, None
        return resume

    def close(self) -> None:
        """The client is gone: so is what it has set."""
        self._extended = False
        self._points.close()

    @property
    def killed(self) -> bool:
        """The client wants the machine to end, and will not start it again."""
        return not self._alive and not self._extended

    # --- stops ---

    def stop_reply(self, stop: Stop) -> bytes:
        """Why the machine stands, as GDB wants it."""
        self._threads.general = stop.hart
        signal = _INTERRUPTED if stop.kind is StopKind.PAUSED else _TRAPPED
        reply = b"T%02xthread:%x;%s" % (signal, stop.hart + 1, self._access.expedited())
        if stop.kind in (StopKind.BREAKPOINT, StopKind.WATCHPOINT):
            return reply + self._points.reason(stop.breakpoint)
        if stop.kind is StopKind.START and stop.backwards:
            return reply + b"replaylog:begin;"
        if stop.kind.final:
            return reply + b"replaylog:end;"
        return reply

    def _why(self, _rest: str) -> bytes:
        return self.stop_reply(self._session.stop) if self._alive else b"W00"

    def _stop_of(self, hart: int) -> bytes:
        """Only one hart has a reason to stand: the others stand because it does."""
        return self._why("") if hart == self._session.stop.hart else b"T00thread:%x;" % (hart + 1)

    # --- queries ---

    def _supported(self, _rest: str) -> bytes:
        features = (
            b"PacketSize=%x;QStartNoAckMode+;vContSupported+;swbreak+;hwbreak+;"
            b"ConditionalBreakpoints+;BreakpointCommands+;"
            b"ReverseStep+;ReverseContinue+;qXfer:features:read+;qXfer:threads:read+;"
            b"qXfer:memory-map:read+" % LONGEST
        )
        return features + (b";qXfer:exec-file:read+" if self._file.path is not None else b"")

    def _no_ack(self, _rest: str) -> bytes:
        self.acknowledging = False
        return b"OK"

    def _transfer(self, rest: str) -> bytes:
        what, action, annex, window = rest.split(":")
        if action != "read":
            return b""
        documents: dict[str, Callable[[], str | None]] = {
            "features": lambda: self._documents.get(annex),
            "threads": lambda: describe.threads(self._session, self._symbols),
            "memory-map": lambda: describe.memory_map(self._session),
            "exec-file": lambda: str(self._file.path) if self._file.path is not None else None,
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
        before = self._session.position
        said = self._monitor(bytes.fromhex(rest).decode(errors="replace"))
        lldb = self._running.keeps_schedule
        if self._session.position != before:
            self._threads.general = self._session.stop.hart
            said += _MOVED_LLDB if lldb else _MOVED
        if lldb:  # it would show what is in the reply as hexadecimal digits
            self._console(said)
            return b"OK"
        return said.encode().hex().encode() or b"OK"

    # --- beginning and ending ---

    def _extend(self, _rest: str) -> bytes:
        """`target extended-remote`: a client that has killed the machine stays, and may start it again."""
        self._extended = True
        return b"OK"

    def _start(self, _rest: str) -> None:
        """GDB's `run`: from the first instruction, which is where going back would come to."""
        self._alive = True
        self._running.resume = lambda: self._session.goto(0)

    def _detach(self, _rest: str) -> bytes:
        self.gone = True
        return b"OK"

    def _kill(self, _rest: str) -> bytes:
        self._alive = False
        return b"OK"
