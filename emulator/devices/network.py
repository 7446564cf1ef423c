# SPDX-License-Identifier: GPL-2.0-or-later
"""What is at the other end of the guest's network cable.

Whatever answers does so by virtual time alone; frames from the host's world come in as declared inputs of the
run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Frame = bytes
"""An Ethernet frame from the destination's address on, without its frame check sequence."""

GUEST_MAC = bytes.fromhex("525400123456")


class Backend(Protocol):
    """One end of a cable; the guest's device is the other."""

    def send(self, frame: Frame) -> list[Frame]:
        """The guest sends a frame; those that come back to it, after the cable's latency."""


class Loopback:
    """Every frame comes back as it is."""

    def send(self, frame: Frame) -> list[Frame]:
        return [frame]


class Link:
    """The world outside: frames go to `transmit`; what comes in is the run's declared input.

    Another machine, a socket or nobody can be there; a run that is repeated from its token gets the same
    frames at the same places whoever is.
    """

    def __init__(self) -> None:
        self.transmit: Callable[[Frame], None] = lambda _frame: None

    def send(self, frame: Frame) -> list[Frame]:
        self.transmit(frame)
        return []
