# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands that move through the run, in both directions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from emulator.debug.commands.registry import command
from emulator.debug.frames import stack
from emulator.debug.records import Stop, StopKind
from emulator.debug.traps import back_over_traps, out_of_trap, over_traps
from emulator.errors import ReplugError

if TYPE_CHECKING:
    from emulator.debug.commands.interpreter import Interpreter

FORWARD, BACKWARD = "Going forward", "Going back"
_LONGEST_LINE = 100_000  # steps, when a source line is to be left
_RA = 1


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
    for address in interpreter.places(rest):
        session.break_at(address, temporary=True, text=rest)
    interpreter.report(session.run())


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
    session, hart = interpreter.session, interpreter.hart
    pc = session.engine.get_pc(hart)
    found = interpreter.symbols.at(pc)
    if found is None:
        raise ReplugError(f"{pc:#x}: no symbol says where this function begins")
    if found[1]:
        stop = session.last_execution(pc - found[1], harts=frozenset((hart,)))
        if stop.kind is StopKind.START:
            interpreter.report(stop)
            return
    interpreter.report(session.reverse_step_hart(hart))


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


@command("goto", group=BACKWARD, usage="N | start | end | step N", help="To a state, back or forward.")
def _goto(interpreter: Interpreter, rest: str) -> None:
    session = interpreter.session
    word, _, number = rest.partition(" ")
    if not rest or word.startswith("-"):
        raise ReplugError("goto an instruction from 0 on, `start` or `end`")
    if word == "start":
        stop = session.goto(0)
    elif word == "end":
        stop = session.goto(session.head.step)
    elif word == "step" and number:
        stop = session.goto(interpreter.value(number))
    else:
        stop = session.goto_instruction(interpreter.value(rest.replace(",", "")))
    interpreter.report(stop)


# --- lines and calls ---


def leave_line(interpreter: Interpreter, move: Callable[[], Stop]) -> Stop:
    """Move until the hart is on another source line (or at code without one)."""
    hart, engine = interpreter.hart, interpreter.session.engine
    line = interpreter.symbols.line(engine.get_pc(hart))
    for _ in range(_LONGEST_LINE):
        stop = move()
        if stop.kind is not StopKind.STEP or line is None:
            return stop
        hart = interpreter.hart = stop.hart  # a thread may have come to another one in a trap
        if interpreter.symbols.line(engine.get_pc(hart)) not in (None, line):
            return stop
    return stop


def back_to_line(interpreter: Interpreter, move: Callable[[], Stop]) -> Stop:
    """Move back to where another source line begins, as GDB does."""
    session = interpreter.session
    stop = leave_line(interpreter, move)
    line = interpreter.symbols.line(session.engine.get_pc(stop.hart))
    for _ in range(_LONGEST_LINE):
        if stop.kind is not StopKind.STEP or line is None:
            return stop
        before = move()
        if before.kind is StopKind.STEP:
            interpreter.hart = before.hart
        if interpreter.symbols.line(session.engine.get_pc(before.hart)) != line:
            session.goto(stop.position.step)
            interpreter.hart = stop.hart
            return stop
        stop = before
    return stop


def _call_length(interpreter: Interpreter, address: int) -> int:
    """Bytes of the call instruction at an address; 0: it is none."""
    code = interpreter.session.machine.read_virtual(interpreter.hart, address, 2)
    if code is None:
        return 0
    parcel = int.from_bytes(code, "little")
    if parcel & 0x7F in (0x6F, 0x67) and parcel >> 7 & 0x1F == _RA:
        return 4
    if parcel & 0xF07F == 0x9002 and parcel >> 7 & 0x1F:
        return 2  # c.jalr
    return 2 if parcel & 0xE003 == 0x2001 and interpreter.session.engine.config.xlen == 32 else 0


def run_to(interpreter: Interpreter, address: int, condition: str) -> Stop:
    """Forward until this hart is there and the condition holds; other breakpoints stop it as well."""
    session = interpreter.session
    made = session.break_at(address, harts=frozenset((interpreter.hart,)), condition=condition)
    try:
        stop = session.run()
    finally:
        session.breakpoints.remove(made.number)
    if stop.breakpoint is made:
        return Stop(StopKind.STEP, stop.position, stop.hart)
    return stop


def over(interpreter: Interpreter) -> Stop:
    """One instruction, a call with all it leads to; traps on the way are passed."""
    session, hart = interpreter.session, interpreter.hart
    pc, sp = session.engine.get_pc(hart), interpreter.evaluator.value("$sp", hart)
    length = _call_length(interpreter, pc)
    if length == 0:
        return into(interpreter)
    return run_to(interpreter, pc + length, f"$sp >= {sp}")


def into(interpreter: Interpreter) -> Stop:
    """One instruction, into a call; traps are passed (traps.py)."""
    return over_traps(interpreter.session, interpreter.hart)


def out(interpreter: Interpreter) -> Stop:
    """Until the function returns; ReplugError if nobody knows its caller."""
    found = stack(interpreter.session, interpreter.symbols, interpreter.hart, 2)
    if len(found.frames) < 2:
        raise ReplugError(f"no caller is known: {found.end}")
    caller = found.frames[1]
    if caller.how == "trap":
        return out_of_trap(interpreter.session, interpreter.hart, caller.pc, caller.sp)
    sp = caller.sp if caller.sp is not None else found.frames[0].sp
    return run_to(interpreter, caller.pc, f"$sp >= {sp}")


def back_over(interpreter: Interpreter) -> Stop:
    """The same as `over`, back."""
    session, hart = interpreter.session, interpreter.hart
    pc = session.engine.get_pc(hart)
    stop = back_into(interpreter)
    before = session.engine.get_pc(hart)
    if stop.kind is not StopKind.STEP or pc - 4 <= before < pc:
        return stop
    for length in (4, 2):  # did a call return to where it was?
        if _call_length(interpreter, pc - length) == length:
            stop = session.last_execution(pc - length, harts=frozenset((hart,)))
            return replace(stop, kind=StopKind.STEP) if stop.kind is StopKind.BREAKPOINT else stop
    return stop


def back_into(interpreter: Interpreter) -> Stop:
    """The same as `into`, back."""
    return back_over_traps(interpreter.session, interpreter.hart)
