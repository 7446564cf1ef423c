# SPDX-License-Identifier: GPL-2.0-or-later
"""Stops at traps: each once, forwards and backwards, and the run is the same with them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from emulator import Machine, MachineOptions, ReplugError
from emulator.debug.causes import GROUPS, NAMES, Causes, causes_of, full_names
from emulator.debug.commands.interpreter import Interpreter
from emulator.debug.records import Stop, StopKind
from emulator.debug.session import DebugSession
from emulator.debug.symbols import Symbols
from emulator.engine import Access
from emulator.loader.elf import open_image

Guest = Callable[[str], Path]

TRAPS = """
        la t0, handler
        csrw mtvec, t0
        li t0, -1
        csrw pmpaddr0, t0
        li t0, 0x1f
        csrw pmpcfg0, t0
        csrr s0, mhartid
        li s1, 0x2004000         # mtimecmp of this hart
        slli t0, s0, 3
        add s1, s1, t0
        li s2, 0x200bff8         # mtime
        ld t0, 0(s2)
        addi t0, t0, 3
        sd t0, 0(s1)
        li t0, 0x80              # MTIE
        csrw mie, t0
        la t0, user
        csrw mepc, t0
        mret                     # to user mode
    user:
        addi s3, s3, 1
        li a7, 5
        ecall
        .word 0                  # illegal, and so are the two that follow as one
        andi t1, s3, 3
        bnez t1, user
        lw t2, 0(zero)           # nothing is there
        li a7, 6
        ecall
        j user
        .balign 4
    handler:
        csrr t0, mcause
        bltz t0, timer
        csrr t0, mepc
        addi t0, t0, 4
        csrw mepc, t0
        mret
    timer:
        ld t0, 0(s2)
        addi t0, t0, 2
        sd t0, 0(s1)
        mret
