# SPDX-License-Identifier: GPL-2.0-or-later
"""Numbers and texts in the bytes of a token."""

from __future__ import annotations

from emulator.errors import ReplugError

_WIDEST = 10  # bytes of a varint of 64 bits


def varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the top bit says that more follow."""
    result = bytearray()
    while value > 0x7F:
        result.append(value & 0x7F | 0x80)
        value >>= 7
    result.append(value)
    return bytes(result)


def sized(data: bytes) -> bytes:
    """How many bytes, and the bytes."""
    return varint(len(data)) + data


class Reader:
    """Takes the pieces of a token in order; ReplugError when there are not enough."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def take(self, count: int) -> bytes:
        """So many bytes."""
        piece = self._data[self._position : self._position + count]
        if len(piece) != count:
            raise ReplugError("token: damaged: it ends too early")
        self._position += count
        return piece

    def varint(self) -> int:
        """A number of 64 bits."""
        value = 0
        for place in range(_WIDEST):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << 7 * place
            if byte < 0x80 and value < 1 << 64:
                return value
        raise ReplugError("token: damaged: a number in it has no end")

    def sized(self) -> bytes:
        """What `sized` made."""
        return self.take(self.varint())

    def text(self, what: str) -> str:
        """The same as UTF-8; `what` it is, for errors."""
        try:
            return self.sized().decode()
        except UnicodeDecodeError:
            raise ReplugError(f"token: damaged: its {what}: not UTF-8") from None

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(len(self._data) - self._position)

    @property
    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self._position == len(self._data)
