# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's console on the host's: output as it comes, input from a pipe (from keys: keyboard.py)."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from emulator.errors import ReplugError
from emulator.token import MOST_INPUT


class Output:
    """Writes console bytes to a file descriptor at once, without a buffer.

    before: called first each time; count: bytes so far.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.at_line_start = True
        self.count = 0
        self.before: Callable[[], None] = lambda: None

    def __call__(self, data: bytes) -> None:
        self.before()
        self.count += len(data)
        self.at_line_start = data.endswith(b"\n")
        while data:
            data = data[os.write(self._descriptor, data) :]

    def end_line(self) -> None:
        """Let a remark that follows begin on a line of its own, where both go to a terminal."""
        if not self.at_line_start and os.isatty(self._descriptor):
            self(b"\n")


def stdin_is_terminal() -> bool:
    """Whether somebody can type: a terminal, with us in its foreground."""
    try:
        return os.isatty(0) and os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


def stdin_may_be_typed() -> bool:
    """Whether stdin is a terminal, even one that we are in the background of."""
    return sys.stdin is not None and os.isatty(0)


def piped_input() -> bytes:
    """All of a stdin that is no terminal; ReplugError when it is too much or cannot be read."""
    if sys.stdin is None or os.isatty(0):
        return b""
    parts = []
    size = 0
    try:
        while piece := os.read(0, 1 << 16):
            parts.append(piece)
            size += len(piece)
            if size > MOST_INPUT:
                raise ReplugError(
                    f"stdin: more than {MOST_INPUT >> 20} MiB: the whole of it is the run's input"
                )
    except OSError as error:
        raise ReplugError(f"stdin: {error.strerror}") from None
    return b"".join(parts)