"""
ILLEGAL, ECALL, LOAD = 2, 8, 5
TIMER = 1 << 63 | 7
HARTS = 2
STEPS = 6000


def _session(path: Path) -> DebugSession:
    return DebugSession(open_image(path), MachineOptions(harts=HARTS, quantum=40))


def _cause(stop: Stop) -> int:
    assert stop.hit is not None
    return stop.hit.physical


@pytest.fixture(scope="module")
def traps(guest: Guest) -> Path:
    return guest(TRAPS)


def test_every_trap_is_met_once_and_the_run_is_the_same(traps: Path) -> None:
    with _session(traps) as session:
        session.catch_traps(GROUPS["all"])
        met: list[int] = []
        while (stop := session.run(STEPS)).kind is StopKind.CATCHPOINT:
            assert stop.hit is not None and stop.hit.kind is Access.TRAP
            engine, hart = session.engine, stop.hart
            assert engine.get_pc(hart) == engine.get_csr(hart, 0x305)
            cause = engine.get_csr(hart, 0x342)
            assert (stop.hit.physical, stop.hit.pc) == (cause, engine.get_csr(hart, 0x341))
            assert stop.hit.address == engine.get_csr(hart, 0x343)
            assert stop.position.step == stop.hit.step + 1
            met.append(_cause(stop))
        assert stop.kind is StopKind.STEP
        assert len(met) == sum(session.engine.traps(hart) for hart in range(HARTS))
        assert set(met) == {ILLEGAL, ECALL, LOAD, TIMER} and met.count(TIMER) > 20
        state, instructions = session.machine.state_hash(), session.position.instructions
    with Machine(open_image(traps), MachineOptions(harts=HARTS, quantum=40)) as machine:
        machine.engine.run_instructions(instructions)
        if machine.state_hash() != state:  # a trap is the last step
            machine.engine.run_steps(1)
        assert machine.state_hash() == state


@pytest.mark.parametrize("name", ["all", "interrupts", "faults", "syscall", "load_access_fault"])
def test_backwards_they_are_the_same(traps: Path, name: str) -> None:
    with _session(traps) as session:
        session.catch_traps(NAMES[name])
        forwards = []
        while (stop := session.run(STEPS)).hit is not None:
            forwards.append((stop.hit.step, stop.hit.pc, _cause(stop), stop.hart))
        assert len(forwards) > 20
        for _, _, cause, _ in forwards:
            mask = NAMES[name].interrupts if cause >> 63 else NAMES[name].exceptions
            assert mask >> (cause & 63) & 1
        for step, pc, cause, hart in reversed(forwards[-20:]):
            stop = session.reverse()
            assert stop.hit is not None and stop.kind is StopKind.CATCHPOINT and stop.backwards
            assert (stop.hit.step, stop.hit.pc, _cause(stop), stop.hart) == (step, pc, cause, hart)
            # In front of it; an interrupt behind an xret follows it at once, and has no such state.
            assert stop.position.step == step or cause == TIMER
            assert session.engine.traps(hart) == sum(
                each[3] == hart and each[0] < step for each in forwards
            ) or (name != "all")
            if cause != TIMER:
                assert session.engine.get_pc(hart) == pc
        for _ in range(len(forwards)):
            stop = session.reverse()
        assert stop.kind is StopKind.START


def test_only_those_that_are_meant(traps: Path) -> None:
    with _session(traps) as session:
        wanted = session.catch_traps(causes_of(["syscall"]), harts=frozenset((1,)), condition="yes")
        session.condition = lambda _breakpoint, hart: session.engine.get_x(hart, 17) == 6
        wanted.ignore = 1
        stop = session.run(STEPS)
        assert stop.kind is StopKind.CATCHPOINT and stop.hart == 1 and wanted.hits == 2
        assert session.engine.get_x(1, 17) == 6
        wanted.enabled = False
        assert session.run(session.position.step + 500).kind is StopKind.STEP
        session.breakpoints.remove(wanted.number)
        assert session.run(session.position.step + 500).kind is StopKind.STEP


def test_commands(traps: Path) -> None:
    with _session(traps) as session:
        said: list[str] = []
        interpreter = Interpreter(session, Symbols(session.machine.image), said.append)
        interpreter.execute("catch illegal, load-access hart 1 if $s3 > 2")
        interpreter.execute("catch interrupt hart 0")
        interpreter.execute("info breakpoints")
        assert said[-2:] == [
            "  1  catch     illegal_instruction load_access_fault  hits 0  if $s3 > 2, hart 1",
            "  2  catch     interrupts  hits 0  hart 0",
        ]
        interpreter.execute("disable 1")
        interpreter.execute("continue")
        assert any(
            line.startswith("catchpoint 2: hart 0 has taken: machine timer interrupt at") for line in said
        )
        interpreter.execute("delete 2")
        interpreter.execute("enable 1")
        interpreter.execute("goto start")
        interpreter.execute("continue")
        assert any(line.startswith("catchpoint 1: hart 1 has taken: illegal instruction at") for line in said)
        assert session.engine.get_x(1, 19) == 3
        interpreter.execute("reverse-continue")
        assert any(line.startswith("catchpoint 1: hart 1 takes next: illegal") for line in said)
        interpreter.execute("reverse-continue")
        assert session.position.step == 0  # it was the first one
        interpreter.execute("delete")
        session.goto(2000)
        for word, what in (("", ILLEGAL), ("syscall", ECALL), ("interrupt", TIMER)):
            session.goto(2000)
            interpreter.hart = 1
            interpreter.execute(f"last trap {word}")
            assert session.stop.hit is not None and session.stop.hart == 1
            assert session.stop.hit.physical in ((ILLEGAL, LOAD) if what == ILLEGAL else (what,))
        session.goto(2000)
        interpreter.execute("last trap store_page_fault")
        assert said[-1] == "hart 1 has taken no store_page_fault since the start of the run"
        assert session.position.step == 2000
        stores = ("store_access_fault", "store_address_misaligned", "store_page_fault")
        assert interpreter.complete("catch sto").texts == stores
        assert interpreter.complete("catch us").texts == ()  # `user` is a symbol
        assert "user" in interpreter.complete("catch syscall if us").texts
        for wrong in (
            "catch nonsense",
            "catch s",
            "catch 64",
            "catch 2 hart 9",
            "catch 2 if (",
            "last trap x",
        ):
            with pytest.raises(ReplugError):
                interpreter.execute(wrong)


def test_names() -> None:
    assert causes_of(["13", "15"]) == causes_of(["load_page_fault", "store-page"])
    assert full_names(["13", "24", "store-pa"]) == ["load_page_fault", "24", "store_page_fault"]
    assert causes_of([]) == GROUPS["faults"] and not causes_of([]).exceptions >> ECALL & 1
    assert causes_of(["supervisor_t"]) == Causes(0, 1 << 5)
    assert causes_of(["page_faults"]).exceptions == 1 << 12 | 1 << 13 | 1 << 15
    with pytest.raises(ReplugError, match="load_page_fault"):
        causes_of(["load"])
