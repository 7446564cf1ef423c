# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's console on the host's: output as it comes, input from a pipe or from the keyboard."""

from __future__ import annotations

import os
import select
import sys
import termios
import time
from types import TracebackType

from emulator.cli.signals import Signals
from emulator.engine import StopReason
from emulator.errors import ReplugError
from emulator.machine import Machine, Outcome
from emulator.stepping import run_in_steps
from emulator.token import MOST_INPUT

POLL = 1_000_000
"""Instructions between two looks at the keyboard: some hundredths of a second."""

_ESCAPE = b"\x01"  # Ctrl-A
_LONGEST_PAUSE = 0.05  # seconds


class LeftError(Exception):
    """Somebody typed Ctrl-A x."""


class Output:
    """Writes console bytes to a file descriptor at once, without a buffer."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._at_line_start = True

    def __call__(self, data: bytes) -> None:
        self._at_line_start = data.endswith(b"\n")
        while data:
            data = data[os.write(self._descriptor, data) :]

    def end_line(self) -> None:
        """Let a remark that follows begin on a line of its own, where both go to a terminal."""
        if not self._at_line_start and os.isatty(self._descriptor):
            self(b"\n")


def stdin_is_terminal() -> bool:
    """Whether somebody can type: a terminal, with us in its foreground."""
    try:
        return os.isatty(0) and os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


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


class Terminal:
    """The keyboard of a terminal, in raw mode while this is entered.

    Ctrl-A x leaves, Ctrl-A Ctrl-A is one Ctrl-A for the guest, Ctrl-A h says so.
    """

    def __init__(self, machine: Machine, signals: Signals) -> None:
        self._machine = machine
        self._signals = signals
        self._escaped = False
        self._saved: list[object] = []
        self._host = time.monotonic_ns()
        self._virtual = machine.engine.now

    def __enter__(self) -> Terminal:
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

    def between(self, reason: StopReason) -> bool:
        """What Machine.run calls: hands on what was typed; waits for that when only it can wake a hart."""
        asleep = reason is StopReason.IDLE
        if asleep and not self._machine.uart.receive_enabled:
            return False
        data = self._read(None if asleep else self._pause())
        while asleep and not data:
            data = self._read(None)
        self._machine.type(data)
        return bool(data)

    def _pause(self) -> float:
        """Seconds that virtual time is ahead of the host's: a guest that sleeps need not heat the host.

        It changes when input comes, never what a given input does.
        """
        host, virtual = time.monotonic_ns(), self._machine.engine.now
        ahead = (virtual - self._virtual) - (host - self._host)
        if ahead <= 0:
            self._host, self._virtual = host, virtual
            return 0.0
        return min(ahead / 1e9, _LONGEST_PAUSE)

    def _read(self, timeout: float | None) -> bytes:
        ready = select.select([0, self._signals.descriptor], [], [], timeout)[0]
        self._signals.check()
        if 0 not in ready:
            return b""
        data = os.read(0, 4096)
        if not data:
            raise LeftError  # the terminal is gone
        return self._without_escapes(data)

    def _without_escapes(self, data: bytes) -> bytes:
        typed = bytearray()
        for number in data:
            key = bytes((number,))
            if not self._escaped:
                self._escaped = key == _ESCAPE
                typed += b"" if self._escaped else key
                continue
            self._escaped = False
            if key in (b"x", b"X"):
                self._machine.type(bytes(typed))
                raise LeftError
            if key == _ESCAPE:
                typed += _ESCAPE
            elif key in (b"h", b"?"):
                print(
                    "\r\nreplug: Ctrl-A x leaves, Ctrl-A Ctrl-A sends Ctrl-A\r", file=sys.stderr, flush=True
                )
        return bytes(typed)


def run_at_terminal(machine: Machine, max_instructions: int | None, signals: Signals) -> Outcome:
    """Run with the keyboard as input; the outcome "left" when somebody typed Ctrl-A x."""
    with Terminal(machine, signals) as terminal:
        try:
            return run_in_steps(machine, max_instructions, signals.check, terminal.between, POLL)
        except LeftError:
            return Outcome("left", 0)
