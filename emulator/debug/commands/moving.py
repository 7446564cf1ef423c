# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands that move through the run, in both directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from emulator.debug.commands.calls import (
    back_into,
    back_out,
    back_over,
    back_to_line,
    into,
    leave_line,
    out,
    over,
)
from emulator.debug.commands.registry import command
from emulator.debug.records import INTERNAL, Stop, StopKind
from emulator.debug.traps import run_to
from emulator.errors import ReplugError

if TYPE_CHECKING:
    from emulator.debug.commands.interpreter import Interpreter

FORWARD, BACKWARD = "Going forward", "Going back"


def repeated(interpreter: Interpreter, rest: str, move: Callable[[], Stop]) -> None:
    """Move so often, or until something else stops it, and report."""
    for _ in range(interpreter.count(rest)):
        stop = move()
        if stop.kind is not StopKind.STEP:
            break
    interpreter.report(stop)


@command("stepi", "si", group=FORWARD, usage="[N]", help="One instruction (or trap) of this hart.")
def _stepi(interpreter: Interpreter, rest: str) -> None:
    repeated(interpreter, rest, lambda: interpreter.session.step_hart(interpreter.hart))


@command(
    "step-machine", "sm", group=FORWARD, usage="[N]", help="One instruction of whichever hart's turn it is."
)
def _step_machine(interpreter: Interpreter, rest: str) -> None:
    interpreter.report(interpreter.session.step_machine(interpreter.count(rest)))


@command(
    "step-alone",
    "sa",
    group=FORWARD,
    usage="[N]",
    help="One instruction of this hart; the others stand still.",
)
def _step_alone(interpreter: Interpreter, rest: str) -> None:
    interpreter.report(interpreter.session.step_hart_alone(interpreter.hart, interpreter.count(rest)))


@command("step", "s", group=FORWARD, usage="[N]", help="To another source line, into calls, over traps.")
def _step(interpreter: Interpreter, rest: str) -> None:
    repeated(interpreter, rest, lambda: leave_line(interpreter, lambda: into(interpreter)))


@command("nexti", "ni", group=FORWARD, usage="[N]", help="One instruction, over calls and traps.")
def _nexti(interpreter: Interpreter, rest: str) -> None:
    repeated(interpreter, rest, lambda: over(interpreter))


@command("next", "n", group=FORWARD, usage="[N]", help="To another source line, over calls and traps.")
def _next(interpreter: Interpreter, rest: str) -> None:
    repeated(interpreter, rest, lambda: leave_line(interpreter, lambda: over(interpreter)))


@command("finish", "fin", group=FORWARD, help="Until this function (or trap handler) returns to its caller.")
def _finish(interpreter: Interpreter, _rest: str) -> None:
    interpreter.report(out(interpreter))


@command("continue", "c", group=FORWARD, help="Until something stops it.")
def _continue(interpreter: Interpreter, _rest: str) -> None:
    interpreter.report(interpreter.session.run())


@command(
    "until", "u", "advance", group=FORWARD, usage="ADDRESS|FILE:LINE", help="Until any hart comes there."
)
def _until(interpreter: Interpreter, rest: str) -> None:
    session = interpreter.session
    wanted = [session.break_at(address, owner=INTERNAL) for address in interpreter.places(rest)]
    interpreter.report(run_to(session, wanted))


@command("run-for", group=FORWARD, usage="N", help="So many steps of all harts.")
def _run_for(interpreter: Interpreter, rest: str) -> None:
    interpreter.report(interpreter.session.step_machine(interpreter.count(rest)))


@command("reverse-stepi", "rsi", group=BACKWARD, usage="[N]", help="To in front of what this hart did last.")
def _reverse_stepi(interpreter: Interpreter, rest: str) -> None:
    repeated(interpreter, rest, lambda: interpreter.session.reverse_step_hart(interpreter.hart))


@command(
    "reverse-step-machine",
    "rsm",
    group=BACKWARD,
    usage="[N]",
    help="One step back of whichever hart made it.",
)
def _reverse_step_machine(interpreter: Interpreter, rest: str) -> None:
    interpreter.report(interpreter.session.reverse_step_machine(interpreter.count(rest)))


@command("reverse-step", "rs", group=BACKWARD, usage="[N]", help="Back to another source line, into calls.")
def _reverse_step(interpreter: Interpreter, rest: str) -> None:
    repeated(
        interpreter,
        rest,
        lambda: back_to_line(interpreter, lambda: back_into(interpreter)),
    )


@command("reverse-nexti", "rni", group=BACKWARD, usage="[N]", help="One instruction back, over a call.")
def _reverse_nexti(interpreter: Interpreter, rest: str) -> None:
    repeated(interpreter, rest, lambda: back_over(interpreter))


@command("reverse-next", "rn", group=BACKWARD, usage="[N]", help="Back to another source line, over calls.")
def _reverse_next(interpreter: Interpreter, rest: str) -> None:
    repeated(interpreter, rest, lambda: back_to_line(interpreter, lambda: back_over(interpreter)))


@command("reverse-finish", "rfin", group=BACKWARD, help="Back to the call of this function.")
def _reverse_finish(interpreter: Interpreter, _rest: str) -> None:
    interpreter.report(back_out(interpreter))


@command(
    "reverse-continue", "rc", group=BACKWARD, help="Back, until something stops it; to the start at last."
)
def _reverse_continue(interpreter: Interpreter, _rest: str) -> None:
    interpreter.report(interpreter.session.reverse())


@command("when", group=BACKWARD, help="Which state this is.")
def _when(interpreter: Interpreter, _rest: str) -> None:
    session = interpreter.session
    here, head = session.position, session.head
    interpreter.say(
        f"instruction {here.instructions:,} (step {here.step:,}: {here.traps:,} traps), "
        f"virtual time {session.engine.now:,} ns"
    )
    if session.in_the_past:
        interpreter.say(
            f"in the past: instruction {head.instructions:,} (step {head.step:,}) has been reached"
        )


@command(
    "goto",
    group=BACKWARD,
    usage="N | start | end | step N",
    help="To a state, back or forward; `end` is that of a recorded run, or the farthest reached.",
)
def _goto(interpreter: Interpreter, rest: str) -> None:
    session = interpreter.session
    word, _, number = rest.partition(" ")
    if not rest or word.startswith("-"):
        raise ReplugError("goto an instruction from 0 on, `start` or `end`")
    if word == "start":
        stop = session.goto(0)
    elif word == "end":
        stop = session.goto_end()
    elif word == "step" and number:
        stop = session.goto(interpreter.value(number))
    else:
        stop = session.goto_instruction(interpreter.value(rest.replace(",", "")))
    interpreter.report(stop)
