# SPDX-License-Identifier: GPL-2.0-or-later
"""Ctrl-C and its like while a guest runs: noticed between steps.

An exception out of a signal's handler could come up in the middle of a device's work, or where the engine
calls Python and nobody can take it. So a handler only takes a note, and `check` raises what it means.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """Takes SIGINT, SIGTERM and SIGHUP while it is entered.

    descriptor: becomes readable when one comes, for those who wait with select.
    """

    def __init__(self) -> None:
        self._came = 0
        self._before: dict[int, Any] = {}
        self.descriptor = -1
        self._writer = -1

    def __enter__(self) -> Signals:
        self.descriptor, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        self._before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self.descriptor)
        os.close(self._writer)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._came = self._came or number
        with contextlib.suppress(BlockingIOError):  # full: whoever waits is awake
            os.write(self._writer, b"!")

    def forget(self) -> None:
        """What came has been dealt with: the next one counts anew."""
        self._came = 0
        while select.select([self.descriptor], [], [], 0)[0]:
            os.read(self.descriptor, 4096)

    def check(self) -> None:
        """KeyboardInterrupt after Ctrl-C, SystemExit with the usual status after another signal."""
        if self._came == signal.SIGINT:
            raise KeyboardInterrupt
        if self._came:
            raise SystemExit(128 + self._came)
