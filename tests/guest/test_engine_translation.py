# SPDX-License-Identifier: GPL-2.0-or-later
"""Address translation: what a hart remembers of page tables is forgotten when, and only when, it has to be.

The guests stay in M-mode and load and store as S-mode does (mstatus.MPRV), so that only data is translated.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from fuzz_tables import LEAF, A, D, R, TableBuilder, U, V, X

from emulator import Machine, MachineOptions

Guest = Callable[[str], Path]

RAM = 0x8000_0000
TABLES, OTHER_TABLES = 0x100, 0x110  # pages of RAM
PAGE_A, PAGE_B = RAM + 0x20_0000, RAM + 0x20_1000
VIRTUAL = 0x4000_0000
S0, S1, S2, S3, S4 = 8, 9, 18, 19, 20

MPRV_AS_SUPERVISOR = """
    li t6, 0x20800          # MPRV, MPP = S
    csrs mstatus, t6
"""
OPEN_PMP = """
    li t6, -1
    csrw pmpaddr0, t6
    li t6, 0x1f
    csrw pmpcfg0, t6
"""
HANDLER = """
    .balign 4
handler:                    # counts traps in s11, steps over what trapped
    addi s11, s11, 1
    csrr s10, mcause
    csrr t6, mepc
    addi t6, t6, 4
    csrw mepc, t6
    li t6, 0x1800           # back to M-mode; MPRV stays
    csrs mstatus, t6
    mret
"""
S10, S11 = 26, 27
START = f"""
    .option norvc
    la t6, handler
    csrw mtvec, t6
    {OPEN_PMP}
    li a0, {VIRTUAL}
"""
END = """
    ebreak
1:  j 1b
"""


def satp(first: int, asid: int) -> int:
    return 8 << 60 | asid << 44 | (RAM >> 12) + first


def tables(machine: Machine, first: int, leaves: dict[int, tuple[int, int]]) -> None:
    """Sv39 tables from page `first` of RAM on: virtual address -> physical address and flags."""
    build = TableBuilder(3, 64, RAM, first)
    for virtual, (physical, flags) in leaves.items():
        build.map(virtual, physical, 0, flags)
    for address, data in build.writes():
        machine.engine.ram_write(address, data)


def machine_of(guest: Guest, text: str, quantum: int = 1000) -> Machine:
    machine = Machine(guest(START + text + END + HANDLER), MachineOptions(quantum=quantum))
    machine.engine.ram_write(PAGE_A, (0xA).to_bytes(8, "little"))
    machine.engine.ram_write(PAGE_B, (0xB).to_bytes(8, "little"))
    return machine


def x(machine: Machine, register: int) -> int:
    return machine.engine.get_x(0, register)


def entry_of(first: int) -> int:
    """Address of the page-table entry for VIRTUAL: the last table is the third."""
    return RAM + 0x1000 * (first + 2)


def test_another_address_space_needs_no_fence(guest: Guest) -> None:
    """Two ASIDs: a write of satp is enough to see the other one's pages."""
    machine = machine_of(guest, f"""
        li t0, {satp(TABLES, 1)}
        li t1, {satp(OTHER_TABLES, 2)}
        csrw satp, t0
        {MPRV_AS_SUPERVISOR}
        ld s0, 0(a0)
        csrw satp, t1
        ld s1, 0(a0)
        csrw satp, t0
        ld s2, 0(a0)""")  # fmt: skip
    tables(machine, TABLES, {VIRTUAL: (PAGE_A, LEAF)})
    tables(machine, OTHER_TABLES, {VIRTUAL: (PAGE_B, LEAF)})
    machine.run(200)
    assert [x(machine, register) for register in (S0, S1, S2)] == [0xA, 0xB, 0xA]


@pytest.mark.parametrize("fence", ["sfence.vma", "sfence.vma a0, zero", "sfence.vma zero, t1"])
def test_a_changed_entry_is_seen_after_the_fence(guest: Guest, fence: str) -> None:
    machine = machine_of(guest, f"""
        li t0, {satp(TABLES, 1)}
        li t2, {entry_of(TABLES)}
        li t3, {PAGE_B >> 12 << 10 | LEAF}
        li t4, 0x20000
        li t1, 1
        csrw satp, t0
        {MPRV_AS_SUPERVISOR}
        ld s0, 0(a0)
        csrc mstatus, t4
        sd t3, 0(t2)
        csrs mstatus, t4
        csrr t5, mstatus
        {fence}
        ld s1, 0(a0)""")  # fmt: skip
    tables(machine, TABLES, {VIRTUAL: (PAGE_A, LEAF)})
    machine.run(200)
    assert [x(machine, register) for register in (S0, S1)] == [0xA, 0xB]


