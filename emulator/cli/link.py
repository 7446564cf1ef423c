# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's network cable out of the process: one Ethernet frame a UDP datagram.

It speaks with another Replug, or with QEMU's `-netdev socket,udp=HOST:PORT,localaddr=HOST:PORT`.
"""

from __future__ import annotations

import contextlib
import re
import socket
from types import TracebackType

from emulator.errors import ReplugError

_PLACE = re.compile(r"udp:([0-9]{1,5}):([^:\[\]]+|\[[^\]]+\]):([0-9]{1,5})")
_LONGEST = 65536


class UdpLink:
    """A socket on `local` (a port of this host's) whose datagrams go to, and only come from, `peer`."""

    def __init__(self, text: str) -> None:
        """`text` as in `--net udp:LOCAL_PORT:HOST:PORT`; ReplugError when it is not so, or cannot be had."""
        found = _PLACE.fullmatch(text)
        if found is None or not all(0 < int(port) < 65536 for port in (found[1], found[3])):
            raise ReplugError(f"--net: {text!r}: udp:LOCAL_PORT:HOST:PORT is the form of a link")
        try:
            [(family, _, _, _, peer), *_] = socket.getaddrinfo(
                found[2].strip("[]"), int(found[3]), type=socket.SOCK_DGRAM
            )
            self._socket = socket.socket(family, socket.SOCK_DGRAM)
        except (OSError, UnicodeError) as error:
            raise ReplugError(f"--net: {text}: {getattr(error, 'strerror', None) or error}") from None
        try:
            loopback = "::1" if family == socket.AF_INET6 else "127.0.0.1"
            near = str(peer[0]).startswith("127.") or peer[0] == "::1"
            self._socket.bind((loopback if near else "", int(found[1])))
            self._socket.connect(peer)
            self._socket.setblocking(False)
        except (OSError, OverflowError) as error:
            self._socket.close()
            raise ReplugError(f"--net: {text}: {getattr(error, 'strerror', None) or error}") from None

    def __enter__(self) -> UdpLink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def fileno(self) -> int:
        """For select."""
        return self._socket.fileno()

    def send(self, frame: bytes) -> None:
        """Lost when nobody is there, as on a cable."""
        with contextlib.suppress(OSError):
            self._socket.send(frame)

    def receive(self) -> list[bytes]:
        """The frames that have come."""
        frames = []
        with contextlib.suppress(OSError):
            while frame := self._socket.recv(_LONGEST):
                frames.append(frame)
        return frames
