# SPDX-License-Identifier: GPL-2.0-or-later
"""Slices end where the instructions and the state say, however code was translated, cut or watched before."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from border_rule import ends_stretch, same_page
from one_hart import A0, A1, CODE, LOOP, MACHINE, NOP, RAM, addi, csrr, one_hart, store

from emulator.engine import Access, Caches, Engine, EngineConfig, Pipeline, StopReason

sys.path.insert(0, str(Path(__file__).parent))
from fuzz_runner import Fuzzed
from fuzzing import PAGE, PAGES, Case, Piece, is_bare, make_case

C_NOP, C_RESERVED = 0x0001, 0x8000
STEPS = 400


def make(quantum: int, **config: int) -> Engine:
    options = {"ram_size": 1 << 20, "quantum": quantum} | config
    return Engine(EngineConfig(**options), lambda *_: None, lambda *_: False)


def jal(offset: int) -> int:
    bits = (offset >> 20 & 1) << 31 | (offset >> 1 & 0x3FF) << 21
    return bits | (offset >> 11 & 1) << 20 | (offset >> 12 & 0xFF) << 12 | 0x6F


# --- a stretch that is longer than anything Unicorn translates at once ----------------------------


def line(engine: Engine) -> None:
    """A page of short instructions, nine more in the next one, and back."""
    parcels = [C_NOP] * (PAGE // 2 + 9)
    engine.ram_write(RAM + PAGE, struct.pack(f"<{len(parcels)}H", *parcels))
    back = struct.pack("<I", jal(-2 * len(parcels)))
    engine.ram_write(RAM + PAGE + 2 * len(parcels), back)
    engine.set_pc(0, RAM + PAGE)


def breakpoints(engine: Engine) -> None:
    for number in range(1, 40):
        engine.add_breakpoint(number, RAM + PAGE + 100 * number)
    engine.scan(True)


def in_pieces(engine: Engine) -> None:
    for count in (1, 2, 30, 500, 511, 512, 513, 600):
        engine.run_instructions(count)
        engine.restore(engine.save())


DISTURBANCES: dict[str, Callable[[Engine], object]] = {
    "nothing": lambda _: None,
    "breakpoints": breakpoints,
    "a register is watched": lambda engine: engine.watch_register(1, 0, 8),
    "caches are modelled": lambda engine: engine.set_pipeline(Pipeline(), Caches()),
    "in pieces": in_pieces,
}


@pytest.mark.parametrize("disturbance", DISTURBANCES)
@pytest.mark.parametrize("boxing", [0, 1])
def test_a_long_line_ends_with_its_page(disturbance: str, boxing: int) -> None:
    engine = make(100, strict_nan_boxing=boxing)
    try:
        line(engine)
        engine.record_schedule()
        DISTURBANCES[disturbance](engine)
        while len(engine.schedule()) < 5:
            engine.run(1)
        assert list(engine.schedule())[:5] == [2048, 2058, 2058, 2058, 2058]
    finally:
        engine.close()


def test_the_end_of_a_run_waits_for_a_border_too() -> None:
    engine = make(100_000)
    line(engine)
    assert engine.run(1) is StopReason.LIMIT
    assert engine.total_instret == 2048
    engine.close()


# --- the rule, instruction by instruction ---------------------------------------------------------


class Walker:
    """A fuzzed machine that goes by single steps, and says after each whether a slice might end there."""

    def __init__(self, case: Case) -> None:
        self.machine = Fuzzed(case.config)
        self.machine.prepare(case)
        self.engine = self.machine.engine
        self.xlen = case.config.xlen

    def _fetched(self, pc: int) -> int | None:
        """The instruction at an address; None where nobody has fetched."""
        data = b""
        for address in (pc, pc + 2):
            page = self.engine.code_content(address & -PAGE)
            if page is None:
                break
            data += page[address % PAGE : address % PAGE + 2]
        return int.from_bytes(data, "little") if data else None

    def _accesses_device(self, hart: int, bits: int) -> bool | None:
        """Of one that has retired, before it: by its base register.  None: it is too near to tell."""
        opcode, quadrant, function = bits & 0x7F, bits & 3, bits >> 13 & 7
        if quadrant == 3:
            if opcode not in (0x03, 0x07, 0x23, 0x27, 0x2F):
                return False
            base = bits >> 15 & 31
        elif quadrant == 0 and function != 0:
            base = 8 + (bits >> 7 & 7)
        elif quadrant == 2 and function not in (0, 4):
            base = 2
        else:
            return False
        address = self.engine.get_x(hart, base)
        if min(abs(address - RAM), abs(address - RAM - PAGES * PAGE)) <= PAGE:
            return None
        return not RAM <= address < RAM + PAGES * PAGE

    def step(self) -> bool | None:
        """One step; is there a border behind it?  None: hard to say."""
        engine, hart = self.engine, self.engine.next_hart
        pc, retired, traps = engine.get_pc(hart), engine.instret(hart), engine.traps(hart)
        known = self._fetched(pc)
        device = None if known is None else self._accesses_device(hart, known)
        assert engine.run_steps(1) is StopReason.LIMIT
        if engine.traps(hart) != traps:
            return True
        if engine.instret(hart) != retired + 1 or engine.is_waiting(hart):
            return None  # another hart's turn
        if known is None:
            return None
        if ends_stretch(known, self.xlen) or not same_page(pc, known):
            return True
        return device


@pytest.mark.parametrize("group", range(3))
def test_borders_are_where_the_rule_says(group: int) -> None:
    borders = inside = 0
    for seed in range(group * 750, group * 750 + 750, 15):
        case = replace(make_case(seed), pieces=[Piece(STEPS, "nothing", 0)])
        if case.config.per_instruction or not is_bare(case):
            continue
        walker = Walker(case)
        try:
            whole = Fuzzed(case.config)
            try:
                whole.run(case)
                if set(whole.reasons) != {"LIMIT"}:
                    continue
            finally:
                whole.close()
            for step in range(STEPS):
                wanted = walker.step()
                if wanted is None:
                    continue
                assert walker.engine.in_block is not wanted, (seed, step)
                borders += wanted
                inside += not wanted
        finally:
            walker.machine.close()
    assert borders > 500 and inside > 500


# --- single cases ---------------------------------------------------------------------------------


def test_floating_point_that_was_off_makes_no_border() -> None:
    """One hart has it Off, and traps; what was intercepted for that runs on for the other one."""
    fadd = 0x02B5_7553  # fadd.d fa0, fa0, fa1
    engine = make(3, harts=2)
    engine.ram_write(RAM + PAGE, struct.pack("<8I", *[NOP] * 3, fadd, *[NOP] * 3, jal(-28)))
    engine.ram_write(RAM, struct.pack("<I", LOOP))
    engine.set_csr(1, 0x300, 3 << 13)
    for hart in range(2):
        engine.set_csr(hart, 0x305, RAM)
        engine.set_pc(hart, RAM + PAGE)
    engine.record_schedule()
    engine.run_instructions(40)
    assert engine.traps(0) == 1
    assert [length & 0x7FFF_FFFF for length in engine.schedule()][:4] == [3, 8, 3, 8]
    engine.close()


@pytest.mark.parametrize("at", [CODE + 0x100, CODE + PAGE - 2])
def test_an_instruction_inside_another_one(at: int) -> None:
    """lui a0, 0x25731, whose second half is the first one of csrr a0, sstatus, which the engine executes."""
    with one_hart(per_instruction=0) as hart:
        hart.write(at, [0x1537, 0x2573, 0x1000, 0xA001], "H")  # c.addi4spn s0, sp, 32; j .
        for _ in range(3):
            hart.go(MACHINE, at + 2, 1)
            assert hart.x(A0) == hart[0x100]
            hart.go(MACHINE, at, 2)
            assert hart.x(A0) == 0x2573_1000


@pytest.mark.parametrize("at", [RAM + PAGE, RAM + 2 * PAGE - 2])
def test_the_same_for_another_hart(at: int) -> None:
    """One hart has the block translated when the other one comes to the inner instruction."""
    engine = make(10, harts=2)
    outer, inner = at, at + 2
    engine.ram_write(outer, struct.pack("<4H", 0x1537, 0x2573, 0x1000, 0xA001))
    for _ in range(3):
        for hart, start in ((0, outer), (1, inner)):
            engine.set_pc(hart, start)
            engine.set_x(hart, A0, 0)
        engine.run_instructions(40)
        assert engine.get_x(0, A0) == 0x2573_1000
        assert engine.get_x(1, A0) == engine.get_csr(1, 0x100)
    engine.close()


LI_A0, TAIL = 0x0513, RAM + 2 * PAGE - 2  # addi a0, zero, ...; the last parcel of a page


def over_the_border(first: int) -> Engine:
    """`first`, then an instruction that goes over into a page that nobody has fetched from."""
    engine = make(1000)
    engine.ram_write(TAIL - 4, struct.pack("<IHH", first, LI_A0, 7 << 4))
    engine.ram_write(TAIL + 4, struct.pack("<I", LOOP))
    engine.set_csr(0, 0x305, RAM)
    engine.ram_write(RAM, struct.pack("<I", LOOP))
    engine.set_pc(0, TAIL - 4)
    engine.set_x(0, A0, TAIL + 2)
    engine.set_x(0, A1, 5 << 4)
    return engine


@pytest.mark.parametrize("cut", [False, True])
def test_a_page_is_read_when_the_hart_comes_to_it(cut: bool) -> None:
    """A store changes the second half of the instruction behind it, where nobody has fetched from."""
    engine = over_the_border(store(A1, A0, 0, 2))
    if cut:
        engine.run_instructions(1)
        assert engine.code_content(RAM + 2 * PAGE) is None
        engine.restore(engine.save())
    engine.run(10)
    assert engine.get_x(0, A0) == 5
    engine.close()


def test_stopped_in_front_of_an_instruction_that_goes_over() -> None:
    """It is sret: nothing but the engine may execute it, whoever has read half of it before."""
    engine = over_the_border(NOP)
    engine.ram_write(TAIL, struct.pack("<I", 0x1020_0073))
    engine.set_csr(0, 0x141, RAM)
    engine.run_instructions(1)
    assert (engine.get_pc(0), engine.in_block) == (TAIL, True)
    engine.run_instructions(1)
    assert (engine.get_pc(0), engine.instret(0), engine.get_privilege(0)) == (RAM, 2, 0)
    engine.close()


def test_a_page_that_the_hart_never_comes_to_is_no_code() -> None:
    engine = over_the_border(0x0000_3583)  # ld a1, 0(zero): faults
    engine.run(10)
    assert engine.traps(0) == 1
    assert engine.code_content(RAM + 2 * PAGE) is None
    engine.close()


def test_a_slice_that_is_due_ends_in_front_of_a_fetch_that_fails() -> None:
    engine = make(2, harts=2)
    engine.ram_write(RAM + PAGE, struct.pack("<2I", NOP, 0x0000_0067))  # jalr zero, 0(zero)
    engine.ram_write(RAM, struct.pack("<2I", NOP, LOOP))
    for hart in range(2):
        engine.set_csr(hart, 0x305, RAM)
        engine.set_pc(hart, RAM + PAGE)
    engine.record_schedule()
    engine.run_instructions(3)
    assert [(engine.get_pc(hart), engine.instret(hart), engine.traps(hart)) for hart in range(2)] == [
        (0, 2, 0),
        (RAM + PAGE + 4, 1, 0),
    ]
    engine.run(100)
    assert set(list(engine.schedule())[:4]) == {2}
    assert [engine.traps(hart) for hart in range(2)] == [1, 1]
    engine.close()


def test_by_instruction_one_that_is_refused_counts_for_nothing() -> None:
    with one_hart() as hart:
        hart.write(CODE, [C_NOP, C_RESERVED, C_NOP], "H")
        hart.engine.set_pc(0, CODE)
        seen = []
        for _ in range(3):
            hart.engine.run_instructions(1)
            seen.append((hart.engine.get_pc(0), hart.engine.instret(0), hart.engine.traps(0)))
        assert seen[0] == (CODE + 2, 1, 0)
        assert seen[1:] == [(RAM, 2, 1), (RAM, 3, 1)]


def test_an_event_that_falls_into_a_round_is_due_at_its_end() -> None:
    engine = make(100, harts=2)
    engine.ram_write(RAM, struct.pack("<2I", addi(A0, A0, 1), jal(-4)))
    for hart in range(2):
        engine.set_pc(hart, RAM)
    engine.run_instructions(250)
    engine.set_next_event(100)  # when this round began
    assert engine.run_instructions(1000) is StopReason.EVENT
    assert (engine.total_instret, engine.now) == (400, 200)
    engine.close()


def test_a_watched_store_is_no_border() -> None:
    engine = make(3)
    engine.ram_write(RAM, struct.pack("<6I", store(A1, A0), NOP, NOP, store(A1, A0), NOP, jal(-20)))
    engine.set_pc(0, RAM)
    engine.set_x(0, A0, RAM + 0x8000)
    engine.add_watchpoint(1, RAM + 0x8000, 8, Access.WRITE, physical=True)
    number = engine.watch(RAM + 0x8000, 8, loads=False)
    engine.record_schedule()
    while len(engine.schedule()) < 3:
        engine.run(1)
    engine.unwatch(number)
    assert list(engine.schedule())[:3] == [6, 6, 6]
    engine.close()


def test_csrs_of_floating_point_are_a_border() -> None:
    engine = make(1)
    engine.ram_write(RAM, struct.pack("<4I", csrr(A1, 3), NOP, NOP, jal(-12)))
    engine.set_csr(0, 0x300, 3 << 13)
    engine.set_pc(0, RAM)
    engine.record_schedule()
    engine.run(8)
    assert list(engine.schedule())[:3] == [1, 3, 1]
    engine.close()
