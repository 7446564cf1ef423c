# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a run is, and why it stopped."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from emulator.debug.causes import Causes
from emulator.engine import Access, Hit
from emulator.machine import Outcome


@dataclass(frozen=True, order=True)
class Position:
    """The name of a state.

    step: instructions retired and traps taken by all harts since the start: every state that a user can stop
    at has its own. instructions: the first of the two alone, the global instruction number.
    """

    step: int
    instructions: int

    @property
    def traps(self) -> int:
        """Traps taken by all harts since the start."""
        return self.step - self.instructions


class StopKind(enum.Enum):
    """Why the machine stands still."""

    START = "start"
    """The very start of the run: nothing is behind it."""
    STEP = "step"
    """What was asked for is done."""
    BREAKPOINT = "breakpoint"
    """In front of an instruction with a breakpoint."""
    WATCHPOINT = "watchpoint"
    """Behind an access to what is watched; when going backwards, in front of it."""
    CATCHPOINT = "catchpoint"
    """Behind a trap, in front of its handler; when going backwards, in front of the trap."""
    PAUSED = "paused"
    """Somebody asked for it."""
    EXIT = "exit"
    """The guest has ended the run."""
    IDLE = "idle"
    """All harts wait, and nothing will wake one but input."""
    WILD = "wild"
    """A hart does nothing but trap."""
    END = "end"
    """A recorded run was cut here."""

    @property
    def final(self) -> bool:
        """Whether the run cannot go on from here, only back."""
        return self in (StopKind.EXIT, StopKind.WILD, StopKind.END)


INTERNAL = "internal"
"""Owner of what a move or a search of the past sets for itself, and removes."""


@dataclass
class Breakpoint:
    """A breakpoint, watchpoint or catchpoint, by its number.

    address: virtual (physical if `physical`). kind: EXECUTE, or the accesses to `length` bytes that count, or
    REGISTER, with the register's index (f0 is 32) as address, or TRAP, with the causes that count.
    harts: only these, None for all; satp: only in the address space with this value of satp.
    condition: an expression (expressions.py); the run goes on where its value is 0.
    ignore: this many hits more are passed over. temporary: removed when it has stopped the run. hits: so far,
    going forward. owner: who set it, such as "gdb": everybody sees and removes only their own.
    """

    number: int
    kind: Access
    address: int = 0
    length: int = 0
    physical: bool = False
    harts: frozenset[int] | None = None
    satp: int | None = None
    condition: str | None = None
    ignore: int = 0
    temporary: bool = False
    enabled: bool = True
    causes: Causes | None = None
    text: str = ""
    owner: str = ""
    hits: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Stop:
    """Why and where the machine stands.

    hart: the one that it is about. breakpoint, hit: what was met. writer: the device that has written to a
    watched place, "" if it was a hart. outcome: of a run that has ended. backwards: it was reached going
    back.
    """

    kind: StopKind
    position: Position
    hart: int
    breakpoint: Breakpoint | None = None
    hit: Hit | None = None
    writer: str = ""
    outcome: Outcome | None = None
    backwards: bool = False
