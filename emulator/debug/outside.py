# SPDX-License-Identifier: GPL-2.0-or-later
"""The world around a machine that is moved through time: what leaves it happens once, and what comes to it.

A debugger runs the past again. Console output and frames of the past are counted and not handed on a second
time; the file of a disk that is written to follows the farthest state of the timeline, and goes back with it
when a new timeline begins.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from emulator.devices.disk import Disk
from emulator.engine import NO_LIMIT
from emulator.machine import Machine

_SLACK = 10_000_000  # ns that virtual time may be ahead of the host's while a link is open


class Left(NamedTuple):
    """What has left a machine up to some state. written: bytes of console output; sent: frames."""

    written: int = 0
    sent: int = 0


class Cable(Protocol):
    """A network link to somebody else, such as cli/link.py's."""

    def fileno(self) -> int:
        """For select."""

    def send(self, frame: bytes) -> None:
        """To whoever is there."""

    def receive(self) -> list[bytes]:
        """The frames that have come."""


class Outside:
    """See above. machine: set when it is there, which writes through this from its beginning."""

    def __init__(self, console: Callable[[bytes], None]) -> None:
        self._console = console
        self._left = Left()
        self._done = Left()  # the same, handed on to the host so far
        self._cable: Cable | None = None
        self._disk: Disk | None = None
        self._pace = _Pace()

    def surround(self, machine: Machine) -> None:
        """This is the machine."""
        self._disk = machine.disk
        if self._disk is not None:
            self._disk.defer()

    def connect(self, machine: Machine, cable: Cable) -> None:
        """Its network's link leads there."""
        assert machine.virtio.link is not None
        self._cable = cable
        machine.virtio.link.transmit = self.send

    @property
    def connected(self) -> bool:
        """Whether frames may come."""
        return self._cable is not None

    # --- what leaves the machine ---

    @property
    def left(self) -> Left:
        """Up to the state that the machine is in."""
        return self._left

    def write(self, data: bytes) -> None:
        """Console output: handed on unless it has been."""
        start, end = self._left.written, self._left.written + len(data)
        self._left = self._left._replace(written=end)
        if end > self._done.written:
            new = data[max(self._done.written - start, 0) :]
            self._done = self._done._replace(written=end)
            self._console(new)

    def send(self, frame: bytes) -> None:
        """A frame: the same."""
        self._left = self._left._replace(sent=self._left.sent + 1)
        if self._left.sent > self._done.sent:
            self._done = self._done._replace(sent=self._left.sent)
            if self._cable is not None:
                self._cable.send(frame)

    def settle(self) -> None:
        """The machine is at the farthest state of its timeline: so is the disk's file."""
        if self._disk is not None:
            self._disk.settle()

    # --- the machine goes back ---

    def back_to(self, left: Left) -> None:
        """It is where so much had left it; the future is to be run again."""
        self._left = left

    @property
    def undone(self) -> str:
        """What the host loses when the future is forgotten, for users."""
        if self._disk is None or not self._disk.differs:
            return ""
        return f"; {self._disk.path} goes back to what the disk holds here"

    def forget_future(self) -> None:
        """The future will be another one: what leaves the machine from here on is new."""
        self._done = self._left
        self.settle()

    # --- what comes ---

    def frames(self) -> list[bytes]:
        """That have come."""
        return [] if self._cable is None else self._cable.receive()

    def horizon(self, now: int, live: bool) -> int:
        """How far virtual time, which is `now`, may jump while all harts sleep (ns): at a link that is used
        as far as the host's clock, for whoever is there needs time to answer."""
        return self._pace.horizon(now) if live and self._cable is not None else NO_LIMIT

    def wait(self, seconds: float) -> None:
        """For a frame, at most so long."""
        if self._cable is not None:
            select.select([self._cable.fileno()], [], [], seconds)

    def begin(self, now: int) -> None:
        """The machine starts to run for its user, at this virtual time."""
        self._pace.synchronise(now)


class _Pace:
    """Virtual time on the host's clock."""

    def __init__(self) -> None:
        self._host = self._virtual = 0

    def synchronise(self, now: int) -> None:
        self._host, self._virtual = time.monotonic_ns(), now

    def horizon(self, now: int) -> int:
        host_now = self._virtual + time.monotonic_ns() - self._host
        if now < host_now:  # a guest that falls behind is not made to hurry
            self.synchronise(now)
            host_now = now
        return host_now + _SLACK
