# SPDX-License-Identifier: GPL-2.0-or-later
"""The keyboard of a terminal: every key goes to the guest, but those behind Ctrl-A are ours."""

from __future__ import annotations

import enum
import os
import termios
from types import TracebackType

ESCAPE = 0x01  # Ctrl-A

HELP = (
    "Ctrl-A x      leave",
    "Ctrl-A c      to the monitor and back: look at harts and memory, step, snapshot",
    "Ctrl-A a      send Ctrl-A (as does Ctrl-A twice)",
    "Ctrl-A h      this help",
)


class Key(enum.Enum):
    """What somebody wants from us, not from the guest."""

    LEAVE = enum.auto()
    MONITOR = enum.auto()
    HELP = enum.auto()


_KEYS = {"x": Key.LEAVE, "c": Key.MONITOR, "h": Key.HELP, "?": Key.HELP}


class Keyboard:
    """Standard input, a terminal, in raw mode while this is entered: no echo, no lines, no signals.

    Output keeps its translation of line ends, so that both the guest's and our own lines look right.
    """

    def __init__(self) -> None:
        self._saved: list[object] = []
        self._escaped = False
        self._unread = b""

    def __enter__(self) -> Keyboard:
        self._saved = termios.tcgetattr(0)
        raw = termios.tcgetattr(0)
        raw[0] &= ~(
            termios.IGNBRK | termios.BRKINT | termios.PARMRK | termios.ISTRIP
            | termios.INLCR | termios.IGNCR | termios.ICRNL | termios.IXON
        )  # fmt: skip
        raw[1] |= termios.OPOST
        raw[3] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
        raw[6][termios.VMIN], raw[6][termios.VTIME] = 1, 0
        termios.tcsetattr(0, termios.TCSANOW, raw)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        termios.tcsetattr(0, termios.TCSADRAIN, self._saved)  # type: ignore[arg-type]

    @property
    def pending(self) -> bool:
        """Whether `next` has something without reading."""
        return bool(self._unread)

    def read(self) -> bool:
        """Take what was typed from the terminal, which must have something; False when it is gone."""
        try:
            data = os.read(0, 4096)
        except OSError:
            data = b""
        self._unread += data
        return bool(data)

    def put_back(self, data: bytes) -> None:
        """Bytes that `next` gave and nobody wanted come again."""
        self._unread = data.replace(bytes((ESCAPE,)), bytes((ESCAPE, ESCAPE))) + self._unread

    def next(self) -> bytes | Key:
        """The bytes up to the next key that is ours (none: there are none now), or that key."""
        typed = bytearray()
        while self._unread:
            byte = self._unread[0]
            if not self._escaped:
                self._escaped = byte == ESCAPE
                self._unread = self._unread[1:]
                if not self._escaped:
                    typed.append(byte)
                continue
            key = _KEYS.get(chr(byte).lower())
            if key is not None and typed:
                return bytes(typed)  # those first; the key comes next time
            self._escaped = False
            self._unread = self._unread[1:]
            if key is not None:
                return key
            if byte in (ESCAPE, ord("a"), ord("A")):
                typed.append(ESCAPE)
        return bytes(typed)
