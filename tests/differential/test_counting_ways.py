# SPDX-License-Identifier: GPL-2.0-or-later
"""Three ways of counting, always equal: by block, by instruction, and in slices of a single instruction."""

from array import array
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_programs import BASE, DATA, HANDLER, RAM, parcel, programs, word

from emulator import Machine, MachineOptions
from emulator.engine import Engine, EngineConfig
from guestos.images import SCENARIO, Built, build_all

# Step over what trapped (its length is in its low two bits), counting traps in x31; a fetch fault ends the
# program.
_HANDLER = b"".join(
    word(w)
    for w in (
        0x001F8F93,  # addi x31, x31, 1
        0x342F3073,  # csrrc x0, mcause, x30 (a CSR access more)
        0x34102E73,  # csrr x28, mepc
        0x34202EF3,  # csrr x29, mcause
        0x001E8F13,  # addi x30, x29, 1
        0x002E0E13,  # addi x28, x28, 2
        0x341E1073,  # csrw mepc, x28
        0x30200073,  # mret
    )
)


@contextmanager
def engine(program: bytes, per_instruction: bool, start: int, entry: int) -> Iterator[Engine]:
    made = Engine(
        EngineConfig(ram_size=RAM, per_instruction=int(per_instruction), quantum=1 << 20),
        lambda _hart, address, _width: 0x60 if address >> 12 == 0x10000 else None,
        lambda _hart, address, _width, _value: address >> 12 == 0x10000,
    )
    try:
        made.ram_write(start, program + parcel(0x0001) * 8 + word(0x0000006F))
        made.ram_write(HANDLER, _HANDLER)
        made.ram_write(DATA, bytes(range(256)) * 16)
        made.set_csr(0, 0x305, HANDLER)
        made.set_csr(0, 0x302, 0)
        for register in range(5, 16):
            made.set_x(0, register, register * 0x0123_4567_89AB)
        made.set_pc(0, entry)
        yield made
    finally:
        made.close()


def seen(made: Engine) -> dict[str, object]:
    """Everything a guest or a debugger could see of hart 0."""
    state: dict[str, object] = {f"x{i}": made.get_x(0, i) for i in range(32)}
    state |= {f"f{i}": made.get_f(0, i) for i in range(32)}
    state |= {f"csr{n:#x}": made.get_csr(0, n) for n in range(0x1000)}
    state |= {
        "pc": made.get_pc(0), "privilege": made.get_privilege(0), "waiting": made.is_waiting(0),
        "instret": made.instret(0), "traps": made.traps(0), "now": made.now, "ram": bytes(made.ram),
    }  # fmt: skip
    return state


def difference(first: dict[str, object], second: dict[str, object]) -> dict[str, tuple[object, object]]:
    return {key: (first[key], second[key]) for key in first if first[key] != second[key] and key != "ram"} | (
        {"ram": ("differs", "")} if first["ram"] != second["ram"] else {}
    )


@settings(max_examples=250, deadline=None)
@given(program=programs, offset=st.sampled_from((0, 2, 0xFF0, 0xFFA, 0xFFE)), cut=st.integers(1, 400))
def test_random_programs(program: bytes, offset: int, cut: int) -> None:
    start = BASE + offset
    with engine(program, False, start, start) as blocks:
        blocks.run(cut)
        count, expected = blocks.instret(0), seen(blocks)
    with engine(program, True, start, start) as instructions:
        instructions.run(count)
        by_instruction = seen(instructions)
    with engine(program, True, start, start) as single:
        single.follow_schedule(array("I", [1] * (count + 1)))
        single.run(count)
        by_step = seen(single)
    assert not difference(by_instruction, by_step)
    # A block that ends in a trap has taken it; the exact runs stop in front of it, at the same count.
    if by_instruction["traps"] == expected["traps"]:
        assert not difference(expected, by_instruction)
    else:
        assert by_instruction["instret"] == expected["instret"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build_all(tmp_path_factory.mktemp("guest"), data=bytes(range(256)) * 40)


@pytest.mark.parametrize(("harts", "quantum"), [(4, 200), (2, 33), (3, 1000)])
def test_kernel_run_replayed_instruction_by_instruction(built: Built, harts: int, quantum: int) -> None:
    """The slices that a run by blocks had, run by instruction: the same console, counts and state hash."""
    consoles = (bytearray(), bytearray())
    options = MachineOptions(harts=harts, quantum=quantum, disk=built.disk, bootargs=SCENARIO)
    with Machine(built.kernel, options, consoles[0].extend) as blocks:
        blocks.engine.record_schedule()
        outcome = blocks.run(2_000_000_000)
        schedule = blocks.engine.schedule()
        expected = (blocks.state_hash(), [blocks.instret(hart) for hart in range(harts)])
    assert outcome.status == 0
    with Machine(built.kernel, options, consoles[1].extend, per_instruction=True) as exact:
        exact.engine.follow_schedule(schedule)
        exact.run(2_000_000_000)
        assert [exact.instret(hart) for hart in range(harts)] == expected[1]
        assert exact.state_hash() == expected[0]
    assert consoles[0] == consoles[1]
