# SPDX-License-Identifier: GPL-2.0-or-later
"""Running a machine again as a token says: the same inputs at exactly the same places."""

from __future__ import annotations

from emulator.engine import StopReason
from emulator.errors import ReplugError
from emulator.machine import Machine, Outcome
from emulator.stepping import Pause, run_in_steps
from emulator.token import Token, Typed


def replay(
    machine: Machine, token: Token, max_instructions: int | None = None, pause: Pause | None = None
) -> Outcome:
    """Repeat the run that `token` names on a fresh machine; it ends as it did then, with the same state hash.

    max_instructions: stop after so many, not where the run was cut; pause: called now and then, may raise an
    exception.  Raises ReplugError when the machine is not one that can repeat the run, or does not come by
    the place of an input.
    """
    token.check_machine(machine)
    limit = max_instructions if max_instructions is not None else token.end
    for typed in token.inputs:
        if limit is not None and typed.instructions > limit:
            break
        outcome = _run_to(machine, typed, pause)
        if outcome is not None:
            return outcome
    return run_in_steps(machine, limit, pause)


def _run_to(machine: Machine, typed: Typed, pause: Pause | None) -> Outcome | None:
    """Run to the place of an input and give it there.  An outcome if the guest ended at that very place."""

    def here() -> bool:
        return (machine.engine.total_instret, machine.engine.now) == (typed.instructions, typed.time)

    done = False

    def at_stop(_reason: StopReason) -> bool:
        # Also where the machine comes back for a device's event or because all harts sleep: the place of an
        # input may be one of those, and time may go on after it without an instruction.
        nonlocal done
        if not done and here():
            machine.accept(typed.channel, typed.data)
            done = True
            return True
        return False

    if here():
        machine.accept(typed.channel, typed.data)
        return None
    while not done:
        # At least one: at the place itself time may still have to pass, up to the event where it was typed.
        end = max(typed.instructions, machine.engine.total_instret + 1)
        outcome = run_in_steps(machine, end, pause, at_stop)
        passed = machine.engine.total_instret > typed.instructions
        if not done and (outcome.reason != "limit" or passed):
            raise ReplugError(
                f"token: the run does not come by instruction {typed.instructions} at {typed.time} ns, where "
                "something was typed: it is of another version of Replug"
            )
        if done and outcome.reason in ("exit", "wild"):
            return outcome
    return None
