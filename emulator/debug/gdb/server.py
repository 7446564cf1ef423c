# SPDX-License-Identifier: GPL-2.0-or-later
"""Listening for GDB, one client after the other.

The machine stands while a client is there and has not let it run, and before the first has come. Behind a
client that detaches it runs on; behind one that just vanishes it stops and waits for the next.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable

from emulator.debug.gdb.packets import ACK, BAD, INTERRUPT, NACK, Reader, frame
from emulator.debug.gdb.target import GdbTarget, Monitor
from emulator.debug.records import Stop, StopKind
from emulator.debug.session import DebugSession
from emulator.debug.symbols import Symbols
from emulator.errors import ReplugError

_TICK = 0.1  # seconds between two looks at what cannot be waited for
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
        self.port: int = self._listener.getsockname()[1]
        """Where it listens; chosen by the host if 0 was asked for."""
        self._client: socket.socket | None = None
        self._reader = Reader()
        self._waiting: list[object] = []  # packets that came while the machine ran
        self._vanished = False
        self._last = b""

    def close(self) -> None:
        """Listen no more."""
        if self._client is not None:
            self._client.close()
        self._listener.close()

    def serve(self) -> None:
        """Until a client kills the machine (or `check` raises)."""
        running = False  # without a client
        while True:
            client = self._accept(running)
            target = GdbTarget(self._session, self._symbols, self._monitor, self._console)
            self._client, self._reader, self._vanished = client, Reader(), False
            self._waiting.clear()
            self._session.look = self._look
            try:
                self._converse(target)
            except OSError:
                pass  # the connection broke
            finally:
                target.close()
                self._session.look = self._check
                client.close()
                self._client = None
            if target.killed:
                return
            running = target.gone
            self._say("GDB has detached: the machine runs on" if running else "GDB is gone")

    # --- clients ---

    def _accept(self, running: bool) -> socket.socket:
        def look() -> None:
            self._check()
            if select.select([self._listener], [], [], 0)[0]:
                self._session.pause()

        self._session.look = look
        while True:
            self._check()
            if select.select([self._listener], [], [], 0 if running else _TICK)[0]:
                client, _ = self._listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return client
            if running:
                running = self._session.run().kind is StopKind.PAUSED

    def _converse(self, target: GdbTarget) -> None:
        while not (target.gone or target.killed or self._vanished):
            if not self._waiting:
                self._receive(_TICK)
                self._check()
                continue
            item = self._waiting.pop(0)
            if item is BAD and target.acknowledging:
                self._send_raw(b"-")
            elif item is NACK:
                self._send_raw(self._last)
            elif isinstance(item, bytes):
                if target.acknowledging:
                    self._send_raw(b"+")
                self._answer(target, item)

    def _answer(self, target: GdbTarget, payload: bytes) -> None:
        reply = target.handle(payload)
        resume = target.take_resume()
        if resume is not None:
            reply = self._run(target, resume)
        if reply is not None:
            self._send(reply)

    def _run(self, target: GdbTarget, resume: Callable[[], Stop]) -> bytes:
        try:
            stop = resume()
            while stop.kind is StopKind.IDLE and not self._interrupted and not self._vanished:
                self._receive(_TICK)  # nothing can happen but input, or that somebody wants to look
                self._look()
                if not self._interrupted:
                    stop = resume()
        except ReplugError as error:
            return b"E." + str(error).encode()
        if stop.outcome is not None:
            self._console(f"the guest has ended: {stop.outcome.reason}, status {stop.outcome.status}\n")
        interrupted, self._interrupted = self._interrupted, False
        if stop.kind is StopKind.IDLE and interrupted:
            stop = Stop(StopKind.PAUSED, stop.position, stop.hart)
        return target.stop_reply(stop)

    _interrupted = False

    def _look(self) -> None:
        """While the machine runs: has the client something to say?"""
        self._check()
        self._receive(0)
        if INTERRUPT in self._waiting:
            self._waiting = [item for item in self._waiting if item is not INTERRUPT]
            self._interrupted = True
        if self._interrupted or self._vanished:
            self._session.pause()

    # --- bytes ---

    def _receive(self, timeout: float) -> None:
        assert self._client is not None
        if not select.select([self._client], [], [], timeout)[0]:
            return
        try:
            data = self._client.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            self._vanished = True
            return
        self._waiting += [item for item in self._reader.feed(data) if item is not ACK]

    def _console(self, text: str) -> None:
        self._send(b"O" + text.encode().hex().encode())

    def _send(self, payload: bytes) -> None:
        self._last = frame(payload)
        self._send_raw(self._last)

    def _send_raw(self, data: bytes) -> None:
        assert self._client is not None
        self._client.sendall(data)
