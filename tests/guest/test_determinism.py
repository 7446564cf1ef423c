# SPDX-License-Identifier: GPL-2.0-or-later
"""Equal runs have equal hashes, and the hash sees every kind of state."""

from collections.abc import Callable
from pathlib import Path

from emulator import Machine, MachineOptions

Guest = Callable[[str], Path]

RACE = """
    # Harts take turns incrementing a shared counter, with and without atomics.
    la t0, shared
    li t1, 2000
1:  ld t2, 0(t0)
    addi t2, t2, 1
    sd t2, 0(t0)
    amoadd.d t3, t1, 8(t0)
    addi t1, t1, -1
    bnez t1, 1b
    wfi
    .data
    .balign 16
shared: .dword 0, 0
""".replace("8(t0)", "(t4)").replace("la t0, shared", "la t0, shared\n    addi t4, t0, 8")


def finished(image: Path, harts: int = 3, quantum: int = 37) -> Machine:
    machine = Machine(image, MachineOptions(harts=harts, quantum=quantum))
    assert machine.run(1_000_000).reason == "idle"
    return machine


def test_equal_runs_are_equal(guest: Guest) -> None:
    image = guest(RACE)
    first, second = finished(image), finished(image)
    assert first.state_hash() == second.state_hash()
    assert [first.instret(hart) for hart in range(3)] == [second.instret(hart) for hart in range(3)]


def test_another_quantum_is_another_run(guest: Guest) -> None:
    image = guest(RACE)
    assert finished(image).state_hash() != finished(image, quantum=38).state_hash()


def test_cutting_a_run_does_not_change_it(guest: Guest) -> None:
    image = guest(RACE)
    whole = finished(image)
    pieces = Machine(image, MachineOptions(harts=3, quantum=37))
    while pieces.run(101).reason == "limit":
        pass
    assert pieces.state_hash() == whole.state_hash()


def test_the_hash_sees_every_kind_of_state(guest: Guest) -> None:
    machine = finished(guest(RACE))
    engine = machine.engine
    seen = {machine.state_hash()}

    def changed(what: str) -> None:
        found = machine.state_hash()
        assert found not in seen, what
        seen.add(found)

    for hart in range(3):
        for register in range(1, 32):
            engine.set_x(hart, register, engine.get_x(hart, register) ^ 1 << register)
            changed(f"x{register}")
        for register in range(32):
            engine.set_f(hart, register, engine.get_f(hart, register) ^ 1 << register)
            changed(f"f{register}")
        engine.set_pc(hart, engine.get_pc(hart) ^ 4)
        changed("pc")
        engine.set_csr(hart, 0x003, 0x21 + hart)
        changed("fcsr")
        for number in (0x300, 0x302, 0x303, 0x304, 0x305, 0x306, 0x320, 0x340, 0x341, 0x342, 0x343, 0x344,
                       0x105, 0x106, 0x140, 0x141, 0x142, 0x143, 0x180, 0xB00, 0xB02, 0x3B0):  # fmt: skip
            before = engine.get_csr(hart, number)
            assert before is not None
            flip = (
                8 << 60
                if number == 0x180
                else 2
                if number in (0x302, 0x303, 0x304, 0x344)
                else 0x1000
                if number == 0x3B0
                else 4
            )
            engine.set_csr(hart, number, before ^ (8 if number == 0x300 else flip))
            changed(f"CSR {number:#x}")
            engine.set_csr(hart, number, before)
            seen.add(machine.state_hash())
        engine.set_privilege(hart, 1)
        changed("privilege")
        engine.set_line(hart, 9, True)
        changed("interrupt wire")
    engine.ram_write(0x8400_0001, b"\x01")
    changed("RAM")
    for device in machine.bus.devices:
        if device.name == "uart0":
            device.write(7, 1, 0x55)
            changed("UART")
        if device.name == "plic":
            device.write(4, 4, 3)
            changed("PLIC")
    machine.bus.schedule(machine.uart, 1000, 1)
    changed("event queue")
