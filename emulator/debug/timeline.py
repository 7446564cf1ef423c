# SPDX-License-Identifier: GPL-2.0-or-later
"""What came to the machine from outside: everything that running the past again has to repeat.

The machine itself is deterministic; its run follows from its start and from these. A place in the run is a
step (records.py). Editing a register in the past, typing there, or stepping one hart against the schedule
makes another future: the timeline is cut there and grows a new end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from emulator.machine import Machine
from emulator.token import CONSOLE


@dataclass(frozen=True)
class Input:
    """Bytes that came on a channel (token.py), where so many instructions had retired, at this virtual time.

    step: if it is known: that of a run from a token is not.
    """

    step: int | None
    instructions: int
    time: int
    data: bytes
    channel: int = CONSOLE


@dataclass(frozen=True)
class Switch:
    """Against the schedule, the slice that ran ended at this step, and this hart's began."""

    step: int
    hart: int


@dataclass(frozen=True)
class Edit:
    """A user changed something at this step."""

    step: int
    apply: Callable[[Machine], None]


External = Input | Switch | Edit


class Timeline:
    """Externals in the order in which they came, and how many of them have been passed."""

    def __init__(self) -> None:
        self._externals: list[External] = []
        self.passed = 0
        self.edited = False
        """Whether it holds edits, which no token can carry."""

    def next(self) -> External | None:
        """The one that comes next."""
        return self._externals[self.passed] if self.passed < len(self._externals) else None

    def expect(self, externals: list[External]) -> None:
        """These are to come, from a recorded run."""
        self._externals += externals

    def add(self, external: External) -> None:
        """It has just come: whatever was to follow is cut off."""
        del self._externals[self.passed :]
        self._externals.append(external)
        self.passed += 1
        self.edited = any(isinstance(external, Edit) for external in self._externals)

    def cut(self) -> None:
        """Nothing follows."""
        del self._externals[self.passed :]
        self.edited = any(isinstance(external, Edit) for external in self._externals)

    @property
    def switches(self) -> list[Switch]:
        """All deviations from the schedule."""
        return [external for external in self._externals if isinstance(external, Switch)]

    @property
    def inputs(self) -> list[Input]:
        """All that was typed."""
        return [external for external in self._externals if isinstance(external, Input)]
