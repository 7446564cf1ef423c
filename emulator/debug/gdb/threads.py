# SPDX-License-Identifier: GPL-2.0-or-later
"""Harts as threads: which one the client means, and what each does. GDB counts threads from 1."""

from __future__ import annotations

from emulator.debug.gdb import describe
from emulator.debug.gdb.packets import Handler
from emulator.debug.session import DebugSession
from emulator.debug.symbols import Symbols


class Threads:
    """general: the hart of g, m and the like; continued: of s and bs, None for any."""

    def __init__(self, session: DebugSession, symbols: Symbols) -> None:
        self._session = session
        self._symbols = symbols
        self.general = session.stop.hart
        self.continued: int | None = None
        self.table: dict[str, Handler] = {
            "H": self._select,
            "T": self._alive,
            "qC": lambda _rest: b"QC%x" % (session.stop.hart + 1),
            "qfThreadInfo": self._all,
            "qsThreadInfo": lambda _rest: b"l",
            "qThreadExtraInfo": self._info,
        }

    def hart(self, text: str) -> int:
        """Of a thread's identifier; ValueError when there is none."""
        hart = int(text, 16) - 1
        if not 0 <= hart < self._session.machine.harts:
            raise ValueError
        return hart

    @property
    def running(self) -> int:
        """The hart that a step without a name is for."""
        return self._session.stop.hart if self.continued is None else self.continued

    def _select(self, rest: str) -> bytes:
        kind, thread = rest[0], rest[1:]
        chosen = None if thread in ("0", "-1") else self.hart(thread)
        if kind == "g":
            if chosen is not None:
                self.general = chosen
        else:
            self.continued = chosen
        return b"OK"

    def _alive(self, rest: str) -> bytes:
        self.hart(rest)
        return b"OK"

    def _all(self, _rest: str) -> bytes:
        return b"m" + b",".join(b"%x" % (hart + 1) for hart in range(self._session.machine.harts))

    def _info(self, rest: str) -> bytes:
        return describe.state(self._session, self._symbols, self.hart(rest)).encode().hex().encode()
