# SPDX-License-Identifier: GPL-2.0-or-later
"""Stepping over traps: who steps through a program does not want to end in the handler of an interrupt.

A step that turns out to be a trap is followed until its handler has returned: to the instruction that was
interrupted, or to the one behind it, with the same stack pointer, privilege and address space, on whichever
hart the thread is then. Breakpoints in the handler stop it all the same. An exception that a mode handles for
itself is followed into its handler: it may well not come back.
"""

from __future__ import annotations

from emulator.debug.records import INTERNAL, Breakpoint, Stop, StopKind
from emulator.debug.session import DebugSession

_SP = 2
_USER = 0
_SATP = 0x180
_MOST = 1000
"""Traps that one instruction may take: pages that come one by one, a timer that never rests."""
_LENGTHS = (0, 2, 4)
_TVEC, _CAUSE = {1: 0x105, 3: 0x305}, {1: 0x142, 3: 0x342}  # by the mode that handles it
_EPC = {1: "sepc", 3: "mepc"}
_INTERRUPTS = (1, 3, 5, 7, 9, 11)
_RETURNS = (0x1020_0073, 0x3020_0073)  # sret, mret


def over_traps(session: DebugSession, hart: int) -> Stop:
    """One instruction of a hart, and all traps in front of it."""
    for _ in range(_MOST):
        engine = session.engine
        pc, traps = engine.get_pc(hart), engine.traps(hart)
        condition, mode = same_thread(session, hart), engine.get_privilege(hart)
        stop = session.step_hart(hart)
        if stop.kind is not StopKind.STEP or engine.traps(hart) == traps or not _passed(session, hart, mode):
            return stop
        stop = run_to(session, _behind(session, pc, condition))
        if stop.kind is not StopKind.STEP:
            return stop
        hart = stop.hart
        if session.engine.get_pc(hart) != pc:
            return stop
    return stop


def back_over_traps(session: DebugSession, hart: int) -> Stop:
    """To in front of the instruction that this hart executed last, traps apart."""
    engine = session.engine
    pc, sp, mode = engine.get_pc(hart), _sp(session, hart), engine.get_privilege(hart)
    stop = session.reverse_step_hart(hart)
    for _ in range(_MOST):
        if stop.kind is not StopKind.STEP or not _returns(session, hart) or not _passed(session, hart, mode):
            return stop
        handler = engine.get_privilege(hart)
        places = " || ".join(f"${_EPC[handler]} == {pc - length}" for length in _LENGTHS)
        vector = engine.get_csr(hart, _TVEC[handler]) or 0
        entries = [vector & ~3] + [(vector & ~3) + 4 * n for n in _INTERRUPTS if vector & 3 == 1]
        condition, only = f"$sp == {sp} && ({places})", frozenset((hart,))
        wanted = [
            session.break_at(entry, harts=only, condition=condition, owner=INTERNAL) for entry in entries
        ]
        stop = run_to(session, wanted, backwards=True)
        if stop.kind is not StopKind.STEP:
            return stop
        stop = session.reverse_step_hart(hart)
        # Now it stands in front of the trap, or of an xret that the interrupt followed at once.
        if stop.kind is not StopKind.STEP or engine.get_privilege(hart) != mode:
            continue
        if engine.get_pc(hart) != pc:
            return stop
        stop = session.reverse_step_hart(hart)
    return stop


def out_of_trap(session: DebugSession, hart: int, pc: int, sp: int | None) -> Stop:
    """Until what was interrupted at `pc` goes on: there, or behind that instruction. sp: of it, if known."""
    if sp is None:
        return run_to(session, _behind(session, pc, None, frozenset((hart,))))
    return run_to(session, _behind(session, pc, f"$sp == {sp}"))


def _behind(
    session: DebugSession, pc: int, condition: str | None, harts: frozenset[int] | None = None
) -> list[Breakpoint]:
    """Where what was interrupted at an instruction may go on: there, or behind it."""
    places = [pc + length & (1 << 64) - 1 for length in _LENGTHS]
    return [session.break_at(place, harts=harts, condition=condition, owner=INTERNAL) for place in places]


def _sp(session: DebugSession, hart: int) -> int:
    return session.engine.get_x(hart, _SP) & (1 << session.engine.config.xlen) - 1


def same_thread(session: DebugSession, hart: int, sp: int | None = None) -> str:
    """A condition that holds on whichever hart what this one executes now goes on, with its stack pointer
    there (or `sp`). Stacks of a kernel are one thread's each; those of programs are, in an address space."""
    satp = session.engine.get_csr(hart, _SATP) or 0
    mode = session.engine.get_privilege(hart)
    space = f" && $satp == {satp}" if mode == _USER else ""
    return f"$sp == {_sp(session, hart) if sp is None else sp} && $priv == {mode}{space}"


def _passed(session: DebugSession, hart: int, mode: int) -> bool:
    """Whether the trap that the hart is in, from a mode, is one to step over."""
    handler = session.engine.get_privilege(hart)
    cause = session.engine.get_csr(hart, _CAUSE.get(handler, 0)) or 0
    return handler in _CAUSE and (handler > mode or bool(cause >> session.engine.config.xlen - 1 & 1))


def _returns(session: DebugSession, hart: int) -> bool:
    """Whether the hart is about to return from a trap."""
    code = session.machine.read_virtual(hart, session.engine.get_pc(hart), 4)
    return code is not None and int.from_bytes(code, "little") in _RETURNS


def run_to(session: DebugSession, wanted: list[Breakpoint], *, backwards: bool = False) -> Stop:
    """Until one of these is met (that is a STEP), or something else stops it; they are removed."""
    try:
        stop = session.reverse() if backwards else session.run()
    finally:
        for breakpoint in wanted:
            session.breakpoints.remove(breakpoint.number)
    if any(stop.breakpoint is breakpoint for breakpoint in wanted):
        return Stop(StopKind.STEP, stop.position, stop.hart, backwards=backwards)
    return stop
