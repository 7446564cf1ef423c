# SPDX-License-Identifier: GPL-2.0-or-later
"""Somebody who uses the command at a terminal."""

import os
import pty
import select
import subprocess
import sys
import termios
import time

from command import COMMAND, environment

# A new session gets the first terminal that it opens as its own, and is in the foreground there.
TAKE_TERMINAL = (
    "import os, sys; os.close(os.open(os.ttyname(0), os.O_RDWR)); os.execv(sys.argv[1], sys.argv[1:])"
)


class Typist:
    """The command on a pseudo-terminal, and somebody who types. errors: where stderr goes instead."""

    def __init__(self, *arguments: object, errors: int | None = None) -> None:
        self.keyboard, self.terminal = pty.openpty()
        self.before = termios.tcgetattr(self.terminal)
        self.shown = b""
        self.running = subprocess.Popen(
            [sys.executable, "-c", TAKE_TERMINAL, *COMMAND, *map(str, arguments)],
            stdin=self.terminal, stdout=self.terminal, stderr=self.terminal if errors is None else errors,
            env=environment(), start_new_session=True,
        )  # fmt: skip

    def wait_for(self, text: bytes, seconds: float = 60) -> None:
        limit = time.monotonic() + seconds
        while text not in self.shown:
            if not select.select([self.keyboard], [], [], max(limit - time.monotonic(), 0))[0]:
                raise AssertionError(f"{text!r} does not come; there is {self.shown!r}")
            self.shown += os.read(self.keyboard, 4096)

    def type(self, text: bytes) -> None:
        os.write(self.keyboard, text)

    def press_until(self, key: bytes, text: bytes, seconds: float = 60) -> None:
        """For Ctrl-C at a line that is edited.

        CPython's readline module looks for signals when its wait for a key is interrupted: one that comes
        while the key before it is still being handled, faster than any hand, is noticed at the next one only.
        """
        limit = time.monotonic() + seconds
        while text not in self.shown:
            if time.monotonic() > limit:
                raise AssertionError(f"{text!r} does not come; there is {self.shown!r}")
            self.type(key)
            while text not in self.shown and select.select([self.keyboard], [], [], 1)[0]:
                self.shown += os.read(self.keyboard, 4096)

    def finish(self) -> int:
        """Its exit status; the terminal has to be as it was."""
        limit = time.monotonic() + 60
        while self.running.poll() is None and time.monotonic() < limit:
            if select.select([self.keyboard], [], [], 0.1)[0]:
                self.shown += os.read(self.keyboard, 4096)
        while select.select([self.keyboard], [], [], 0)[0]:
            self.shown += os.read(self.keyboard, 4096)
        status = self.running.wait(timeout=1)
        assert termios.tcgetattr(self.terminal) == self.before
        return status

    def close(self) -> None:
        if self.running.poll() is None:
            self.running.kill()
            self.running.wait()
        os.close(self.keyboard)
        os.close(self.terminal)
