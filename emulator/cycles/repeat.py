# SPDX-License-Identifier: GPL-2.0-or-later
"""A run made again, to be looked at more closely: in pieces, with what came from outside at its places."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from emulator.engine import StopReason
from emulator.errors import ReplugError
from emulator.machine import Machine, Outcome
from emulator.options import MachineOptions
from emulator.token import Token, Typed
from toolchain.image import Image


@dataclass(frozen=True)
class Recipe:
    """What makes a run: equal recipes, equal runs.  token: the run it repeats; None: nothing is typed."""

    image: Image
    options: MachineOptions
    token: Token | None = None

    @contextmanager
    def again(self, *, per_instruction: bool = False) -> Iterator[Repetition]:
        """The run from its beginning.  ReplugError when a machine with these options cannot have it."""
        with Machine(self.image, self.options, per_instruction=per_instruction) as machine:
            yield Repetition(machine, self.token)


class Repetition:
    """A machine whose run comes again in pieces of any size."""

    def __init__(self, machine: Machine, token: Token | None) -> None:
        self.machine = machine
        self._inputs: list[Typed] = []
        if token is not None:
            token.check_machine(machine)
            if token.of_session:
                raise ReplugError("token: of a debugger's session, which cannot be taken to pieces")
            self._inputs = [each for each in token.inputs if isinstance(each, Typed)]

    def run(self, instructions: int) -> Outcome:
        """As Machine.run; at least so many instructions."""
        machine = self.machine
        end = machine.engine.total_instret + instructions
        while True:
            self._give()
            retired = machine.engine.total_instret
            # At the place of an input itself, time may still have to pass.
            stop = min(end, max(self._inputs[0].instructions, retired + 1)) if self._inputs else end
            outcome = machine.run(stop - retired, self._came)
            if outcome.reason != "limit" or machine.engine.total_instret >= end:
                return outcome

    def _came(self, _reason: StopReason) -> bool:
        return self._give()

    def _give(self) -> bool:
        """Hand over what came here, and whether anything did."""
        engine = self.machine.engine
        came = False
        while self._inputs and (engine.total_instret, engine.now) == self._inputs[0][:2]:
            typed = self._inputs.pop(0)
            self.machine.accept(typed.channel, typed.data, typed.step)
            came = True
        if self._inputs and engine.total_instret > self._inputs[0].instructions:
            raise ReplugError("the run that was to be looked at did not come again: an input has no place")
        return came
