# SPDX-License-Identifier: GPL-2.0-or-later
"""Counting inside the translated code: the same as by calls of the hook, in every respect."""

import platform
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from emulator.engine import Engine, EngineConfig, StopReason
from toolchain.image import Image

Guest = Callable[[str], Path]

RAM = 0x8000_0000
HERE = sys.platform == "linux" and platform.machine() == "x86_64"

# Loads, stores, floating point, calls, a fault and a device access in each of 300 rounds.
MIXED = """
    .option arch, +d
    li t0, 0x6000
    csrs mstatus, t0
    la t0, handler
    csrw mtvec, t0
    la s0, data
    li s2, 300
loop:
    ld a0, 0(s0)
    addi a0, a0, 3
    sd a0, 0(s0)
    fld fa0, 8(s0)
    fadd.d fa0, fa0, fa0
    fsd fa0, 16(s0)
    jal ra, leaf
    lw a1, 4(s0)
    ld zero, 0(zero)
    amoadd.d a2, a0, (s0)
    lbu a3, 1(s0)
    addi s2, s2, -1
    bnez s2, loop
    wfi
leaf:
    beqz a0, 1f
    sw a0, 4(s0)
1:  ret
    .balign 4
handler:
    csrr t1, mepc
    addi t1, t1, 4
    csrw mepc, t1
    mret
    .data
    .balign 16
data: .dword 0, 0x3ff0000000000000, 0
"""


def loaded(image: Path, config: EngineConfig) -> Engine:
    engine = Engine(config, lambda *_: None, lambda *_: False)  # no devices: accesses fault
    for segment in Image.open(image).segments:
        engine.ram_write(segment.vaddr, segment.data)
    for hart in range(config.harts):
        engine.set_pc(hart, RAM)
    return engine


def counts(engine: Engine) -> dict[int, int]:
    return engine.counts(RAM)


@pytest.mark.skipif(not HERE, reason="translated code is changed on x86-64 Linux only")
def test_it_is_done_here(guest: Guest) -> None:
    engine = loaded(guest(MIXED), EngineConfig())
    assert engine.run() is StopReason.IDLE
    assert engine.inlined >= 8
    engine.close()


@pytest.mark.parametrize("harts", [1, 3])
@pytest.mark.parametrize("quantum", [1, 7, 100])
def test_everything_is_the_same(guest: Guest, harts: int, quantum: int) -> None:
    image = guest(MIXED)
    engines = [
        loaded(image, EngineConfig(harts=harts, quantum=quantum, calls_only=calls_only))
        for calls_only in (0, 1)
    ]
    assert [engine.run() for engine in engines] == [StopReason.IDLE] * 2
    ours, plain = engines
    assert plain.inlined == 0
    assert ours.save() == plain.save()
    assert bytes(ours.ram) == bytes(plain.ram)
    assert counts(ours) == counts(plain)
    for hart in range(harts):
        assert ours.recent_blocks(hart) == plain.recent_blocks(hart)
    for engine in engines:
        engine.close()


def test_a_mark_that_is_set_late_is_passed(guest: Guest) -> None:
    image = guest(MIXED)
    leaf = Image.open(image).symbol("leaf")
    assert leaf is not None
    passed = []
    for calls_only in (0, 1):
        engine = loaded(image, EngineConfig(calls_only=calls_only))
        engine.run(1000)
        engine.keep_events()
        engine.mark(leaf.address, 1, 1, 1, 10)
        engine.run(1000)
        passed.append([(event.instret, event.value) for event in engine.drain_events()])
        engine.close()
    assert passed[0] == passed[1]
    assert len(passed[0]) > 20


def test_a_breakpoint_that_is_set_late_stops(guest: Guest) -> None:
    image = guest(MIXED)
    leaf = Image.open(image).symbol("leaf")
    assert leaf is not None
    stops = []
    for calls_only in (0, 1):
        engine = loaded(image, EngineConfig(calls_only=calls_only))
        engine.run(1000)
        engine.add_breakpoint(1, leaf.address)
        assert engine.run_instructions(1_000_000) is StopReason.BREAK  # so far that the fast path is taken
        assert engine.get_pc(0) == leaf.address
        stops.append(engine.instret(0))
        engine.close()
    assert stops[0] == stops[1] < 1050  # in the first round or the second


def test_floating_point_is_switched_off(guest: Guest) -> None:
    """The same block with FS Initial, then with FS Off: there its instructions are illegal."""
    image = guest("""
        .option arch, +d
        la t0, handler
        csrw mtvec, t0
        li t1, 0x6000
        li t3, 0x2000
        li s2, 40
    loop:
        csrs mstatus, t3
        jal ra, floats
        csrc mstatus, t1
        jal ra, floats
        addi s2, s2, -1
        bnez s2, loop
        wfi
        .balign 64
    floats:
        fmv.d.x fa0, s2
        addi s1, s1, 1
        ret
        .balign 4
    handler:
        csrr t2, mepc
        addi t2, t2, 4
        csrw mepc, t2
        mret""")
    engine = loaded(image, EngineConfig())
    assert engine.run() is StopReason.IDLE
    assert (engine.traps(0), engine.get_x(0, 9)) == (40, 80)
    engine.close()


def test_a_stop_comes_through(guest: Guest) -> None:
    """A limit in the middle of a loop without any call, load or store."""
    engine = loaded(guest("1: addi s0, s0, 1\n j 1b"), EngineConfig(quantum=1 << 40))
    for _ in range(5):
        assert engine.run(1001) is StopReason.LIMIT
    assert 5005 <= engine.instret(0) <= 5015
    engine.close()
