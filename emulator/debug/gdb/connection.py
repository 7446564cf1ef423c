# SPDX-License-Identifier: GPL-2.0-or-later
"""One client's socket: what has come from it, and whether it is still there."""

from __future__ import annotations

import socket
import struct
import time
from collections import deque
from collections.abc import Callable

from emulator.debug.gdb.packets import ACK, INTERRUPT, Reader, frame

_MOST_WAITING = 1000  # items; a client that sends more has to wait
_PATIENCE = 10.0  # seconds for a client to take what is sent
_TICK = 100_000  # microseconds between two looks at what cannot be waited for


class Connection:
    """waiting: payloads and the objects of packets.py, to be answered in this order.

    check: called often while a client does not take what is sent.
    """

    def __init__(self, client: socket.socket, check: Callable[[], None]) -> None:
        client.setblocking(True)
        for which in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):  # so that waiting takes no call of its own
            client.setsockopt(socket.SOL_SOCKET, which, struct.pack("@ll", 0, _TICK))
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # its host may just be switched off
        self._client = client
        self._check = check
        self._reader = Reader()
        self._last = b""
        self.waiting: deque[object] = deque()
        self.vanished = False

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def receive(self, *, wait: bool = False) -> bool:
        """Take what has come; False if that is nothing, at once or after a short wait."""
        if self.vanished or len(self.waiting) >= _MOST_WAITING:
            return False
        try:
            data = self._client.recv(1 << 16, 0 if wait else socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        self.vanished = not data
        self.waiting += [item for item in self._reader.feed(data) if item is not ACK]
        return True

    def take_interrupt(self) -> bool:
        """Whether Ctrl-C has come; it counts once."""
        interrupted = INTERRUPT in self.waiting
        if interrupted:
            self.waiting = deque(item for item in self.waiting if item is not INTERRUPT)
        return interrupted

    def send(self, payload: bytes) -> None:
        """A packet, whose payload is escaped already."""
        self._last = frame(payload)
        self.send_raw(self._last)

    def send_text(self, text: str) -> None:
        """GDB prints it; only while it waits for the reply to a packet that runs something."""
        self.send(b"O" + text.encode().hex().encode())

    def send_again(self) -> None:
        """The last packet: the client has not understood it."""
        self.send_raw(self._last)

    def send_raw(self, data: bytes) -> None:
        """Bytes as they are; a client that does not take them for a while counts as vanished."""
        end = time.monotonic() + _PATIENCE
        while data and not self.vanished:
            try:
                data = data[self._client.send(data) :]
            except BlockingIOError:
                self._check()
                self.vanished = time.monotonic() > end
            except OSError:
                self.vanished = True
