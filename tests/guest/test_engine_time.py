# SPDX-License-Identifier: GPL-2.0-or-later
"""Virtual time: a function of the instructions retired, never behind what another hart has seen."""

from collections.abc import Callable
from pathlib import Path

import pytest

from emulator import Machine, MachineOptions
from emulator.engine import Engine, EngineConfig

Guest = Callable[[str], Path]
S0, S1, S2 = 8, 9, 18

MTIME, MTIMECMP = 0x0200_BFF8, 0x0200_4000


@pytest.mark.parametrize("read", ["rdtime", "mtime"])
def test_time_never_goes_backwards_between_harts(guest: Guest, read: str) -> None:
    """Harts run slices of 1000 one after another over the same time: whoever reads later reads no less."""
    read_to_t2 = "rdtime t2" if read == "rdtime" else "ld t2, 0(t6)"
    image = guest(f"""
        la t0, latest
        li t6, {MTIME}
        li s0, 300
    1:  ld t1, 0(t0)            # what some hart has read
        {read_to_t2}
        bgeu t2, t1, 2f
        addi s1, s1, 1          # time has gone backwards
    2:  sd t2, 0(t0)
        .rept 23
        addi a0, a0, 1
        .endr
        addi s0, s0, -1
        bnez s0, 1b
        wfi
        .data
        .balign 8
    latest: .dword 0""")
    with Machine(image, MachineOptions(harts=3, quantum=1000)) as machine:
        assert machine.run(1_000_000).reason == "idle"
        assert [machine.engine.get_x(hart, S1) for hart in range(3)] == [0, 0, 0]
        assert machine.engine.now >= 300 * 29


NOP, RDTIME_S0, LOOP = 0x13, 0xC010_2473, 0x6F


def ticking(words: list[int]) -> Engine:
    """A hart on which every instruction is a tick."""
    engine = Engine(
        EngineConfig(ram_size=1 << 20, instructions_per_tick=1), lambda *_: None, lambda *_: False
    )
    engine.ram_write(0x8000_0000, b"".join(word.to_bytes(4, "little") for word in words))
    engine.set_pc(0, 0x8000_0000)
    return engine


@pytest.mark.parametrize("before", [0, 1, 2, 7])
def test_an_instruction_reads_the_time_before_it(before: int) -> None:
    engine = ticking([NOP] * before + [RDTIME_S0, NOP, NOP, LOOP])
    engine.run(before + 3)
    assert engine.get_x(0, S0) == before
    engine.close()


def test_a_device_sees_the_time_before_the_access() -> None:
    seen: list[tuple[int, int]] = []
    engine = Engine(
        EngineConfig(ram_size=1 << 20, instructions_per_tick=1),
        lambda *_: seen.append((engine.now, engine.instret(0))) or 0,
        lambda *_: seen.append((engine.now, engine.instret(0))) is None,
    )
    load, store = 0x0002_A303, 0x0062_A023  # lw t1, (t0); sw t1, (t0)
    words = [NOP, load, NOP, NOP, store, load, NOP, LOOP]
    engine.ram_write(0x8000_0000, b"".join(word.to_bytes(4, "little") for word in words))
    engine.set_pc(0, 0x8000_0000)
    engine.set_x(0, 5, 0x1000_0000)
    engine.run(7)
    assert seen == [(1, 1), (4, 4), (5, 5)]
    engine.close()


@pytest.mark.parametrize("tick", [30, 31, 32, 40])
def test_a_timer_is_due_at_its_tick(tick: int) -> None:
    """With slices of one instruction an interrupt is taken in front of the first instruction of that tick."""
    engine = Engine(
        EngineConfig(ram_size=1 << 20, instructions_per_tick=1, quantum=1, per_instruction=1),
        lambda *_: None,
        lambda *_: False,
    )
    store, count = 0x0053_3023, 0x0014_0413  # sd t0, (t1); addi s0, s0, 1
    engine.ram_write(
        0x8000_0000, b"".join(word.to_bytes(4, "little") for word in [store, *[count] * 50, LOOP])
    )
    engine.ram_write(0x8000_0800, LOOP.to_bytes(4, "little"))
    engine.set_pc(0, 0x8000_0000)
    engine.set_x(0, 5, tick)
    engine.set_x(0, 6, MTIMECMP)
    engine.set_csr(0, 0x305, 0x8000_0800)
    engine.set_csr(0, 0x304, 1 << 7)
    engine.set_csr(0, 0x300, 1 << 3)
    while engine.traps(0) == 0 and engine.instret(0) < 60:
        engine.run(1)
    engine.run(1)
    assert engine.get_csr(0, 0x342) == 1 << 63 | 7
    mepc = engine.get_csr(0, 0x341)
    assert (engine.get_x(0, S0), mepc) == (tick - 1, 0x8000_0000 + 4 * tick)
    engine.close()
