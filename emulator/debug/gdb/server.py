# SPDX-License-Identifier: GPL-2.0-or-later
"""Listening for GDB, one client after the other.

The machine stands while a client is there and has not let it run, and before the first has come. Behind a
client that detaches it runs on; behind one that just vanishes it stops and waits for the next. Whoever comes
while another is there is turned away.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable

from emulator.debug.commands.catching import trap_text
from emulator.debug.gdb.connection import Connection
from emulator.debug.gdb.packets import BAD, NACK, failure
from emulator.debug.gdb.running import Resume
from emulator.debug.gdb.target import GdbTarget, Monitor
from emulator.debug.records import Stop, StopKind
from emulator.debug.session import DebugSession
from emulator.debug.symbols import Symbols
from emulator.errors import ReplugError

_TICK = 0.1  # seconds between two looks at what cannot be waited for
_LOOK_EVERY = 0.002  # seconds between two looks around, while the machine runs or packets come
LOOPBACK = "127.0.0.1"


def parse_address(text: str) -> tuple[str, int]:
    """(host, port) of [HOST:]PORT; ReplugError when it is neither."""
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or not int(port) < 1 << 16:
        raise ReplugError(f"{text}: not a port, nor HOST:PORT")
    return host.strip("[]") or LOOPBACK, int(port)


def listen(address: tuple[str, int]) -> socket.socket:
    """A socket that one client at a time can come to; ReplugError when there cannot be one."""
    try:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        return socket.create_server(address, family=family, backlog=1)
    except (OSError, OverflowError) as error:
        reason = str(getattr(error, "strerror", None) or error).partition(" (while")[0]
        raise ReplugError(f"{address[0]}:{address[1]}: cannot listen there: {reason}") from None


class GdbServer:
    """check: called often, raises an exception to end it all; say: gets remarks for the user."""

    def __init__(
        self,
        session: DebugSession,
        symbols: Symbols,
        address: tuple[str, int],
        monitor: Monitor,
        check: Callable[[], None] = lambda: None,
        say: Callable[[str], None] = lambda _message: None,
    ) -> None:
        self._session = session
        self._symbols = symbols
        self._monitor = monitor
        self._check = check
        self._say = say
        self._listener = listen(address)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        """Where it listens; chosen by the host if 0 was asked for."""
        self._next_look = 0.0  # when it is time to look around again
        self._interrupted = False  # by the client, since the machine runs

    def close(self) -> None:
        """Listen no more."""
        self._listener.close()

    def serve(self) -> None:
        """Until a client kills the machine (or `check` raises)."""
        running = False  # without a client
        while True:
            target = self._serve(self._wait_for_client(running))
            if target.killed:
                return
            running = target.gone
            self._say("GDB has detached: the machine runs on" if running else "GDB is gone")

    def _serve(self, connection: Connection) -> GdbTarget:
        target = GdbTarget(
            self._session,
            self._symbols,
            self._monitor,
            connection.send_text,
        )
        self._session.look = lambda: self._look(connection)
        try:
            self._converse(connection, target)
        finally:
            target.close()
            self._session.look = self._check
            connection.close()
        return target

    # --- clients ---

    def _wait_for_client(self, running: bool) -> Connection:
        def look() -> None:
            self._check()
            if select.select([self._listener], [], [], 0)[0]:
                self._session.pause()

        self._session.look = look
        idle = False  # it runs, but waits for input
        while True:
            self._check()
            if select.select([self._listener], [], [], 0 if running and not idle else _TICK)[0]:
                client = self._accepted()
                if client is not None:
                    return Connection(client, self._check)
            if running:
                kind = self._session.run().kind
                idle = kind is StopKind.IDLE
                running = idle or kind is StopKind.PAUSED

    def _accepted(self) -> socket.socket | None:
        try:
            return self._listener.accept()[0]
        except OSError:  # it has left again
            return None

    def _look_around(self, connection: Connection) -> None:
        """Whoever comes while another client is there is turned away; if it still is."""
        self._check()
        if not select.select([self._listener], [], [], 0)[0]:
            return
        while connection.receive():
            pass
        client = None if connection.vanished else self._accepted()
        if client is not None:
            client.close()
            self._say("another client was turned away: GDB is attached")

    def _converse(self, connection: Connection, target: GdbTarget) -> None:
        while not (target.gone or target.killed or connection.vanished):
            if not connection.waiting:
                if not connection.receive(wait=True) or self._is_time():
                    self._look_around(connection)
                continue
            item = connection.waiting.popleft()
            if item is BAD and target.acknowledging:
                connection.send_raw(b"-")
            elif item is NACK:
                connection.send_again()
            elif isinstance(item, bytes):
                if target.acknowledging:
                    connection.send_raw(b"+")
                self._answer(connection, target, item)

    def _answer(self, connection: Connection, target: GdbTarget, payload: bytes) -> None:
        reply = target.handle(payload)
        resume = target.take_resume()
        if resume is not None:
            reply = self._run(connection, target, resume)
        if reply is not None:
            connection.send(reply)

    def _run(self, connection: Connection, target: GdbTarget, resume: Resume) -> bytes:
        self._interrupted = False
        try:
            stop = resume()
            while stop.kind is StopKind.IDLE and not self._interrupted and not connection.vanished:
                # Nothing can happen but input, or that somebody wants to look.
                connection.receive(wait=True)
                self._look(connection)
                if not self._interrupted:
                    stop = resume()
        except ReplugError as error:
            return failure(error)
        if stop.outcome is not None:
            connection.send_text(
                f"the guest has ended: {stop.outcome.reason}, status {stop.outcome.status}\n"
            )
        if stop.kind is StopKind.CATCHPOINT:
            connection.send_text(f"{trap_text(stop)}\n")
        if stop.kind is StopKind.IDLE and self._interrupted:
            stop = Stop(StopKind.PAUSED, stop.position, stop.hart)
        return target.stop_reply(stop)

    def _is_time(self) -> bool:
        """For what cannot be done for each of many packets or hits."""
        now = time.monotonic()
        due = now >= self._next_look
        if due:
            self._next_look = now + _LOOK_EVERY
        return due

    def _look(self, connection: Connection) -> None:
        """While the machine runs: has the client something to say?"""
        if self._is_time():
            connection.receive()
            self._look_around(connection)
        self._interrupted = connection.take_interrupt() or self._interrupted
        if self._interrupted or connection.vanished:
            self._session.pause()
