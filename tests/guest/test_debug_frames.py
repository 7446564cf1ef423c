# SPDX-License-Identifier: GPL-2.0-or-later
"""Backtraces, at every instruction of programs whose calls are known; and stepping over traps."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from emulator import MachineOptions
from emulator.debug.commands.interpreter import Interpreter
from emulator.debug.frames import stack
from emulator.debug.records import StopKind
from emulator.debug.session import DebugSession
from emulator.debug.symbols import Symbols
from emulator.debug.traps import back_over_traps, over_traps
from emulator.loader.elf import open_image
from tests.guest.trap_program import STACK, TRAPS

Guest = Callable[[str], Path]
_RA = 1

CALLS = """
        la sp, stack_top
        li s5, 0
        li s0, 0
        call outer
    stop:
        j stop

        .globl outer
        .type outer, @function
    outer:                              # a frame, two ways out
        addi sp, sp, -48
        sd ra, 40(sp)
        sd s0, 32(sp)
        li a0, 3
        call middle
        bnez a0, 1f
        ld s0, 32(sp)
        ld ra, 40(sp)
        addi sp, sp, 48
        ret
    1:  li a0, 0
        call leaf
        ld s0, 32(sp)
        ld ra, 40(sp)
        addi sp, sp, 48
        ret
        .size outer, . - outer

        .type middle, @function
    middle:                             # compressed code, a loop, a frame that only the second half needs
        beqz a0, 2f
        addi sp, sp, -16
        sd ra, 8(sp)
        sd s1, 0(sp)
        mv s1, a0
    1:  call leaf
        addi s1, s1, -1
        bnez s1, 1b
        ld s1, 0(sp)
        ld ra, 8(sp)
        addi sp, sp, 16
    2:  li a0, 1
        ret
        .size middle, . - middle

        .type leaf, @function
    leaf:
        addi a0, a0, 1
        ret
        .size leaf, . - leaf
"""
# What only call frame information can tell: ra in another register, sp moved by what no instruction names.
ODD = """
        la sp, stack_top
        call outer
    stop:
        j stop
        .cfi_sections .debug_frame
        .type outer, @function
    outer:
        .cfi_startproc
        mv s4, ra
        .cfi_register ra, s4
        mv s3, sp
        .cfi_def_cfa_register s3
        li t0, 64
        sub sp, sp, t0
        call inner
        mv sp, s3
        .cfi_def_cfa_register sp
        mv ra, s4
        .cfi_register ra, ra
        ret
        .cfi_endproc
        .size outer, . - outer
        .type inner, @function
    inner:
        .cfi_startproc
        addi sp, sp, -16
        .cfi_def_cfa_offset 16
        sd ra, 8(sp)
        .cfi_offset ra, -8
        nop
        ld ra, 8(sp)
        addi sp, sp, 16
        .cfi_def_cfa_offset 0
        ret
        .cfi_endproc
        .size inner, . - inner
"""
# A chain of frame pointers, for a debugger that has no symbols.
CHAIN = """
        la sp, stack_top
        li s0, 0
        call one
    stop:
        j stop
    one:
        addi sp, sp, -32
        sd ra, 24(sp)
        sd s0, 16(sp)
        addi s0, sp, 32
        call two
        j stop
    two:
        addi sp, sp, -32
        sd ra, 24(sp)
        sd s0, 16(sp)
        addi s0, sp, 32
    here:
        j here
