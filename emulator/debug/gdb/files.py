# SPDX-License-Identifier: GPL-2.0-or-later
"""The image's file, so that the client finds its symbols by itself, from another host as well (vFile)."""

from __future__ import annotations

from pathlib import Path

from emulator.debug.gdb.packets import LONGEST, Handler, escape
from emulator.debug.session import DebugSession

_NO_SUCH_FILE, _BAD_FILE = b"F-1,2", b"F-1,9"
_THE_FILE = b"F3"  # a descriptor


class HostFile:
    """Nothing but the image can be opened, and it can only be read."""

    def __init__(self, session: DebugSession) -> None:
        image = session.machine.image
        # A flat file, or Linux's Image, would only make GDB complain.
        self.path: Path | None = None if image is None or image.is_flat else image.path.resolve()
        self._data: bytes | None = None
        self.table: dict[str, Handler] = {"vFile": self._file}

    def _file(self, rest: str) -> bytes:
        operation, _, arguments = rest.partition(":")
        if operation == "setfs":
            return b"F0"
        if operation == "open":
            return self._open(arguments)
        if self._data is None:
            return _BAD_FILE
        if operation == "pread":
            _, count, start = (int(part, 16) for part in arguments.split(","))
            piece = self._data[start : start + min(count, LONGEST // 4)]
            return b"F%x;" % len(piece) + escape(piece)
        if operation == "fstat":
            record = bytearray(64)
            record[8:12] = (0o100444).to_bytes(4, "big")
            record[28:36] = len(self._data).to_bytes(8, "big")
            return b"F40;" + escape(bytes(record))
        if operation == "close":
            return b"F0"
        return b""

    def _open(self, arguments: str) -> bytes:
        name = bytes.fromhex(arguments.partition(",")[0]).decode(errors="replace")
        if self.path is None or Path(name) != self.path:
            return _NO_SUCH_FILE
        try:
            self._data = self.path.read_bytes()
        except OSError:
            return _NO_SUCH_FILE
        return _THE_FILE
