# SPDX-License-Identifier: GPL-2.0-or-later
"""Framing of the remote protocol: GDB manual, "Remote Protocol", "Overview"."""

from __future__ import annotations

import re
from collections.abc import Callable
from zlib import adler32

from emulator.errors import ReplugError

Handler = Callable[[str], bytes | None]
"""Of what stands behind a packet's name: the reply, b"" for what is not supported, None: it comes later."""
BAD_MEMORY, BAD_ARGUMENT = b"E14", b"E22"
"""Replies that say what was wrong, by the numbers of EFAULT and EINVAL."""

_ESCAPED = b"#$}*"
_FEW = 256
_NAME = re.compile(r"(qThreadStopInfo|vCont\?|[qQvj_][A-Za-z]*|b[a-z]|.)[:;,]?", re.DOTALL)
LONGEST = 0x20000
"""Bytes that a packet may have, as qSupported tells."""

INTERRUPT = object()
"""Ctrl-C came between packets."""
BAD = object()
"""A packet came with a wrong checksum, or was too long."""
ACK = object()
NACK = object()


def split(text: str) -> tuple[str, str]:
    """A packet's name and the rest: only names of several letters end at the first that is none.

    LLDB puts a thread behind qThreadStopInfo with nothing between them.
    """
    found = _NAME.match(text)
    return ("", "") if found is None else (found[1], text[found.end() :])


def failure(error: ReplugError) -> bytes:
    """The reply that has GDB show an error's text."""
    return b"E." + escape(str(error).encode())


def escape(data: bytes) -> bytes:
    """Binary data for the inside of a packet."""
    if not any(byte in data for byte in _ESCAPED):
        return data
    return b"".join(bytes((0x7D, byte ^ 0x20)) if byte in _ESCAPED else bytes((byte,)) for byte in data)


def unescape(data: bytes) -> bytes:
    """What `escape` made of it, undone."""
    parts = data.split(b"}")
    result = bytearray(parts[0])
    for part in parts[1:]:
        if part:
            result.append(part[0] ^ 0x20)
            result += part[1:]
    return bytes(result)


def _checksum(data: bytes) -> int:
    """The sum of all bytes modulo 256, in a tenth of the time that `sum` takes.

    The lower half of zlib's Adler-32 is one more than the sum, of so few bytes that its modulus is not met.
    """
    return sum(adler32(data[i : i + _FEW]) - 1 for i in range(0, len(data), _FEW)) & 0xFF


def frame(payload: bytes) -> bytes:
    """A packet; the payload is escaped already."""
    return b"$%s#%02x" % (payload, _checksum(payload))


class Reader:
    """Cuts what comes from the client into packets: payloads as they are, and the objects above."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[object]:
        """What is complete now."""
        self._buffer += data
        found: list[object] = []
        while (item := self._next()) is not None:
            found.append(item)
        return found

    def _next(self) -> object | None:
        while self._buffer:
            first = self._buffer[0]
            if first == 0x24:  # $
                return self._packet()
            del self._buffer[0]
            if first == 0x03:
                return INTERRUPT
            if first == 0x2B:
                return ACK
            if first == 0x2D:
                return NACK
        return None

    def _packet(self) -> object | None:
        end = self._buffer.find(b"#")
        if end < 0 or len(self._buffer) < end + 3:
            if len(self._buffer) > 2 * LONGEST:
                self._buffer.clear()
                return BAD
            return None
        start = self._buffer.rfind(b"$", 0, end)  # what was in front of it has been cut off
        payload = bytes(self._buffer[start + 1 : end])
        checksum = bytes(self._buffer[end + 1 : end + 3])
        del self._buffer[: end + 3]
        try:
            good = int(checksum, 16) == _checksum(payload)
        except ValueError:
            good = False
        return payload if good else BAD
