# SPDX-License-Identifier: GPL-2.0-or-later
"""What a trap leaves in xepc, xcause and xtval, delegated or not; when interrupts are taken."""

from collections.abc import Callable
from pathlib import Path

import pytest

from emulator import Machine, MachineOptions

Guest = Callable[[str], Path]
S0, S1, S2, S3, S4, S5 = 8, 9, 18, 19, 20, 21

SETUP = """
    .option norvc
    la t6, machine_handler
    csrw mtvec, t6
    la t6, supervisor_handler
    csrw stvec, t6
    li t6, -1
    csrw pmpaddr0, t6
    li t6, 0x1f
    csrw pmpcfg0, t6
"""
TO_SUPERVISOR = """
    li t6, 0x1800
    csrc mstatus, t6
    li t6, 0x800
    csrs mstatus, t6
    la t6, 1f
    csrw mepc, t6
    mret
1:
"""
HANDLERS = """
    .balign 4
machine_handler:
    csrr s1, mepc
    csrr s2, mcause
    csrr s3, mtval
    csrr s4, mstatus
    li s5, 3
1:  j 1b
    .balign 4
supervisor_handler:
    csrr s1, sepc
    csrr s2, scause
    csrr s3, stval
    csrr s4, sstatus
    li s5, 1
1:  j 1b
"""
NOWHERE = 0x1800_0000  # what t0 holds
PC = -1
# Instruction that traps, its cause (ecall: of M-mode), and xtval.
TRAPS = {
    "ecall": (11, 0),
    "ebreak": (3, PC),
    "c.ebreak": (3, PC),
    ".word 0xffffffff": (2, 0xFFFF_FFFF),
    ".half 0": (2, 0),
    "csrr a0, 0x7c0": (2, 0x7C00_2573),
    "csrw cycle, a0": (2, 0xC005_1073),
    "ld a0, 8(t0)": (5, NOWHERE + 8),
    "sd a0, -8(t0)": (7, NOWHERE - 8),
    "amoadd.d a0, a0, (t0)": (7, NOWHERE),
    "amoadd.d a0, a0, (t1)": (6, 0x8000_0801),
    "lr.d a0, (t1)": (4, 0x8000_0801),
    "sc.d a0, a0, (t1)": (6, 0x8000_0801),
    "jr t0": (1, NOWHERE),
}


@pytest.mark.parametrize("delegated", [False, True])
@pytest.mark.parametrize("instruction", TRAPS)
def test_what_a_trap_tells(guest: Guest, instruction: str, delegated: bool) -> None:
    cause, value = TRAPS[instruction]
    text = f"""
        {SETUP}
        li t0, {0xB3FF if delegated else 0}
        csrw medeleg, t0
        li t0, {NOWHERE}
        li t1, 0x80000801
        {TO_SUPERVISOR if delegated else ""}
        li s0, 0
        nop
        .option rvc
    here:
        {instruction}
        .option norvc
        nop
        nop
        {HANDLERS}"""
    with Machine(guest(text)) as machine:
        machine.run(100)
        engine = machine.engine
        here = machine.image.symbol("here")
        assert here is not None
        pc = NOWHERE if instruction == "jr t0" else here.address
        if instruction == "ecall" and delegated:
            cause = 9
        expected = [pc, cause, pc if value == PC else value]
        assert [engine.get_x(0, register) for register in (S1, S2, S3)] == expected
        assert engine.get_x(0, S5) == (1 if delegated else 3)
        status = engine.get_x(0, S4)
        assert (status >> 8 & 1, status >> 1 & 1) == (1, 0) if delegated else status >> 11 & 3 == 3


@pytest.mark.parametrize(
    "unmask",
    [
        "csrsi mstatus, 8", "csrw mie, s10", "csrs mie, s10", "csrw mip, s10", "csrs mip, s10", "mret",
    ],
)  # fmt: skip
def test_machine_interrupt_right_behind_what_unmasks_it(guest: Guest, unmask: str) -> None:
    """SSIP, not delegated: pending, enabled in mie and allowed by mstatus, but for one of the three."""
    text = f"""
        {SETUP}
        la t6, next
        csrw mepc, t6
        li s10, 2
        {"" if " mie" in unmask else "csrw mie, s10"}
        {"" if " mip" in unmask else "csrw mip, s10"}
        {"" if "mstatus" in unmask or unmask == "mret" else "csrsi mstatus, 8"}
        li t6, 0x1880           # MPP = M, MPIE
        csrs mstatus, t6
        {unmask}
    next:
        addi s0, s0, 1
        addi s0, s0, 1
    1:  j 1b
        {HANDLERS}"""
    with Machine(guest(text), MachineOptions(quantum=100_000)) as machine:
        machine.run(100)
        following = machine.image.symbol("next")
        assert following is not None
        seen = [machine.engine.get_x(0, register) for register in (S0, S1, S2, S3, S5)]
        assert seen == [0, following.address, 1 << 63 | 1, 0, 3]


@pytest.mark.parametrize("unmask", ["csrsi sstatus, 2", "csrs sie, s10", "csrs sip, s10", "sret"])
def test_supervisor_interrupt_right_behind_what_unmasks_it(guest: Guest, unmask: str) -> None:
    text = f"""
        {SETUP}
        li s10, 2
        csrw mideleg, s10
        la t6, next
        csrw sepc, t6
        {"" if " sie" in unmask else "csrw mie, s10"}
        {"" if " sip" in unmask else "csrw mip, s10"}
        {"csrsi mstatus, 2" if unmask in ("csrs sie, s10", "csrs sip, s10") else ""}
        li t6, 0x120            # SPP = S, SPIE
        csrs mstatus, t6
        {TO_SUPERVISOR}
        {unmask}
    next:
        addi s0, s0, 1
        addi s0, s0, 1
    1:  j 1b
        {HANDLERS}"""
    with Machine(guest(text), MachineOptions(quantum=100_000)) as machine:
        machine.run(100)
        following = machine.image.symbol("next")
        assert following is not None
        seen = [machine.engine.get_x(0, register) for register in (S0, S1, S2, S3, S5)]
        assert seen == [0, following.address, 1 << 63 | 1, 0, 1]
