# SPDX-License-Identifier: GPL-2.0-or-later
"""Running a machine again as a token says: the same inputs at exactly the same places."""

from __future__ import annotations

from emulator.engine import StopReason
from emulator.errors import ReplugError
from emulator.machine import Machine, Outcome
from emulator.token import Token, Typed


def replay(machine: Machine, token: Token, max_instructions: int | None = None) -> Outcome:
    """Repeat the run that `token` names on a fresh machine; it ends as it did then, with the same state hash.

    max_instructions: stop after so many, not where the run was cut.  Raises ReplugError when the machine is
    not one that can repeat the run, or does not come by the place of an input.
    """
    token.check_machine(machine)
    limit = max_instructions if max_instructions is not None else token.end
    for typed in token.inputs:
        if limit is not None and typed.instructions > limit:
            break
        outcome = _run_to(machine, typed)
        if outcome is not None:
            return outcome
    if limit is None:
        return machine.run()
    return machine.run(max(limit - machine.engine.total_instret, 0))


def _run_to(machine: Machine, typed: Typed) -> Outcome | None:
    """Run to the place of an input and give it there.  An outcome if the guest ended at that very place."""

    def here() -> bool:
        return (machine.engine.total_instret, machine.engine.now) == (typed.instructions, typed.time)

    done = False

    def at_stop(_reason: StopReason) -> bool:
        # Also where the machine comes back for a device's event or because all harts sleep: the place of an
        # input may be one of those, and time may go on after it without an instruction.
        nonlocal done
        if not done and here():
            machine.type(typed.data)
            done = True
            return True
        return False

    if here():
        machine.type(typed.data)
        return None
    while not done:
        left = typed.instructions - machine.engine.total_instret
        outcome = machine.run(max(left, 1), at_stop)
        passed = machine.engine.total_instret > typed.instructions
        if not done and (outcome.reason != "limit" or passed):
            raise ReplugError(
                f"token: the run does not come by instruction {typed.instructions} at {typed.time} ns, where "
                "something was typed: it is of another version of Replug"
            )
        if done and outcome.reason in ("exit", "wild"):
            return outcome
    return None
