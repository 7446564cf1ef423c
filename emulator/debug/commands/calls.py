# SPDX-License-Identifier: GPL-2.0-or-later
"""Moving by source lines and calls, in both directions, with the thread that is followed.

A kernel's thread may sleep in a call and go on on another hart, so a call has returned where the hart that is
followed is in that frame again (or in an outer one, if the callee has left by a long jump), or another hart
is in it with the very same stack pointer. Going back, the stack pointer tells the call from those that a
recursive function has made inside.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from emulator.debug.frames import stack
from emulator.debug.records import INTERNAL, Stop, StopKind
from emulator.debug.traps import back_over_traps, out_of_trap, over_traps, run_to, same_thread
from emulator.errors import ReplugError

if TYPE_CHECKING:
    from emulator.debug.commands.interpreter import Interpreter

_LONGEST_LINE = 100_000  # steps, when a source line is to be left
_RA, _T0 = 1, 5  # what return addresses are kept in


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


def over(interpreter: Interpreter) -> Stop:
    """One instruction, a call with all it leads to; traps on the way are passed."""
    pc, sp = _pc(interpreter), interpreter.evaluator.value("$sp", interpreter.hart)
    length = _call_length(interpreter, pc)
    return _back_in_frame(interpreter, pc + length, sp) if length else into(interpreter)


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
    return _back_in_frame(interpreter, caller.pc, sp or 0)


def back_over(interpreter: Interpreter) -> Stop:
    """The same as `over`, back."""
    session, hart = interpreter.session, interpreter.hart
    pc, thread = _pc(interpreter), same_thread(session, hart)
    stop = back_into(interpreter)
    if stop.kind is not StopKind.STEP or not _returns(interpreter, session.engine.get_pc(hart)):
        return stop
    for length in (4, 2):  # did a call return to where it was?
        if _call_length(interpreter, pc - length) == length:
            return run_to(
                session, [session.break_at(pc - length, condition=thread, owner=INTERNAL)], backwards=True
            )
    return stop


def back_into(interpreter: Interpreter) -> Stop:
    """The same as `into`, back."""
    return back_over_traps(interpreter.session, interpreter.hart)


def back_out(interpreter: Interpreter) -> Stop:
    """To the call of the function that the hart is in; ReplugError where no symbol says where that begins."""
    session, hart = interpreter.session, interpreter.hart
    pc = _pc(interpreter)
    found = interpreter.symbols.function(pc)
    if found is None:
        raise ReplugError(f"{pc:#x}: no symbol says where this function begins")
    start = found[0]
    if start != pc:
        frames = stack(session, interpreter.symbols, hart, 2).frames
        sp = frames[1].sp if len(frames) > 1 and frames[1].how != "trap" else None
        if sp is None:
            entry = session.break_at(start, harts=frozenset((hart,)), owner=INTERNAL)
        else:
            entry = session.break_at(start, condition=same_thread(session, hart, sp), owner=INTERNAL)
        stop = run_to(session, [entry], backwards=True)
        if stop.kind is not StopKind.STEP:
            return stop
        hart = stop.hart
    return session.reverse_step_hart(hart)


def _back_in_frame(interpreter: Interpreter, address: int, sp: int) -> Stop:
    """Forward until the thread is there with that stack pointer; other breakpoints stop it as well."""
    session, hart = interpreter.session, interpreter.hart
    here = session.break_at(address, harts=frozenset((hart,)), condition=f"$sp >= {sp}", owner=INTERNAL)
    others = frozenset(range(session.machine.harts)) - {hart}
    if not others:
        return run_to(session, [here])
    there = session.break_at(address, harts=others, condition=same_thread(session, hart, sp), owner=INTERNAL)
    return run_to(session, [here, there])


def _pc(interpreter: Interpreter) -> int:
    return interpreter.session.engine.get_pc(interpreter.hart)


def _parcel(interpreter: Interpreter, address: int) -> int:
    """The first 16 bits of an instruction; 0, which none begins with, where nothing is mapped."""
    code = interpreter.session.machine.read_virtual(interpreter.hart, address, 2)
    return 0 if code is None else int.from_bytes(code, "little")


def _call_length(interpreter: Interpreter, address: int) -> int:
    """Bytes of the call instruction at an address; 0: it is none."""
    parcel = _parcel(interpreter, address)
    if parcel & 0x7F in (0x6F, 0x67) and parcel >> 7 & 0x1F == _RA:
        return 4
    if parcel & 0xF07F == 0x9002 and parcel >> 7 & 0x1F:
        return 2  # c.jalr
    return 2 if parcel & 0xE003 == 0x2001 and interpreter.session.engine.config.xlen == 32 else 0


def _returns(interpreter: Interpreter, address: int) -> bool:
    """Whether an instruction returns: jumps to what ra or t0 holds, keeping nothing (ISA manual, 2.5.1)."""
    parcel = _parcel(interpreter, address)
    if parcel & 0xF07F == 0x8002:
        return parcel >> 7 & 0x1F in (_RA, _T0)  # c.jr
    upper = _parcel(interpreter, address + 2)
    return parcel & 0xFFF == 0x067 and (upper << 16 | parcel) >> 15 & 0x1F in (_RA, _T0)
