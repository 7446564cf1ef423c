# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's console in the terminal of a debug server: every key is the guest's, as under `replug boot`."""

from __future__ import annotations

import contextlib
import select
from types import TracebackType

from emulator.cli import console
from emulator.cli.common import say
from emulator.cli.keyboard import HELP, Key, Keyboard
from emulator.cli.signals import Signals
from emulator.debug.commands.interpreter import QuitError
from emulator.debug.session import DebugSession

_NO_MONITOR = "the debugger that is attached shows everything: `monitor help` there"


class ConsoleKeys:
    """While this is entered, the terminal has no lines and no echo of its own; a pipe is all typed at once.

    check: to be called often, whether the machine runs or stands; QuitError when somebody leaves.
    """

    def __init__(self, session: DebugSession, signals: Signals) -> None:
        self._signals = signals
        self._keyboard = Keyboard() if console.stdin_is_terminal() else None
        self._typed = b""
        self.hint = "  (keys go to the guest; Ctrl-A x leaves, Ctrl-A h helps)" if self._keyboard else ""
        """For whoever starts the server."""
        if self._keyboard is None:
            session.type(console.piped_input())
        else:
            session.input = self._take

    def __enter__(self) -> ConsoleKeys:
        if self._keyboard is not None:
            self._keyboard.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._keyboard is not None:
            self._keyboard.__exit__(kind, error, trace)

    def check(self) -> None:
        """Signals, and what has been typed: it waits for the guest until the machine runs."""
        self._signals.check()
        keyboard = self._keyboard
        if keyboard is None:
            return
        with contextlib.suppress(OSError):
            if select.select([0], [], [], 0)[0] and not keyboard.read():
                self._keyboard = None  # the terminal is gone
        while keyboard.pending:
            key = keyboard.next()
            if isinstance(key, bytes):
                self._typed += key
                if not key:
                    return
            elif key is Key.LEAVE:
                raise QuitError
            elif key is Key.HELP:
                say("\n" + "\n".join(f"replug: {line}" for line in HELP if "Ctrl-A c" not in line))
            else:
                say(f"\nreplug: {_NO_MONITOR}")

    def _take(self) -> bytes:
        self.check()
        typed, self._typed = self._typed, b""
        return typed
