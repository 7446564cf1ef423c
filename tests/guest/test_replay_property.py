# SPDX-License-Identifier: GPL-2.0-or-later
"""A token repeats any run: whatever was typed, wherever, however the run was cut, snapshots in between."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator import Machine, MachineOptions
from emulator.loader.elf import open_image
from emulator.replay import replay
from emulator.token import Token
from toolchain.image import Image

Guest = Callable[[str], Path]

# Hart 0 sleeps until the console interrupts, and mixes what came with when it came; hart 1 has a timer.
LISTENS = """
    li t0, 1
    beq a0, t0, ticker
    bnez a0, sleep
    li s0, 0x10000000
    li s2, 0x0c000000
    li t0, 1
    sw t0, 40(s2)           # priority of source 10
    li t1, 0x0c002000
    li t0, 1 << 10
    sw t0, 0(t1)            # enabled for hart 0 in machine mode
    li s3, 0x0c200000
    sw zero, 0(s3)
    li t0, 1
    sb t0, 1(s0)            # receive interrupt
    li t0, 1 << 11
    csrw mie, t0
next:
    wfi
    lw s4, 4(s3)            # claim
    beqz s4, next
1:  lbu t0, 5(s0)
    andi t0, t0, 1
    beqz t0, 2f
    lbu s1, 0(s0)
    sb s1, 0(s0)
    rdtime t1
    slli s5, s5, 5
    add s5, s5, s1
    xor s5, s5, t1
    csrr t1, minstret
    add s6, s6, t1
    j 1b
2:  sw s4, 4(s3)            # complete
    j next
ticker:
    li s1, 0x2004008
    li t0, 1 << 7
    csrw mie, t0
    li s3, 30
1:  rdtime t0
    addi t0, t0, 20
    sd t0, 0(s1)
    wfi
    addi s2, s2, 1
    addi s3, s3, -1
    bnez s3, 1b
    csrw mie, zero
sleep:
    wfi
    j sleep
"""

moves = st.one_of(
    st.tuples(st.just("run"), st.integers(0, 3000)),
    st.tuples(st.just("type"), st.binary(min_size=1, max_size=20)),
    st.tuples(st.just("back"), st.integers(1, 400)),
)


@pytest.fixture(scope="module")
def image(guest: Guest) -> Image:
    return open_image(guest(LISTENS))


@settings(max_examples=150)
@given(
    moves=st.lists(moves, min_size=1, max_size=12),
    harts=st.integers(1, 3),
    quantum=st.sampled_from((1, 33, 1000)),
    cut=st.booleans(),
)
def test_any_run_is_repeated(
    image: Image, moves: list[tuple[str, int | bytes]], harts: int, quantum: int, cut: bool
) -> None:
    shown, again = bytearray(), bytearray()
    options = MachineOptions(harts=harts, quantum=quantum, memory=4 << 20)
    with Machine(image, options, shown.extend) as machine:
        for kind, what in moves:
            if isinstance(what, bytes):
                machine.type(what)
            elif kind == "run":
                machine.run(what)
            else:  # try something, think better of it
                kept = bytes(shown)
                snapshot = machine.snapshot()
                machine.run(what)
                machine.type(b"never")
                machine.run(what)
                machine.restore(snapshot)
                shown[:] = kept
        if cut:
            machine.run(1)
        else:
            assert machine.run(1_000_000).reason == "idle"
        end = machine.engine.total_instret if cut else None
        token = Token.decode(Token.of(machine, end).encode())
        wanted = machine.state_hash()
    with Machine(image, token.machine_options(None), again.extend) as machine:
        replay(machine, token)
        assert machine.state_hash() == wanted
        assert again == shown
        assert Token.of(machine, end).encode() == token.encode()


def test_inputs_in_the_slices_of_several_harts(image: Image) -> None:
    """The slices of a round go over the same virtual time: the second hart's input comes earlier in it."""
    with Machine(image, MachineOptions(harts=3, quantum=33, memory=4 << 20)) as machine:
        for number in range(40):
            machine.run(9)
            machine.type(bytes((65 + number,)))
        times = [typed.time for typed in machine.inputs]
        assert times != sorted(times)
        machine.run(100)
        token = Token.decode(Token.of(machine, machine.engine.total_instret).encode())
        wanted = machine.state_hash()
    with Machine(image, token.machine_options(None)) as machine:
        replay(machine, token)
        assert machine.state_hash() == wanted


def test_a_token_grows_with_the_input_only(image: Image) -> None:
    lengths = []
    for instructions in (1_000, 1_000_000):
        with Machine(image, MachineOptions(harts=2, memory=4 << 20)) as machine:
            machine.run(instructions)
            machine.type(b"a")
            machine.run(instructions)
            lengths.append(len(Token.of(machine, machine.engine.total_instret).encode()))
    assert max(lengths) < 80 and abs(lengths[0] - lengths[1]) < 10
