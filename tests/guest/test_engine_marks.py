# SPDX-License-Identifier: GPL-2.0-or-later
"""Marks: each passage of a marked instruction leaves one event, and none where it did not retire."""

from collections.abc import Callable
from pathlib import Path

import pytest

from emulator import Machine, MachineOptions
from emulator.engine import Event, EventKind, Pipeline

Guest = Callable[[str], Path]

BEGIN = 1
PIPELINE = Pipeline(load_use=2, multiply=3, trap=10, csr=4)

# It faults the first time; the handler makes its address good, and the block runs again from there.
FAULTING = {
    "nothing there": ("ld t0, 0(a0)", 0x0060_0000),
    "misaligned": ("amoadd.d t0, zero, (a0)", 0x8000_0001),
}


def faults(kind: str = "nothing there") -> str:
    instruction, address = FAULTING[kind]
    return f"""
    .option norvc
    la t6, handler
    csrw mtvec, t6
    li a0, {address}
    j here
here:
    nop
m0: addi s0, s0, 1
m1: {instruction}
m2: addi s1, s1, 1
    nop
m3: wfi
    .balign 4
handler:
    la a0, word
    mret
    .data
    .balign 8
word: .dword 77
"""


NAMES = ("m0", "m1", "m2", "m3")


def marked(machine: Machine, captures: dict[str, int] | None = None) -> dict[int, str]:
    marks = {}
    for name in NAMES:
        symbol = machine.image.symbol(name)
        assert symbol is not None
        number = machine.engine.mark(symbol.address, BEGIN, 1, 0, (captures or {}).get(name, 0))
        marks[number] = name
    machine.engine.keep_events()
    return marks


def passed(machine: Machine) -> list[Event]:
    return [event for event in machine.engine.drain_events() if event.kind is EventKind.MARK]


def events(machine: Machine, marks: dict[int, str]) -> list[tuple[str, int]]:
    return [(marks[event.mark], event.instret) for event in passed(machine)]


def at(machine: Machine, label: str) -> int:
    """Instructions retired when the hart first gets to `here`."""
    symbol = machine.image.symbol(label)
    assert symbol is not None
    for _ in range(50):
        machine.engine.run(1)
        if machine.engine.get_pc(0) == symbol.address:
            return machine.instret(0)
    pytest.fail(f"it never gets to {label}")


@pytest.mark.parametrize("modelled", [False, True])
@pytest.mark.parametrize("kind", FAULTING)
def test_what_a_fault_cuts_off_has_not_been_passed(guest: Guest, kind: str, modelled: bool) -> None:
    """m0 in front of what faults: once. m1: when it retires. What is behind it: once."""
    with Machine(guest(faults(kind))) as machine:
        marks = marked(machine)
        if modelled:
            machine.engine.set_pipeline(PIPELINE)
        start = at(machine, "here")
        assert machine.run(1000).reason == "idle"
        assert machine.engine.traps(0) == 1
        handler = 3
        assert events(machine, marks) == [
            ("m0", start + 1), ("m1", start + 2 + handler), ("m2", start + 3 + handler),
            ("m3", start + 5 + handler),
        ]  # fmt: skip


def test_captured_registers(guest: Guest) -> None:
    """As they are when the instruction is reached, also where its own block has changed them."""
    with Machine(guest(faults())) as machine:
        marks = marked(machine, {"m0": 8, "m1": 8, "m2": 5, "m3": 9})
        machine.run(1000)
        found = {marks[event.mark]: event.value for event in passed(machine)}
        assert found == {"m0": 0, "m1": 1, "m2": 77, "m3": 1}


def test_cycles_with_and_without_a_fault(guest: Guest) -> None:
    """A fault in the middle adds the trap, the handler and the way back, and nothing else."""

    def run(address: int) -> list[Event]:
        with Machine(guest(faults())) as machine:
            marked(machine)
            machine.engine.set_pipeline(PIPELINE)
            at(machine, "here")
            machine.engine.set_x(0, 10, address)
            machine.run(1000)
            return passed(machine)

    whole, cut = run(0x8000_0000), run(0x0060_0000)
    assert [event.instret for event in whole] == [event.instret - 3 * (i > 0) for i, event in enumerate(cut)]
    handler = 3  # no stalls in it
    trap_and_return = 2 * PIPELINE.trap
    extra = [late.cycles[0] - early.cycles[0] for early, late in zip(whole, cut, strict=True)]
    assert extra == [0, handler + trap_and_return, handler + trap_and_return, handler + trap_and_return]


DEVICE = """
    .option norvc
    li a0, 0x10000000
    j here
here:
    nop
m0: lbu t0, 5(a0)
m1: addi s0, s0, 1
    nop
m2: lbu t0, 5(a0)
    nop
m3: wfi
"""


def test_a_device_access_cuts_a_block_and_takes_nothing_away(guest: Guest) -> None:
    with Machine(guest(DEVICE)) as machine:
        marks = marked(machine)
        start = at(machine, "here")
        assert machine.run(1000).reason == "idle"
        assert events(machine, marks) == [
            ("m0", start + 1),
            ("m1", start + 2),
            ("m2", start + 4),
            ("m3", start + 6),
        ]


def test_two_harts_take_back_only_their_own(guest: Guest) -> None:
    with Machine(guest(faults()), MachineOptions(harts=2, quantum=3)) as machine:
        marks = marked(machine)
        assert machine.run(1000).reason == "idle"
        found = passed(machine)
        for hart in range(2):
            assert [marks[event.mark] for event in found if event.hart == hart] == list(NAMES)
