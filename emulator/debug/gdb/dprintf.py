# SPDX-License-Identifier: GPL-2.0-or-later
"""What GDB's `dprintf` prints when its format comes here: C's printf on integers and strings of the guest."""

from __future__ import annotations

import re
from collections.abc import Callable

_LONGEST_STRING = 1000
_INT = 32  # bits
_ESCAPES = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "v": "\v",
    "e": "\x1b",
    "\\": "\\",
    '"': '"',
}
_PIECE = re.compile(
    r"\\(?:(?P<octal>[0-7]{1,3})|(?P<escape>.))"
    r"|%(?:(?P<percent>%)"
    r"|(?P<flags>[-+ #0]*\d{0,3}(?:\.\d{1,3})?)(?P<size>hh|h|ll|l|z|t|j|)(?P<kind>[diouxXcps]))",
    re.DOTALL,
)


def formatted(
    form: str, arguments: list[int], long_bits: int, read_memory: Callable[[int, int], bytes | None]
) -> str:
    """The text. long_bits: of C's long. What has no argument, or cannot be printed, stays as it is."""
    left = iter(arguments)

    def replace(piece: re.Match[str]) -> str:
        if piece["octal"] is not None:
            return chr(int(piece["octal"], 8))
        if piece["escape"] is not None:
            return _ESCAPES.get(piece["escape"], piece["escape"])
        if piece["percent"] is not None:
            return "%"
        value = next(left, None)
        if value is None:
            return piece[0]
        bits = {"hh": 8, "h": 16, "": _INT, "ll": 64, "j": 64}.get(piece["size"], long_bits)
        return _one(piece["flags"], piece["kind"], value, bits)

    def _one(flags: str, kind: str, value: int, bits: int) -> str:
        if kind == "s":
            return f"%{flags}s" % _string(value, read_memory)
        if kind == "p":
            return f"%{flags}s" % hex(value)
        if kind == "c":
            return f"%{flags}s" % chr(value & 0xFF)
        value &= (1 << bits) - 1
        if kind in "di" and value >> bits - 1:
            value -= 1 << bits
        return f"%{flags}{'d' if kind in 'iu' else kind}" % value

    return _PIECE.sub(replace, form)


def _string(address: int, read_memory: Callable[[int, int], bytes | None]) -> str:
    """Up to its zero byte, or as much of it as there is."""
    text = b""
    while len(text) < _LONGEST_STRING:
        byte = read_memory(address + len(text), 1)
        if byte is None or byte == b"\0":
            break
        text += byte
    return text.decode(errors="replace")
