# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's console on the host's: output as it comes, input from a pipe or from the keyboard."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import time
from types import FrameType, TracebackType

from emulator.engine import StopReason
from emulator.errors import ReplugError
from emulator.machine import Machine, Outcome
from emulator.token import MOST_INPUT

POLL = 1_000_000
"""Instructions between two looks at the keyboard: some hundredths of a second."""
_INTERRUPTIBLE = 10_000_000
"""Instructions between two moments at which Ctrl-C is noticed, when nobody types."""

_ESCAPE = b"\x01"  # Ctrl-A
_LONGEST_PAUSE = 0.05  # seconds


class LeftError(Exception):
    """Somebody typed Ctrl-A x."""


class Output:
    """Writes console bytes to a file descriptor at once, without a buffer."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __call__(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._descriptor, data) :]


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


def run_with_file(machine: Machine, data: bytes, max_instructions: int | None) -> Outcome:
    """Run with all input there from the start."""
    machine.type(data)
    return run_in_steps(machine, max_instructions, _INTERRUPTIBLE)


def run_in_steps(
    machine: Machine, max_instructions: int | None, step: int, terminal: Terminal | None = None
) -> Outcome:
    """Run to the end or so many instructions in all; between steps the host gets a chance to act."""
    while True:
        left = None if max_instructions is None else max(max_instructions - machine.engine.total_instret, 0)
        outcome = machine.run(
            step if left is None else min(step, left), None if terminal is None else terminal.between
        )
        if outcome.reason != "limit" or (left is not None and left <= step):
            return outcome


class Terminal:
    """The keyboard of a terminal, in raw mode while this is entered.

    Ctrl-A x leaves, Ctrl-A Ctrl-A is one Ctrl-A for the guest, Ctrl-A h says so.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._escaped = False
        self._saved: list[object] = []
        self._handlers: dict[int, object] = {}
        self._host = time.monotonic_ns()
        self._virtual = 0

    def __enter__(self) -> Terminal:
        self._saved = termios.tcgetattr(0)
        # Terminal settings outlive us, so we must not die without putting them back.
        for number in (signal.SIGTERM, signal.SIGHUP):
            self._handlers[number] = signal.signal(number, _leave)
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
        for number, handler in self._handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

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
        if not select.select([0], [], [], timeout)[0]:
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


def run_at_terminal(machine: Machine, max_instructions: int | None) -> Outcome:
    """Run with the keyboard as input; the outcome "left" when somebody typed Ctrl-A x."""
    with Terminal(machine) as terminal:
        try:
            return run_in_steps(machine, max_instructions, POLL, terminal)
        except LeftError:
            return Outcome("left", 0)


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
