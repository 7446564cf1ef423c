# SPDX-License-Identifier: GPL-2.0-or-later
"""Counts by address, where faults, traps and device accesses cut blocks short."""

from collections.abc import Callable
from pathlib import Path

from emulator import Machine

Guest = Callable[[str], Path]

RAM = 0x8000_0000

# Ten times: two device accesses, a fault and an ecall in the middle of blocks.
CUTS = """
    .option norvc
    la t0, handler
    csrw mtvec, t0
    li t0, 0x10000000
    li s2, 10
loop:
    addi s0, s0, 1
    lbu a0, 5(t0)
    addi s0, s0, 1
    sb zero, 7(t0)
    addi s0, s0, 1
fault:
    ld a0, 0(zero)
    addi s0, s0, 1
    ecall
    addi s2, s2, -1
    bnez s2, loop
    wfi
    .balign 4
handler:
    csrr t1, mepc
    addi t1, t1, 4
    csrw mepc, t1
    mret
"""


def run(guest: Guest, *, per_instruction: bool) -> tuple[int, dict[int, int], int]:
    """Instructions retired, executions by address, and the address of `loop`."""
    with Machine(guest(CUTS), per_instruction=per_instruction) as machine:
        assert machine.run(10_000).reason == "idle"
        loop = machine.image.symbol("loop")
        assert loop is not None
        return machine.instret(0), machine.engine.counts(RAM), loop.address


def test_counts_add_up_around_faults_and_devices(guest: Guest) -> None:
    retired, counts, loop = run(guest, per_instruction=False)
    assert [counts.get(loop + 4 * i, 0) for i in range(10)] == [10] * 5 + [0, 10, 0, 10, 10]
    assert sum(counts.values()) == retired


def test_by_instruction_what_traps_does_not_count(guest: Guest) -> None:
    assert run(guest, per_instruction=True) == run(guest, per_instruction=False)
