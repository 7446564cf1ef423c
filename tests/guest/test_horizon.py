# SPDX-License-Identifier: GPL-2.0-or-later
"""A run that stops wherever all harts sleep beyond a horizon is the same run."""

from collections.abc import Callable
from pathlib import Path

import pytest

from emulator.engine import StopReason
from emulator.machine import Machine
from emulator.options import MachineOptions

# Hart 0 sleeps half a millisecond five times, hart 1 for ever.
SLEEPER = """
    bnez a0, 4f
    li s1, 0x2004000
    li s2, 0x200bff8
    li s3, 5
    li t0, 0x80
    csrw mie, t0
1:  ld t0, 0(s2)
    li t1, 5000
    add t0, t0, t1
    sd t0, 0(s1)
2:  wfi
    csrr t0, mip
    andi t0, t0, 0x80
    beqz t0, 2b
    addi s3, s3, -1
    bnez s3, 1b
    li t0, 0x100000
    li t1, 0x5555
    sw t1, 0(t0)
3:  j 3b
4:  wfi
    j 4b
"""
HALF = 500_000  # ns


@pytest.fixture
def image(guest: Callable[[str], Path]) -> Path:
    return guest(SLEEPER)


def test_the_run_stays_the_same(image: Path) -> None:
    with Machine(image, MachineOptions(harts=2)) as machine:
        assert machine.run().reason == "exit"
        wanted = machine.state_hash(), machine.engine.now, machine.engine.rounds
    with Machine(image, MachineOptions(harts=2)) as machine:
        sleeps = []

        def between(reason: StopReason) -> bool:
            if reason is StopReason.SLEEP:
                wake = machine.engine.next_wake
                assert wake is not None and wake > machine.engine.now
                sleeps.append(wake - machine.engine.now)
                # Only every third time far enough: stopping twice at one place changes nothing either.
                machine.engine.set_horizon(wake if len(sleeps) % 3 == 0 else machine.engine.now + 1)
            return True

        machine.engine.set_horizon(0)
        assert machine.run(None, between).reason == "exit"
        assert len(sleeps) == 15 and all(HALF - 1000 < sleep <= HALF for sleep in sleeps)
        assert (machine.state_hash(), machine.engine.now, machine.engine.rounds) == wanted


def test_without_an_answer_the_run_comes_back(image: Path) -> None:
    with Machine(image, MachineOptions(harts=2)) as machine:
        machine.engine.set_horizon(HALF // 2)
        assert machine.run().reason == "limit"
        assert machine.engine.now < HALF // 2
        machine.engine.set_horizon(None)
        assert machine.run().reason == "exit"


def test_what_is_due_within_the_horizon_does_not_stop(image: Path) -> None:
    with Machine(image, MachineOptions(harts=2)) as machine:
        machine.engine.set_horizon(10 * HALF)
        assert machine.run().reason == "exit"
