# SPDX-License-Identifier: GPL-2.0-or-later
"""SC succeeds only where nothing came between it and its LR (ISA manual, "Zalrsc")."""

from collections.abc import Callable
from pathlib import Path

import pytest

from emulator import Machine, MachineOptions

Guest = Callable[[str], Path]
S0, S1 = 8, 9

START = """
    la t6, handler
    csrw mtvec, t6
    la a0, cell
    la a1, other
"""
END = """
1:  j 1b
    .balign 4
handler:
    csrr t6, mepc
    addi t6, t6, 4
    csrw mepc, t6
    mret
    .data
    .balign 64
cell: .dword 5
    .balign 64
other: .dword 5
"""


def result(guest: Guest, between: str, store: str = "sc.d s0, t1, (a0)") -> int:
    """What SC writes to s0: 0 when it has stored."""
    text = f"{START}\n lr.d t0, (a0)\n li t1, 6\n .option norvc\n {between}\n {store}\n {END}"
    with Machine(guest(text)) as machine:
        machine.run(60)
        symbol = machine.image.symbol("cell")
        assert symbol is not None
        failed = machine.engine.get_x(0, S0)
        assert machine.read_physical(symbol.address, 1)[0] == (5 if failed else 6)
        return failed


def test_nothing_in_between(guest: Guest) -> None:
    assert result(guest, "addi t2, t2, 1") == 0


@pytest.mark.parametrize(
    "between",
    [
        "ecall", "ebreak", "ld t2, 0(zero)",
        "la t6, 2f; csrw mepc, t6; li t6, 0x1800; csrs mstatus, t6; mret; 2:",
        "sc.d t2, t1, (a1)", "lr.d t2, (a1)", "lr.w t2, (a0)",
    ],
)  # fmt: skip
def test_what_loses_a_reservation(guest: Guest, between: str) -> None:
    assert result(guest, between) == 1


def test_a_second_sc_fails(guest: Guest) -> None:
    text = f"{START}\n lr.d t0, (a0)\n sc.d s0, t0, (a0)\n sc.d s1, t0, (a0)\n {END}"
    with Machine(guest(text)) as machine:
        machine.run(60)
        assert (machine.engine.get_x(0, S0), machine.engine.get_x(0, S1)) == (0, 1)


def test_another_address_or_width(guest: Guest) -> None:
    assert result(guest, "nop", "sc.d s0, t1, (a1)") == 1
    assert result(guest, "nop", "sc.w s0, t1, (a0)") == 1


@pytest.mark.parametrize("stores", ["sd t0, 0(a0)", "nop"])
def test_another_hart_has_run(guest: Guest, stores: str) -> None:
    """Even when it has stored the same value, which comparing values would not notice."""
    text = f"""{START}
        bnez a2, 2f
        lr.d t0, (a0)
        li t2, 100
    3:  addi t2, t2, -1         # blocks, at whose ends a slice can end
        bnez t2, 3b
        sc.d s0, t0, (a0)
    3:  j 3b
    2:  li t0, 5
        {stores}
        {END}"""
    with Machine(guest(text), MachineOptions(harts=2, quantum=100)) as machine:
        machine.engine.set_x(1, 12, 1)
        machine.run(600)
        assert machine.engine.get_x(0, S0) == 1


def test_the_handler_has_no_reservation(guest: Guest) -> None:
    text = """
        la t6, handler
        csrw mtvec, t6
        la a0, cell
        lr.d t0, (a0)
        ecall
        .balign 4
    handler:
        sc.d s0, t0, (a0)
    1:  j 1b
        .data
        .balign 8
    cell: .dword 5"""
    with Machine(guest(text)) as machine:
        machine.run(60)
        assert (machine.engine.traps(0), machine.engine.get_x(0, S0)) == (1, 1)


def test_an_interrupt_in_between(guest: Guest) -> None:
    """The handler neither loads nor stores."""
    between = """
        csrsi mstatus, 8
        csrwi mie, 2
        csrwi mip, 2
    """
    text = END.replace("handler:", "handler: csrwi mip, 0\n j 5f\n 5:").replace("addi t6, t6, 4", "nop")
    with Machine(guest(f"{START}\n lr.d t0, (a0)\n {between}\n sc.d s0, t0, (a0)\n {text}")) as machine:
        machine.run(60)
        assert (machine.engine.traps(0), machine.engine.get_x(0, S0)) == (1, 1)