"""


@pytest.fixture
def opened(guest: Guest) -> Iterator[Callable[[str], DebugSession]]:
    sessions: list[DebugSession] = []

    def make(text: str) -> DebugSession:
        sessions.append(DebugSession(open_image(guest(text)), MachineOptions(harts=1, quantum=13)))
        return sessions[-1]

    yield make
    for session in sessions:
        session.close()


def _link(code: bytes) -> int:
    """Bytes of a call instruction, 0 for another."""
    word, half = int.from_bytes(code, "little"), int.from_bytes(code[:2], "little")
    if word & 0x7F in (0x6F, 0x67) and word >> 7 & 0x1F == _RA:
        return 4
    return 2 if half & 0xF07F == 0x9002 and half >> 7 & 0x1F else 0


def _follow(session: DebugSession, symbols: Symbols, end: int) -> int:
    """Step to an address, and compare each backtrace with the calls that have been made; how many frames."""
    calls: list[int] = []
    most = 0
    while (pc := session.engine.get_pc(0)) != end:
        shown = [frame.pc for frame in stack(session, symbols, 0).frames]
        assert shown == [pc, *reversed(calls)], [symbols.name(each) for each in shown]
        most = max(most, len(shown))
        code = session.machine.read_virtual(0, pc, 4)
        assert code is not None
        ra = session.engine.get_x(0, _RA)
        session.step_hart(0)
        after = session.engine.get_pc(0)
        if length := _link(code):
            calls.append(pc + length)
        elif calls and after == calls[-1] == ra and int.from_bytes(code[:2], "little") == 0x8082:
            calls.pop()
    return most


def test_without_debug_information_at_every_instruction(opened: Callable[[str], DebugSession]) -> None:
    session = opened(CALLS + STACK)
    symbols = Symbols(session.machine.image)
    stop = symbols.address("stop")
    assert stop is not None
    assert _follow(session, symbols, stop) == 4


def test_with_call_frame_information_at_every_instruction(opened: Callable[[str], DebugSession]) -> None:
    session = opened(ODD + STACK)
    symbols = Symbols(session.machine.image)
    stop = symbols.address("stop")
    assert stop is not None
    assert _follow(session, symbols, stop) == 3
    session.goto(0)
    session.break_at(symbols.address("inner") or 0)
    session.run()
    assert [frame.how for frame in stack(session, symbols, 0).frames] == ["", "CFI", "CFI"]


def test_by_frame_pointers_without_symbols(opened: Callable[[str], DebugSession]) -> None:
    session = opened(CHAIN + STACK)
    symbols = Symbols(session.machine.image)
    here = symbols.address("here")
    assert here is not None
    session.break_at(here)
    session.run()
    found = stack(session, Symbols(None), 0)
    assert [symbols.name(frame.within).partition("+")[0] for frame in found.frames] == [
        "here",
        "one",
        "_start",
    ]
    assert [frame.how for frame in found.frames] == ["", "frame pointer", "frame pointer"]
    assert "no symbol" in found.end
    session.set_x(0, 8, 0x1234_5678)  # s0 leads nowhere: the stack ends at once
    assert [frame.pc for frame in stack(session, Symbols(None), 0).frames] == [here]


def test_a_return_address_that_no_call_leads_to_is_not_shown(opened: Callable[[str], DebugSession]) -> None:
    session = opened(CALLS + STACK)
    symbols = Symbols(session.machine.image)
    session.break_at(symbols.address("leaf") or 0)
    session.run()
    assert len(stack(session, symbols, 0).frames) == 4
    session.set_x(0, _RA, symbols.address("middle") or 0)
    found = stack(session, symbols, 0)
    assert len(found.frames) == 1 and found.end == "no call leads to the return address middle"
    assert len(stack(session, symbols, 0, 1).frames) == 1


def test_across_traps(opened: Callable[[str], DebugSession]) -> None:
    session = opened(TRAPS + STACK)
    symbols = Symbols(session.machine.image)
    session.break_at(symbols.address("handler") or 0)
    seen = set()
    while ("work", "user") not in seen or ("user",) not in seen:
        assert session.engine.total_instret < 20_000, seen
        assert session.run().kind is StopKind.BREAKPOINT
        frames = stack(session, symbols, 0).frames
        assert [frame.how for frame in frames[:3]] == ["", "prologue", "trap"]
        assert symbols.name(frames[1].pc).startswith("vector+")
        assert frames[2].pc == session.engine.get_csr(0, 0x341)
        names = [symbols.name(frame.within).partition("+")[0] for frame in frames[2:]]
        assert names in (["user"], ["after_ecall"], ["work", "user"]), names
        seen.add(tuple(names))


def test_steps_pass_over_traps_in_both_directions(opened: Callable[[str], DebugSession]) -> None:
    session = opened(TRAPS + STACK)
    symbols = Symbols(session.machine.image)
    session.break_at(symbols.address("work") or 0)
    session.run()
    session.breakpoints.remove(1)
    places = []
    start, state = session.position, session.machine.state_hash()
    traps, calls = session.engine.traps(0), 0
    for _ in range(150):
        calls += session.machine.read_virtual(0, session.engine.get_pc(0), 4) == b"\x73\0\0\0"
        places.append((session.engine.get_pc(0), session.engine.get_x(0, 9), session.engine.get_x(0, 18)))
        stop = over_traps(session, 0)
        assert stop.kind is StopKind.STEP and stop.hart == 0
        name = symbols.name(session.engine.get_pc(0)).partition("+")[0]
        assert name in ("user", "work", "after_ecall") and session.engine.get_privilege(0) == 0
    assert session.engine.traps(0) - traps > calls > 2  # interrupts as well
    for place in reversed(places):
        assert back_over_traps(session, 0).kind is StopKind.STEP
        assert (session.engine.get_pc(0), session.engine.get_x(0, 9), session.engine.get_x(0, 18)) == place
        assert session.engine.get_privilege(0) == 0
    assert session.position == start and session.machine.state_hash() == state


def test_a_step_back_is_one_where_an_interrupt_waited_for_the_xret(
    opened: Callable[[str], DebugSession],
) -> None:
    session = opened(TRAPS + STACK)
    session.run(700)
    steps = [session.position.step]
    while session.engine.traps(0):
        assert session.reverse_step_hart(0).kind is StopKind.STEP
        steps.append(session.position.step)
    assert {a - b for a, b in pairwise(steps)} == {1, 2}
    for step in reversed(steps[:-1]):
        session.step_hart(0)
        assert session.position.step == step


def test_a_breakpoint_in_the_handler_stops_a_step(opened: Callable[[str], DebugSession]) -> None:
    session = opened(TRAPS + STACK)
    symbols = Symbols(session.machine.image)
    handler = symbols.address("handler") or 0
    session.break_at(symbols.address("work") or 0)
    session.run()
    made = session.break_at(handler)
    while (stop := over_traps(session, 0)).kind is StopKind.STEP:
        assert session.engine.traps(0) < 3
    assert stop.breakpoint is made and session.engine.get_pc(0) == handler
    assert len(session.breakpoints) == 2  # none of the step's own is left
    said: list[str] = []
    interpreter = Interpreter(session, symbols, said.append)
    interpreter.execute("backtrace")
    assert said[0].startswith("#0 ") and "<handler>" in said[0] and "[a trap came here]" in said[2]
    said.clear()
    interpreter.execute("finish")
    assert "<vector+" in said[-1]
