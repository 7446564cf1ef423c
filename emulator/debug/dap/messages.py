# SPDX-License-Identifier: GPL-2.0-or-later
"""Messages of the Debug Adapter Protocol on a stream: `Content-Length: N`, an empty line, N bytes of JSON."""

from __future__ import annotations

import json
import re
from typing import Any

Message = dict[str, Any]

LONGEST = 1 << 24
"""Bytes of a message; longer ones are passed over."""
_LONGEST_HEADER = 1 << 12
_SEPARATOR = b"\r\n\r\n"
_LENGTH = re.compile(rb"content-length:[ \t]*([0-9]{1,18})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)


class Garbage:
    """What came instead of a message."""

    def __init__(self, why: str) -> None:
        self.why = why


class Reader:
    """Takes bytes as they come, gives messages: JSON objects, each once it is complete."""

    def __init__(self) -> None:
        self._data = b""
        self._skip = 0

    def feed(self, data: bytes) -> list[Message | Garbage]:
        """All that has become complete by these bytes."""
        found: list[Message | Garbage] = []
        self._data += data
        while True:
            if self._skip:
                passed = min(self._skip, len(self._data))
                self._data = self._data[passed:]
                self._skip -= passed
                if self._skip:
                    return found
            item = self._next()
            if item is None:
                return found
            found.append(item)

    def _next(self) -> Message | Garbage | None:
        end = self._data.find(_SEPARATOR)
        if end < 0:
            if len(self._data) <= _LONGEST_HEADER:
                return None
            self._data = self._data[-len(_SEPARATOR) + 1 :]
            return Garbage("no header")
        # Of several lines (behind garbage, say) the last length counts.
        lengths = _LENGTH.findall(self._data[:end])
        start = end + len(_SEPARATOR)
        if not lengths:
            self._data = self._data[start:]
            return Garbage("a header without Content-Length")
        length = int(lengths[-1])
        if length > LONGEST:
            self._data, self._skip = self._data[start:], length
            return Garbage(f"a message of {length} bytes: at most {LONGEST} are taken")
        if len(self._data) < start + length:
            return None
        body, self._data = self._data[start : start + length], self._data[start + length :]
        try:
            message = json.loads(body)
        except (ValueError, RecursionError):
            return Garbage("a message that is not JSON")
        return message if isinstance(message, dict) else Garbage("a message that is not a JSON object")


def frame(message: Message) -> bytes:
    """The message as it goes over the stream."""
    body = json.dumps(message, separators=(",", ":")).encode()
    return b"Content-Length: %d\r\n\r\n" % len(body) + body
