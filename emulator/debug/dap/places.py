# SPDX-License-Identifier: GPL-2.0-or-later
"""Numbers of harts, frames and variables in requests.

Clients hold on to numbers of frames and variables only while the machine stands; they are made of the hart
and how deep a frame is, 0 for where the hart is: frame 1 + hart * 256 + depth; registers 1 + hart * 4 + group
of a hart, and 1 << 20 plus the frame for the registers of a caller.
"""

from __future__ import annotations

from emulator.debug.commands.interpreter import Interpreter
from emulator.debug.dap.arguments import Arguments, number
from emulator.debug.frames import StackFrame, stack
from emulator.errors import ReplugError

GROUPS = 3
"""Groups of registers that each hart has."""
_GROUP_NUMBERS = 4  # for each hart
_DEPTHS = 256  # numbers of frames for each hart
_CALLERS = 1 << 20  # from here on, numbers of variables are those of callers


class Places:
    """What the numbers in requests mean; all refuse, with ReplugError, what there is not."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self._harts = interpreter.session.machine.harts

    # --- harts ---

    def hart(self, arguments: Arguments) -> int:
        """Of the thread that a request is about: they count from 1."""
        thread = number(arguments, "threadId")
        if not 1 <= thread <= self._harts:
            raise ReplugError(f"thread {thread}: the machine has harts 0 to {self._harts - 1}")
        return thread - 1

    # --- frames ---

    def frame_number(self, hart: int, depth: int) -> int:
        """For clients."""
        return 1 + hart * _DEPTHS + depth

    def frame(self, arguments: Arguments) -> tuple[int, int]:
        """(hart, depth) of the frame that a request is about; if it names none, where the hart is that is
        looked at."""
        return self._frame(number(arguments, "frameId", 0) or self.frame_number(self._interpreter.hart, 0))

    def select(self, arguments: Arguments) -> tuple[int, int]:
        """The same; that hart is looked at from now on."""
        hart, depth = self.frame(arguments)
        self._interpreter.hart = hart
        return hart, depth

    def _frame(self, frame: int) -> tuple[int, int]:
        hart, depth = divmod(frame - 1, _DEPTHS)
        if not 0 <= hart < self._harts:
            raise ReplugError(f"frame {frame}: there is none")
        return hart, depth

    def stack(self, hart: int) -> tuple[StackFrame, ...]:
        """The frames of a hart that have numbers, innermost first."""
        return stack(self._interpreter.session, self._interpreter.symbols, hart, _DEPTHS - 1).frames

    def stack_frame(self, hart: int, depth: int) -> StackFrame:
        """One of them."""
        frames = self.stack(hart)
        if depth >= len(frames):
            raise ReplugError(f"frame {depth} of hart {hart}: there is none")
        return frames[depth]

    # --- registers ---

    def registers_number(self, hart: int, group: int) -> int:
        """For clients, of a group of a hart's registers."""
        return 1 + hart * _GROUP_NUMBERS + group

    def caller_number(self, hart: int, depth: int) -> int:
        """For clients, of the registers of a caller."""
        return _CALLERS + self.frame_number(hart, depth)

    def caller(self, reference: int) -> tuple[int, int] | None:
        """(hart, depth) of the caller whose registers are meant; None: they are not a caller's."""
        return self._frame(reference - _CALLERS) if reference > _CALLERS else None

    def registers(self, reference: int) -> tuple[int, int]:
        """(hart, group) of registers that are a hart's."""
        hart, group = divmod(reference - 1, _GROUP_NUMBERS)
        if not (0 <= hart < self._harts and group < GROUPS):
            raise ReplugError(f"variables {reference}: there are none")
        return hart, group
