# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that runs with the world around it: a keyboard, a network link, a monitor, a progress line.

All of them act between steps of the run. What comes from outside is noted as the run's input; everything else
only watches, so that the run's token repeats it.
"""

from __future__ import annotations

import contextlib
import select
import time
from dataclasses import dataclass

from emulator.cli.common import say
from emulator.cli.keyboard import HELP, Key, Keyboard
from emulator.cli.link import UdpLink
from emulator.cli.monitor import Monitor, Verdict
from emulator.cli.progress import Progress
from emulator.cli.signals import Signals
from emulator.engine import StopReason
from emulator.machine import Machine, Outcome
from emulator.stepping import STEP
from emulator.token import NETWORK

POLL = 1_000_000
"""Instructions between two looks at the world: some hundredths of a second."""

_LONGEST_PAUSE = 1.0  # seconds
_SLACK = (
    10_000_000  # ns that virtual time may be ahead of the host's: waiting for a disk is not worth a pause
)


@dataclass
class World:
    """What is around a machine. keyboard, link: None where there is none."""

    signals: Signals
    progress: Progress
    keyboard: Keyboard | None = None
    link: UdpLink | None = None


class Session:
    """Runs a machine in the world."""

    def __init__(self, machine: Machine, world: World) -> None:
        self._machine = machine
        self._world = world
        self._watching = world.keyboard is not None or world.link is not None
        self._asked: Key | None = None
        self._monitor = Monitor(machine)
        self._host = time.monotonic_ns()
        self._virtual = machine.engine.now
        if world.link is not None and machine.virtio.link is not None:
            machine.virtio.link.transmit = world.link.send

    def run(self, end: int | None) -> Outcome:
        """To the end, or until `end` instructions have retired over all harts since the machine was made.

        The outcome is "left" when somebody wants to leave. Raises what Signals.check raises.
        """
        machine = self._machine
        with self._world.keyboard or contextlib.nullcontext():
            if self._watching:
                self._synchronise()
            while True:
                left = None if end is None else max(end - machine.engine.total_instret, 0)
                step = POLL if self._watching else STEP
                outcome = machine.run(
                    step if left is None else min(step, left), self._between if self._watching else None
                )
                self._world.signals.check()
                self._world.progress.tick()
                asked, self._asked = self._asked, None
                if outcome.reason not in ("limit", "idle"):
                    return outcome
                if asked is Key.LEAVE:
                    return Outcome("left", 0)
                if asked is Key.MONITOR:
                    ended = self._talk()
                    if ended is not None:
                        return ended
                elif outcome.reason == "idle":
                    return outcome
                if end is not None and machine.engine.total_instret >= end:
                    return Outcome("limit", 1)

    def _between(self, reason: StopReason) -> bool:
        """What Machine.run calls: hands on what has come; waits while the guest sleeps."""
        if self._asked is not None:
            return False
        if reason is StopReason.IDLE:
            came = False
            while self._machine.listens and not came and self._asked is None:
                came = self._look(None)  # only that can wake a hart
            self._synchronise()
            return came
        if reason is StopReason.SLEEP:
            self._look(self._until_wake())
        else:
            self._look(0.0)
            if self._ahead() < 0:
                self._synchronise()  # a guest that falls behind is not made to hurry
        self._set_horizon()
        return self._asked is None

    # Virtual and host time. A guest at a terminal takes its time where it sleeps, as people expect of prompts
    # and time-outs, and does not heat the host. That changes when input comes, never what a given input does.

    def _synchronise(self) -> None:
        """It is now, on both."""
        self._host, self._virtual = time.monotonic_ns(), self._machine.engine.now
        self._set_horizon()

    def _host_now(self) -> int:
        """The host's time on the scale of virtual time, ns."""
        return self._virtual + time.monotonic_ns() - self._host

    def _ahead(self) -> int:
        """How far virtual time is ahead of the host's, ns."""
        return self._machine.engine.now - self._host_now()

    def _until_wake(self) -> float:
        """Seconds until the time on the host's clock at which the guest wakes."""
        wake = self._machine.engine.next_wake
        if wake is None:
            return 0.0
        return min(max(wake - self._host_now() - _SLACK, 0) / 1e9, _LONGEST_PAUSE)

    def _set_horizon(self) -> None:
        self._machine.engine.set_horizon(self._host_now() + _SLACK)

    def _look(self, timeout: float | None) -> bool:
        """Wait so long (None: for ever) for something from outside; whether the guest got any of it."""
        keyboard, link = self._world.keyboard, self._world.link
        if keyboard is not None and keyboard.pending:
            timeout = 0.0
        if timeout is None:
            self._world.progress.hide()
        sources = [self._world.signals.descriptor]
        sources += [0] if keyboard is not None else []
        sources += [link.fileno()] if link is not None else []
        ready = select.select(sources, [], [], timeout)[0]
        self._world.signals.check()
        came = False
        if link is not None and link.fileno() in ready:
            for frame in link.receive():
                self._machine.accept(NETWORK, frame)
                came = True
        if keyboard is not None and 0 in ready and not keyboard.read():
            self._asked = Key.LEAVE  # the terminal is gone
        return self._typed() or came

    def _typed(self) -> bool:
        """Give the guest what was typed, up to a key that is ours."""
        keyboard = self._world.keyboard
        came = False
        while keyboard is not None and keyboard.pending and self._asked is None:
            key = keyboard.next()
            if isinstance(key, bytes):
                self._machine.type(key)
                came = came or bool(key)
            elif key is Key.HELP:
                self._world.progress.hide()
                say("\n" + "\n".join(f"replug: {line}" for line in HELP))
            else:
                self._asked = key
        return came

    def _talk(self) -> Outcome | None:
        """Let somebody look around; an outcome when that ended the run."""
        keyboard = self._world.keyboard
        assert keyboard is not None  # only a key leads here
        self._world.progress.hide()
        self._machine.engine.set_horizon(None)
        verdict = self._monitor.talk(keyboard, self._world.signals)
        self._synchronise()  # virtual time may be anywhere now
        if verdict is Verdict.LEAVE:
            return Outcome("left", 0)
        return self._monitor.ended
