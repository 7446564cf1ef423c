# SPDX-License-Identifier: GPL-2.0-or-later
"""Running a machine again as a token says: the same from outside at exactly the same places."""

from __future__ import annotations

from emulator.engine import StopReason
from emulator.errors import ReplugError
from emulator.machine import Machine, Outcome
from emulator.stepping import STEP, Pause, run_in_steps
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
    for external in token.inputs:
        if isinstance(external, Typed):
            if limit is not None and external.instructions > limit:
                break
            outcome = _run_to(machine, external, pause)
        else:
            outcome = _run_to_step(machine, external.step, limit, pause)
            if outcome is None or machine.engine.steps == external.step:  # a debugger went on behind the end
                machine.act(external)
                outcome = None
        if outcome is not None:
            return outcome
    if token.step is not None and max_instructions is None:
        return _run_to_step(machine, token.step, None, pause) or Outcome("limit", 1)
    return run_in_steps(machine, limit, pause)


def _run_to_step(machine: Machine, step: int, limit: int | None, pause: Pause | None) -> Outcome | None:
    """Exactly to that step, with nothing done behind it.  An outcome if the guest ended there or before, or
    `limit` instructions have retired."""
    engine = machine.engine
    if engine.steps > step:
        raise _elsewhere(f"step {step}")
    while engine.steps < step:
        room = min(step - engine.steps, STEP, machine.longest_advance)
        if limit is not None:
            room = min(room, limit - engine.total_instret)
            if room <= 0:
                return Outcome("limit", 1)
        reason, outcome = machine.advance(lambda room=room: engine.run_steps(room))  # type: ignore[misc]
        if pause is not None:
            pause()
        if outcome is not None:
            return outcome
        if reason is StopReason.IDLE:
            raise _elsewhere(f"step {step}")
    return None


def _elsewhere(place: str) -> ReplugError:
    return ReplugError(
        f"token: the run does not come by {place}, where something came from outside: "
        "it is of another version of Replug"
    )


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
            machine.accept(typed.channel, typed.data, typed.step)
            done = True
            return True
        return False

    if here():
        machine.accept(typed.channel, typed.data, typed.step)
        return None
    while not done:
        # At least one: at the place itself time may still have to pass, up to the event where it was typed.
        end = max(typed.instructions, machine.engine.total_instret + 1)
        outcome = run_in_steps(machine, end, pause, at_stop)
        passed = machine.engine.total_instret > typed.instructions
        if not done and (outcome.reason != "limit" or passed):
            raise _elsewhere(f"instruction {typed.instructions} at {typed.time} ns")
        if done and outcome.reason in ("exit", "wild"):
            return outcome
    return None
