# SPDX-License-Identifier: GPL-2.0-or-later
"""A part of a run as a timeline: what had begun before it is there, too."""

from collections.abc import Callable
from pathlib import Path

import pytest

from emulator import MachineOptions
from emulator.cycles.models import IDEAL
from emulator.cycles.recorder import Window
from emulator.cycles.scenario import run_image
from emulator.cycles.timeline import ASLEEP

# Hart 0 traps and returns, over and over; hart 1 sleeps from the start, hart 2 goes round.
PROGRAM = """
    li t0, 1
    beq a0, t0, 3f
    bgtu a0, t0, 4f
    la t0, 5f
    csrw mtvec, t0
    li s0, 20000
1:  ecall
    addi s0, s0, -1
    bnez s0, 1b
    li t0, 0x100000
    li t1, 0x5555
    sw t1, 0(t0)
2:  j 2b
3:  wfi
    j 3b
4:  j 4b
    .balign 4
5:  csrr t0, mepc
    addi t0, t0, 4
    csrw mepc, t0
    mret
"""


@pytest.mark.parametrize("limit", [100_000, 64])
@pytest.mark.parametrize("start", [0, 5_000, 60_000])
def test_a_hart_that_sleeps_all_the_time(guest: Callable[[str], Path], start: int, limit: int) -> None:
    options = MachineOptions(harts=3, quantum=100)
    run = run_image(guest(PROGRAM), options, [IDEAL], window=Window(start, 3_000, limit=limit))
    assert run.problems() == [] and run.timeline is not None
    timeline = run.timeline
    kinds = {
        hart: {piece.activity.kind for piece in timeline.pieces if piece.hart == hart} for hart in range(3)
    }
    assert kinds == {0: {"exception"}, 1: {ASLEEP}, 2: set()}
    (asleep,) = [piece for piece in timeline.pieces if piece.hart == 1]
    assert asleep.begin <= timeline.begin + 200 and asleep.end == timeline.end
    assert timeline.end - timeline.begin > 100 and timeline.begin >= start
