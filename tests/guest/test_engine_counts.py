# SPDX-License-Identifier: GPL-2.0-or-later
"""Instructions retired, exactly: in traps, after faults in mid-block, across pages, with compressed code
and interrupts.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from emulator import Machine, MachineOptions

Guest = Callable[[str], Path]

POWER_OFF = """
    li t6, 0x100000
    li t5, 0x5555
    sw t5, 0(t6)
1:  j 1b
"""


def run(image: Path, **options: int) -> Machine:
    machine = Machine(image, MachineOptions(**options))  # type: ignore[arg-type]
    outcome = machine.run(5_000_000)
    assert outcome.reason == "exit", outcome
    return machine


def x(machine: Machine, register: int, hart: int = 0) -> int:
    return machine.engine.get_x(hart, register)


S0, S1, S2, S3, S4 = 8, 9, 18, 19, 20


def test_straight_line_and_loop(guest: Guest) -> None:
    machine = run(
        guest(f"""
        csrr s0, minstret
        li a0, 1000
    1:  addi a1, a1, 1
        addi a0, a0, -1
        bnez a0, 1b
        csrr s1, minstret
        {POWER_OFF}""")
    )
    assert x(machine, S1) - x(machine, S0) == 1 + 1 + 3 * 1000


def test_compressed_code_counts_like_any_other(guest: Guest) -> None:
    machine = run(
        guest(f"""
        csrr s0, minstret
        .rept 7
        c.addi a0, 1
        .endr
        .option push
        .option norvc
        addi a0, a0, 1
        .option pop
        csrr s1, minstret
        {POWER_OFF}""")
    )
    assert x(machine, S1) - x(machine, S0) == 1 + 8


@pytest.mark.parametrize(
    "instruction", ["ecall", "ebreak", "c.ebreak", ".word 0xffffffff", ".half 0", "csrr a5, 0x7c0"]
)
def test_what_traps_does_not_retire(guest: Guest, instruction: str) -> None:
    """The trap's own instruction is not counted; the handler's are."""
    machine = run(
        guest(f"""
        la t0, handler
        csrw mtvec, t0
        csrr s0, minstret
        nop
        nop
        {instruction}
        .balign 4
    resume:
        csrr s1, minstret
        {POWER_OFF}
        .balign 4
    handler:
        csrr s2, minstret
        la t1, resume
        csrw mepc, t1
        mret""")
    )
    assert x(machine, S2) - x(machine, S0) == 1 + 2
    la = 2  # auipc and addi
    assert x(machine, S1) - x(machine, S2) == 1 + la + 1 + 1


def test_fault_in_the_middle_of_a_block_gives_back_the_rest(guest: Guest) -> None:
    machine = run(
        guest(f"""
        la t0, handler
        csrw mtvec, t0
        csrr s0, minstret
        nop
        ld a0, 0(zero)
        nop
        nop
        nop
        csrr s1, minstret
        {POWER_OFF}
        .balign 4
    handler:
        csrr s2, minstret
        csrr s3, mtval
        csrr s4, mcause
        csrr t1, mepc
        addi t1, t1, 4
        csrw mepc, t1
        mret""").resolve()
    )
    assert x(machine, S2) - x(machine, S0) == 1 + 1
    assert x(machine, S1) - x(machine, S2) == 7 + 3
    assert (x(machine, S4), x(machine, S3)) == (5, 0)


def test_device_access_in_the_middle_of_a_block_retires_once(guest: Guest) -> None:
    machine = run(
        guest(f"""
        li t0, 0x10000000
        csrr s0, minstret
        nop
        lbu a0, 5(t0)
        nop
        sb zero, 7(t0)
        lbu a1, 7(t0)
        nop
        csrr s1, minstret
        {POWER_OFF}""")
    )
    assert x(machine, S1) - x(machine, S0) == 1 + 6
    assert x(machine, 10) & 0x60 == 0x60


def test_block_across_a_page_border(guest: Guest) -> None:
    machine = run(
        guest(f"""
        j start
        .balign 4096
        .skip 4096 - 10
    start:
        .option push
        .option norvc
        csrr s0, minstret
        nop
        nop
        nop
        csrr s1, minstret
        .option pop
        {POWER_OFF}""")
    )
    assert x(machine, S1) - x(machine, S0) == 1 + 3


def test_written_counter_goes_on_from_the_value(guest: Guest) -> None:
    """The increment of the writing instruction itself is lost (privileged manual, 3.1.10)."""
    machine = run(
        guest(f"""
        li a0, 1000
        csrw minstret, a0
        csrr s0, minstret
        nop
        csrr s1, minstret
        csrw mcycle, zero
        csrr s2, mcycle
        {POWER_OFF}""")
    )
    assert (x(machine, S0), x(machine, S1), x(machine, S2)) == (1000, 1002, 0)


def test_inhibited_counter_stands_still(guest: Guest) -> None:
    machine = run(
        guest(f"""
        csrwi mcountinhibit, 4
        csrr s0, minstret
        nop
        nop
        csrr s1, minstret
        csrr s2, mcycle
        nop
        csrr s3, mcycle
        csrwi mcountinhibit, 0
        csrr s4, minstret
        {POWER_OFF}""")
    )
    assert x(machine, S0) == x(machine, S1)
    assert x(machine, S3) - x(machine, S2) == 2
    assert x(machine, S4) == x(machine, S0)


def test_counters_read_by_the_guest_and_by_the_host_agree(guest: Guest) -> None:
    machine = run(
        guest("""
        csrr s0, minstret
        csrr s1, mcycle
        rdtime s2
        li t6, 0x100000
        li t5, 0x5555
        sw t5, 0(t6)""")
    )
    assert x(machine, S0) == 0
    assert x(machine, S1) == 1
    assert machine.instret(0) == 7  # three reads, li (lui), li (lui and addi), sw
    assert machine.engine.get_csr(0, 0xB02) == machine.instret(0)
    assert machine.engine.get_csr(0, 0xB00) == machine.instret(0)
    assert machine.engine.get_csr(0, 0xC01) == machine.engine.now // 100


def test_timer_interrupt_and_wfi(guest: Guest) -> None:
    machine = run(
        guest(f"""
        la t0, handler
        csrw mtvec, t0
        li t0, 0x2004000
        li t1, 50
        sd t1, 0(t0)
        li t1, 128
        csrw mie, t1
        csrsi mstatus, 8
        csrr s0, minstret
        wfi
        csrr s1, minstret
        {POWER_OFF}
        .balign 4
    handler:
        rdtime s2
        csrr s3, mcause
        li t0, 0x2004000
        li t1, -1
        sd t1, 0(t0)
        mret""")
    )
    assert x(machine, S3) == (1 << 63) | 7
    assert x(machine, S2) == 50
    handler = 2 + 1 + 1 + 1 + 1
    assert x(machine, S1) - x(machine, S0) == 2 + handler


def test_unmasking_takes_the_interrupt_at_once(guest: Guest) -> None:
    """A pending interrupt is taken right behind the instruction that enables it, not at the slice's end."""
    machine = run(
        guest(f"""
        la t0, handler
        csrw mtvec, t0
        li t1, 8
        csrw mie, t1
        li t0, 0x2000000
        li t1, 1
        sw t1, 0(t0)
        csrsi mstatus, 8
        addi s0, s0, 1
        addi s0, s0, 1
        {POWER_OFF}
        .balign 4
    handler:
        mv s1, s0
        csrr s2, mepc
        li t0, 0x2000000
        sw zero, 0(t0)
        mret"""),
        quantum=100_000,
    )
    assert (x(machine, S0), x(machine, S1)) == (2, 0)


def test_code_stored_by_the_hart_itself_runs_after_fence_i(guest: Guest) -> None:
    machine = run(
        guest(f"""
        la t0, patch
        li t1, 0x00100513       # li a0, 1
        li s0, 3
    1:  sw t1, 0(t0)
        fence.i
        jal patch
        add s1, s1, a0
        li t2, 1 << 20
        add t1, t1, t2          # the next constant
        addi s0, s0, -1
        bnez s0, 1b
        {POWER_OFF}
        .balign 4
    patch:
        .word 0
        ret""")
    )
    assert x(machine, S1) == 1 + 2 + 3


def test_counts_by_instruction(guest: Guest) -> None:
    image = guest(f"""
        li a0, 10
    loop:
        addi a0, a0, -1
        bnez a0, loop
        {POWER_OFF}""")
    machine = run(image)
    symbol = machine.image.symbol("loop")
    assert symbol is not None
    counts = machine.engine.counts(symbol.address & ~0xFFF)
    assert counts[symbol.address] == 10
    assert sum(counts.values()) == machine.instret(0)