def test_the_table_changes_itself(guest: Guest) -> None:
    """Through a page that maps it: no switch of MPRV comes to the help of the fence."""
    machine = machine_of(guest, f"""
        li t0, {satp(TABLES, 1)}
        li a1, {VIRTUAL + 0x1000}
        li t3, {PAGE_B >> 12 << 10 | LEAF}
        csrw satp, t0
        {MPRV_AS_SUPERVISOR}
        ld s0, 0(a0)
        sd t3, 0(a1)
        sfence.vma
        ld s1, 0(a0)""")  # fmt: skip
    tables(machine, TABLES, {VIRTUAL: (PAGE_A, LEAF), VIRTUAL + 0x1000: (entry_of(TABLES), LEAF)})
    machine.run(200)
    assert [x(machine, register) for register in (S0, S1)] == [0xA, 0xB]


@pytest.mark.parametrize("fault_before", [True, False])
def test_the_address_of_a_misaligned_atomic_is_its_own(guest: Guest, fault_before: bool) -> None:
    """Also where a page is behind it that faulted before: no page is asked for."""
    machine = machine_of(guest, f"""
        li t0, {satp(TABLES, 1)}
        li a1, {VIRTUAL + 0xFFC}
        li a2, {VIRTUAL + (0x1000 if fault_before else 0)}
        csrw satp, t0
        {MPRV_AS_SUPERVISOR}
        ld s0, 0(a2)
        csrw mtval, zero
        {MPRV_AS_SUPERVISOR}
        amoadd.d s1, s0, (a1)
        csrr s2, mtval
        mv s3, s10
        mv s4, s11""")  # fmt: skip
    tables(machine, TABLES, {VIRTUAL: (PAGE_A, LEAF)})
    machine.run(200)
    assert [x(machine, register) for register in (S2, S3, S4)] == [VIRTUAL + 0xFFC, 6, 1 + fault_before]


def test_user_pages_close_when_sum_is_cleared(guest: Guest) -> None:
    machine = machine_of(guest, f"""
        li t0, {satp(TABLES, 1)}
        li t1, 0x40000
        csrw satp, t0
        {MPRV_AS_SUPERVISOR}
        csrs mstatus, t1
        ld s0, 0(a0)
        csrc mstatus, t1
        ld s1, 0(a0)""")  # fmt: skip
    tables(machine, TABLES, {VIRTUAL: (PAGE_A, LEAF | U)})
    machine.run(200)
    assert x(machine, S0) == 0xA
    assert (x(machine, S1), x(machine, S11), x(machine, S10)) == (0, 1 + 1, 3)  # the fault, then ebreak


def test_user_pages_close_for_supervisor_mode_itself(guest: Guest) -> None:
    """Code in S-mode, in a gigapage of its own; no MPRV."""
    machine = machine_of(guest, f"""
        li t0, {satp(TABLES, 1)}
        li t1, 0x40000
        csrw satp, t0
        li t6, 0x800
        csrs mstatus, t6
        la t6, 1f
        csrw mepc, t6
        mret
    1:  csrs sstatus, t1
        ld s0, 0(a0)
        csrc sstatus, t1
        ld s1, 0(a0)""")  # fmt: skip
    build = TableBuilder(3, 64, RAM, TABLES)
    build.map(VIRTUAL, PAGE_A, 0, LEAF | U)
    build.map(RAM, RAM, 2, LEAF)
    for address, data in build.writes():
        machine.engine.ram_write(address, data)
    machine.run(200)
    assert (x(machine, S0), x(machine, S1), x(machine, S11)) == (0xA, 0, 2)


def test_executable_pages_close_when_mxr_is_cleared(guest: Guest) -> None:
    machine = machine_of(guest, f"""
        li t0, {satp(TABLES, 1)}
        li t1, 0x80000
        csrw satp, t0
        {MPRV_AS_SUPERVISOR}
        csrs mstatus, t1
        ld s0, 0(a0)
        csrc mstatus, t1
        ld s1, 0(a0)""")  # fmt: skip
    tables(machine, TABLES, {VIRTUAL: (PAGE_A, V | X | A | D)})
    machine.run(200)
    assert (x(machine, S0), x(machine, S1), x(machine, S11)) == (0xA, 0, 2)


