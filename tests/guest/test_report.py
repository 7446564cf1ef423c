# SPDX-License-Identifier: GPL-2.0-or-later
"""The report of a guest that ends badly says what happened where."""

from collections.abc import Callable
from pathlib import Path

import pytest

from emulator import Machine, MachineOptions
from emulator.report import EXCEPTIONS, INTERRUPTS, cause_name, describe, place, report

Guest = Callable[[str], Path]


def described(image: Path, limit: int = 1_000_000, harts: int = 1) -> str:
    with Machine(image, MachineOptions(harts=harts)) as machine:
        outcome = machine.run(limit)
        assert outcome.status == 1
        return describe(machine, outcome)


def test_cause_names_are_the_manuals() -> None:
    assert cause_name(2) == "illegal instruction"
    assert cause_name(15) == "store or AMO page fault"
    assert cause_name(1 << 63 | 9) == "supervisor external interrupt"
    assert cause_name(10) == "exception 10 (reserved or custom)"
    assert cause_name(1 << 63 | 40) == "interrupt 40 (reserved or custom)"
    assert len(EXCEPTIONS) == 14 and len(INTERRUPTS) == 6


@pytest.mark.parametrize(
    ("instruction", "cause"),
    [
        ("ecall", "11: environment call from machine mode"),
        ("ebreak", "3: breakpoint"),
        (".word 0xffffffff", "2: illegal instruction"),
        ("lw zero, 0(zero)", "5: load access fault"),
        ("sw zero, 0(zero)", "7: store or AMO access fault"),
        ("la t0, handler + 2 ; lr.w t0, (t0)", "4: load address misaligned"),
        ("la t0, handler + 2 ; amoadd.w t0, t0, (t0)", "6: store or AMO address misaligned"),
    ],
)
def test_each_cause_by_name(guest: Guest, instruction: str, cause: str) -> None:
    """A handler that is itself the trapping instruction, so that the hart does nothing but trap."""
    single = ";" not in instruction
    text = described(
        guest(f"""
        la t1, handler
        csrw mtvec, t1
        {"" if single else instruction.partition(";")[0]}
        .balign 4
    handler:
        {instruction.rpartition(";")[2]}
        """)
    )
    assert f"cause      {cause}\n" in text


def test_supervisor_under_a_page_table(guest: Guest) -> None:
    """A wild supervisor: its own trap CSRs, page faults, and code that was mapped until a moment ago."""
    text = described(
        guest("""
        li t0, -1
        csrw pmpaddr0, t0
        li t0, 0x1f
        csrw pmpcfg0, t0
        li t0, -1
        csrw medeleg, t0
        la t0, there
        csrw mepc, t0
        li t0, 1 << 11
        csrw mstatus, t0
        mret
        .balign 4
    there:
        la t0, table
        srli t0, t0, 12
        li t1, 8 << 60
        or t0, t0, t1
        csrw satp, t0          # an empty table: nothing is mapped from here on
        sfence.vma
        nop
        .data
        .balign 4096
    table:
        .zero 4096
        """)
    )
    assert "cause      12: instruction page fault\n" in text
    assert "privilege  supervisor\n" in text
    assert "stval" in text and "sepc" in text and "stvec" in text
    # The page is gone for the hart, but the image still knows the code.
    assert "csrw satp, t0" in text


def test_only_the_last_instructions(guest: Guest) -> None:
    text = described(guest("1:\n" + " addi a0, a0, 1\n" * 100 + " j 1b\n"), limit=10_000)
    shown = [line for line in text.splitlines() if line.startswith("      8000")]
    assert len(shown) == 16
    assert shown[-1].endswith("c.j 0x80000000 <_start>")
    assert "\n      ...\n" in text


def test_repeated_blocks_are_shown_once(guest: Guest) -> None:
    text = described(guest(" li a0, 1000\n1: addi a0, a0, -1\n bnez a0, 1b\n2: wfi\n j 2b\n"))
    assert "all harts wait" in text and "wakes on: nothing" in text
    spinning = described(guest("1: j 1b\n"), limit=1000)
    assert "64 times:" in spinning
    assert spinning.count("c.j 0x80000000") == 1


def test_a_trap_ends_its_block(guest: Guest) -> None:
    """What comes behind the instruction that trapped did not run, and is not shown."""
    text = described(
        guest("""
        la t0, handler
        csrw mtvec, t0
    1:  addi a0, a0, 1
        ecall
        addi a1, a1, 1
        .balign 4
    handler:
        csrr t0, mepc
        addi t0, t0, -2
        jr t0
        """),
        limit=1000,
    )
    assert "ecall  <- trap" in text
    faulting = described(
        guest("""
        la t0, handler
        csrw mtvec, t0
        lw a0, 0(zero)
        addi a1, a1, 1
        .balign 4
    handler:
        j handler
        """),
        limit=5,
    )
    assert "lw a0, 0(zero)  <- trap" in faulting and "a1" not in faulting


def test_places(guest: Guest) -> None:
    image = guest(" nop\nhere: nop\n wfi\n")
    with Machine(image) as machine:
        assert place(machine, 0x8000_0002).startswith("0x80000002 here (")
        assert place(machine, 0x8000_0004).startswith("0x80000004 here+0x2 (")
        assert place(machine, 0x1234) == "0x1234"
        assert report(machine, machine.run(0)) != []
