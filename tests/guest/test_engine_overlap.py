# SPDX-License-Identifier: GPL-2.0-or-later
"""Jumps into the middle of instructions that the engine executes itself: what is there is one too."""

from collections.abc import Callable
from pathlib import Path

import pytest

from emulator import Machine

Guest = Callable[[str], Path]

S0, S1, MSCRATCH = 8, 9, 0x340

# Both ways through the same bytes, in turns: s2 rounds from the beginning, s2 from the middle.
ROUNDS = """
    .option norvc
    li s2, 5
    li sp, 0x1230
    li gp, 0xff
loop:
    jal ra, both
    la t1, both + 2
    jalr ra, 0(t1)
    addi s2, s2, -1
    bnez s2, loop
    wfi
    .balign 64
both:
"""
# csrw mscratch, sp; its second half is c.addiw s0, -32.
HALF_IS_PLAIN = ".4byte 0x34011073; addi s1, s1, 1; ret"
# csrw mhpmcounter7, t1; c.addiw s0, -32. From the middle: csrc mscratch, gp.
HALF_IS_INTERCEPTED = ".4byte 0xb0731073; .2byte 0x3401; addi s1, s1, 1; ret"


@pytest.mark.parametrize("per_instruction", [False, True])
def test_the_second_half_is_plain(guest: Guest, per_instruction: bool) -> None:
    with Machine(guest(ROUNDS + HALF_IS_PLAIN), per_instruction=per_instruction) as machine:
        engine = machine.engine
        assert machine.run(1000).reason == "idle"
        assert engine.traps(0) == 0
        assert (engine.get_x(0, S0), engine.get_x(0, S1)) == ((-32 * 5) % 2**64, 10)
        assert engine.get_csr(0, MSCRATCH) == 0x1230
        both = machine.image.symbol("both")
        assert both is not None
        counts = engine.counts(0x8000_0000)
        assert [counts.get(both.address + offset, 0) for offset in (0, 2, 4)] == [5, 5, 10]
        assert sum(counts.values()) == machine.instret(0)


@pytest.mark.parametrize("per_instruction", [False, True])
def test_the_second_half_begins_another_one(guest: Guest, per_instruction: bool) -> None:
    with Machine(guest(ROUNDS + HALF_IS_INTERCEPTED), per_instruction=per_instruction) as machine:
        engine = machine.engine
        engine.set_csr(0, MSCRATCH, 0xFFFF)
        assert machine.run(1000).reason == "idle"
        assert engine.traps(0) == 0
        assert (engine.get_x(0, S0), engine.get_x(0, S1)) == ((-32 * 5) % 2**64, 10)
        assert engine.get_csr(0, MSCRATCH) == 0xFF00
        assert sum(engine.counts(0x8000_0000).values()) == machine.instret(0)