def test_protection_closes_at_once(guest: Guest) -> None:
    """The manual asks for a fence behind a write of PMP; here there is no need for it."""
    machine = machine_of(guest, f"""
        li t0, {satp(TABLES, 1)}
        csrw satp, t0
        {MPRV_AS_SUPERVISOR}
        ld s0, 0(a0)
        csrw pmpcfg0, zero
        ld s1, 0(a0)""")  # fmt: skip
    tables(machine, TABLES, {VIRTUAL: (PAGE_A, LEAF)})
    machine.run(200)
    assert (x(machine, S0), x(machine, S1), x(machine, S11)) == (0xA, 0, 2)


def test_the_first_store_sets_the_dirty_bit(guest: Guest) -> None:
    """Also where a load has been there before (A then, D now), and stores through another address."""
    machine = machine_of(guest, f"""
        li t0, {satp(TABLES, 1)}
        li a1, {VIRTUAL + 0x1000}
        li a2, {VIRTUAL + 0x2000}
        csrw satp, t0
        {MPRV_AS_SUPERVISOR}
        sd zero, 16(a2)
        ld s0, 0(a1)
        ld s1, 0(a0)
        ld s2, 0(a1)
        sd zero, 8(a0)
        ld s3, 0(a1)""")  # fmt: skip
    entry = PAGE_A >> 12 << 10 | LEAF & ~(A | D)
    places = {VIRTUAL + 0x1000: (entry_of(TABLES), LEAF), VIRTUAL + 0x2000: (PAGE_A, LEAF)}
    tables(machine, TABLES, {VIRTUAL: (PAGE_A, LEAF & ~(A | D))} | places)
    machine.run(200)
    assert [x(machine, register) for register in (S0, S2, S3)] == [entry, entry | A, entry | A | D]


@pytest.mark.parametrize("instruction", ["ld s0, 0(a0)", "sd zero, 0(a0)"])
def test_bits_set_by_the_walk_go_back_with_a_snapshot(guest: Guest, instruction: str) -> None:
    machine = machine_of(guest, f"""
        li t0, {satp(TABLES, 1)}
        csrw satp, t0
        {MPRV_AS_SUPERVISOR}
    here:
        {instruction}""")  # fmt: skip
    tables(machine, TABLES, {VIRTUAL: (PAGE_A, LEAF & ~(A | D))})
    here = machine.image.symbol("here")
    assert here is not None
    while machine.engine.get_pc(0) != here.address:
        machine.engine.run(1)
    snapshot, before = machine.snapshot(), machine.state_hash()
    machine.run(3)
    assert machine.state_hash() != before
    machine.restore(snapshot)
    assert machine.state_hash() == before


def test_a_store_behind_a_snapshot_goes_back(guest: Guest) -> None:
    """Stores to the page were let through before: the snapshot has to stop that."""
    machine = machine_of(guest, f"""
        li a0, {PAGE_A}
    1:  addi s0, s0, 1
        sd s0, 0(a0)
        j 1b""")  # fmt: skip
    machine.run(100)
    snapshot, before = machine.snapshot(), machine.state_hash()
    machine.run(30)
    machine.restore(snapshot)
    assert machine.state_hash() == before


def test_readable_pages_only(guest: Guest) -> None:
    """A page that may be read is not written to, whatever else was written to through another address."""
    machine = machine_of(guest, f"""
        li t0, {satp(TABLES, 1)}
        li a1, {VIRTUAL + 0x1000}
        csrw satp, t0
        {MPRV_AS_SUPERVISOR}
        sd t0, 8(a1)
        ld s0, 0(a0)
        sd zero, 0(a0)""")  # fmt: skip
    tables(machine, TABLES, {VIRTUAL: (PAGE_A, V | R | A | D), VIRTUAL + 0x1000: (PAGE_A, LEAF)})
    machine.run(200)
    assert (x(machine, S0), x(machine, S11)) == (0xA, 2)
    assert machine.read_physical(PAGE_A, 1) == b"\x0a"
