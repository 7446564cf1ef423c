# SPDX-License-Identifier: GPL-2.0-or-later
"""Changed code: fetched by every hart that has said so (fence.i), after DMA, and after going back."""

from collections.abc import Callable
from pathlib import Path

import pytest

from emulator import Machine, MachineOptions

Guest = Callable[[str], Path]
S0, S1, S2 = 8, 9, 18

LI_A0_1 = 0x0010_0513
PATCH = f"""
    .balign 4096
patch:
    .option norvc
    .word {LI_A0_1}
    ret
    .option rvc
    .data
    .balign 64
go: .dword 0
done: .dword 0
"""


def run_to_here(machine: Machine) -> None:
    here = machine.image.symbol("here")
    assert here is not None
    for _ in range(50):
        machine.engine.run(1)
        if machine.engine.get_pc(0) == here.address:
            return
    pytest.fail("it never gets there")


@pytest.mark.parametrize("writer", [0, 1, 2])
@pytest.mark.parametrize("fence", ["fence.i", "sfence.vma", "csrw satp, zero"])
def test_every_hart_fetches_what_one_has_stored(guest: Guest, fence: str, writer: int) -> None:
    """All harts have run, and translated, the old code; one stores, all fence, all run the new one."""
    image = guest(f"""
        csrr s3, mhartid
        la t0, go
        la t1, done
        jal patch
        mv s0, a0
        jal patch
        li t2, 1
        amoadd.d zero, t2, (t1)
        li t3, 3
    1:  ld t2, 0(t1)            # until all have been there
        bne t2, t3, 1b
        li t3, {writer}
        bne s3, t3, 2f
        la t4, patch
        li t5, {LI_A0_1 + (1 << 20)}
        sw t5, 0(t4)
        fence
        sd t3, 0(t0)
        li t2, 1
        sd t2, 0(t0)
    2:  ld t2, 0(t0)
        beqz t2, 2b
        {fence}
        jal patch
        mv s1, a0
        wfi
        {PATCH}""")
    with Machine(image, MachineOptions(harts=3, quantum=50)) as machine:
        assert machine.run(100_000).reason == "idle"
        assert [machine.engine.get_x(hart, S0) for hart in range(3)] == [1, 1, 1]
        assert [machine.engine.get_x(hart, S1) for hart in range(3)] == [2, 2, 2]


def test_a_fence_of_one_hart_is_enough_for_its_own_second_store(guest: Guest) -> None:
    """Stores are watched again after each fence."""
    image = guest(f"""
        la t0, patch
        li t1, {LI_A0_1}
        li t2, 1 << 20
        li s2, 10
    1:  add t1, t1, t2
        sw t1, 0(t0)
        fence.i
        jal patch
        add s0, s0, a0
        addi s2, s2, -1
        bnez s2, 1b
        wfi
        {PATCH}""")
    with Machine(image) as machine:
        assert machine.run(10_000).reason == "idle"
        assert machine.engine.get_x(0, S0) == sum(range(2, 12))


def test_a_store_that_changed_nothing_and_one_that_does(guest: Guest) -> None:
    """A fence that finds nothing to do, and the store behind it."""
    image = guest(f"""
        la t0, patch
        la t3, values
        li s2, 5
        jal patch
    1:  lw t1, 0(t3)
        addi t3, t3, 4
        sw t1, 0(t0)
        fence.i
        jal patch
        slli s0, s0, 4
        add s0, s0, a0
        addi s2, s2, -1
        bnez s2, 1b
        wfi
        {PATCH}
    values: .word {LI_A0_1}, {LI_A0_1}, {LI_A0_1}, {LI_A0_1 + (1 << 20)}, {LI_A0_1}""")
    with Machine(image) as machine:
        assert machine.run(10_000).reason == "idle"
        assert machine.engine.get_x(0, S0) == 0x11121


def test_what_a_device_or_debugger_has_stored(guest: Guest) -> None:
    image = guest(f"""
    1:  fence.i
        jal patch
        add s0, s0, a0
        addi s1, s1, 1
        j 1b
        {PATCH}""")
    with Machine(image) as machine:
        machine.run(50)
        turns = machine.engine.get_x(0, S1)
        patch = machine.image.symbol("patch")
        assert patch is not None and turns > 3
        machine.engine.ram_write(patch.address, (LI_A0_1 + (99 << 20)).to_bytes(4, "little"))
        while machine.engine.get_x(0, S1) < turns + 3:
            machine.run(1)
        assert machine.engine.get_x(0, S0) in {(turns + early) + (3 - early) * 100 for early in (0, 1)}


def test_going_back_brings_old_code_back(guest: Guest) -> None:
    image = guest(f"""
        la t0, patch
        li t1, {LI_A0_1 + (1 << 20)}
        jal patch
        j here                  # so that a run can stop there
    here:
        jal patch
        add s0, s0, a0
        sw t1, 0(t0)
        fence.i
        jal patch
        add s1, s1, a0
        wfi
        {PATCH}""")
    with Machine(image) as machine:
        run_to_here(machine)
        snapshot = machine.snapshot()
        for _ in range(3):
            assert machine.run(1000).reason == "idle"
            assert (machine.engine.get_x(0, S0), machine.engine.get_x(0, S1)) == (1, 2)
            machine.restore(snapshot)


def test_going_back_to_code_that_is_behind_memory(guest: Guest) -> None:
    """Stored, and not yet fenced: what is fetched is still the old code, there as well."""
    image = guest(f"""
        la t0, patch
        li t1, {LI_A0_1 + (1 << 20)}
        jal patch
        sw t1, 0(t0)
        j here                  # so that a run can stop there
    here:
        jal patch
        add s0, s0, a0
        fence.i
        jal patch
        add s1, s1, a0
        wfi
        {PATCH}""")
    with Machine(image) as machine:
        run_to_here(machine)
        snapshot = machine.snapshot()
        for _ in range(3):
            assert machine.run(1000).reason == "idle"
            assert (machine.engine.get_x(0, S0), machine.engine.get_x(0, S1)) == (1, 2)
            machine.restore(snapshot)


def test_a_page_that_was_not_code_yet(guest: Guest) -> None:
    """Stored to and run for the first time without a fence: the same when it is run again from a snapshot."""
    image = guest(f"""
        la t0, patch
        li t1, {LI_A0_1 + (1 << 20)}
        nop
        j here                  # so that a run can stop there
    here:
        sw t1, 0(t0)
        jal patch
        mv s0, a0
        wfi
        {PATCH}""")
    with Machine(image) as machine:
        run_to_here(machine)
        snapshot = machine.snapshot()
        machine.run(1000)
        first, end = machine.engine.get_x(0, S0), machine.state_hash()
        machine.restore(snapshot)
        machine.run(1000)
        assert (machine.engine.get_x(0, S0), machine.state_hash()) == (first, end)
