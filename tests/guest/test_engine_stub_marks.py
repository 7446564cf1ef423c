# SPDX-License-Identifier: GPL-2.0-or-later
"""Marks recorded inside the translated code: the same paths, to the instruction, as by calls of the hook."""

from collections.abc import Callable
from pathlib import Path

import pytest
from test_engine_inline import HERE, RAM, loaded

from emulator.engine import Engine, EngineConfig, PathRow, StopReason
from toolchain.image import Image

Guest = Callable[[str], Path]

BEGIN, END, VALUE = 1, 2, 5
A0, A1, A2, A3, A4, A5, S1 = 10, 11, 12, 13, 14, 15, 9

# Registers that are moved, added to, loaded and computed on the way to a mark; a fault between marks in every
# round; a block with more marks than a stub takes. `%s` makes it of compressed instructions or not.
PROGRAM = """
    .option %s
    la t0, handler
    csrw mtvec, t0
    la s0, data
    li s2, 300
    li s1, 5
loop:
    addi s1, s1, 3
    andi s1, s1, 63
    j work
work:
begin_moved:
    mv a0, s1
    addi a0, a0, 5
    addi a0, a0, -2
    lui a1, 0x12345
    addi a1, a1, 7
value_moved:
    mv s1, a0
    add a2, zero, a0
    add a3, a0, a1
end_moved:
    j next
next:
    lw a4, 0(s0)
    addi a4, a4, 1
    sw a4, 0(s0)
value_loaded:
    li a5, -9
value_constant:
    beqz a4, loop
begin_fault:
    addi a4, a4, 1
before_fault:
    lw zero, 0(zero)
after_fault:
    addi a4, a4, 1
end_fault:
    add a4, a4, a4
value_sum:
    addi s2, s2, -1
    beqz s2, done
    j many
many: nop
    nop
    nop
vary:
    andi t2, s2, 3
2:  addi t2, t2, -1
    bgez t2, 2b
end_vary:
    j loop
done: wfi
    .balign 4
handler:
    csrr t1, mepc
    addi t1, t1, 4
    csrw mepc, t1
    mret
    .data
    .balign 16
data: .dword 0, 0
"""

MARKS = (
    ("begin_moved", BEGIN, 1, 0, 0), ("value_moved", VALUE, 1, 20, A0), ("end_moved", VALUE, 1, 21, A1),
    ("end_moved", END, 1, 0, 0),
    ("value_moved", BEGIN, 2, 0, 0), ("end_moved", VALUE, 2, 22, A2), ("value_loaded", VALUE, 2, 23, S1),
    ("value_constant", END, 2, 0, 0),
    ("begin_moved", BEGIN, 3, 0, 0), ("value_loaded", VALUE, 3, 24, A4), ("end_moved", VALUE, 3, 25, A3),
    ("value_constant", END, 3, 0, 0),
    ("value_loaded", BEGIN, 4, 0, 0), ("value_constant", VALUE, 4, 26, A5), ("begin_fault", END, 4, 0, 0),
    ("begin_fault", BEGIN, 5, 0, 0), ("end_fault", VALUE, 5, 27, A5), ("end_fault", END, 5, 0, 0),
    ("before_fault", BEGIN, 6, 0, 0), ("after_fault", END, 6, 0, 0),
    ("after_fault", BEGIN, 7, 0, 0), ("value_sum", VALUE, 7, 28, A4), ("value_sum", END, 7, 0, 0),
    ("vary", BEGIN, 8, 0, 0), ("end_vary", END, 8, 0, 0),
    *((("many", BEGIN, 30 + i, 0, 0)) for i in range(9)), *((("many", END, 38 - i, 0, 0)) for i in range(9)),
)  # fmt: skip


def place(image: Path, label: str) -> int:
    symbol = Image.open(image).symbol(label)
    assert symbol is not None
    return symbol.address


def marked(image: Path, config: EngineConfig) -> Engine:
    engine = loaded(image, config)
    for label, *mark in MARKS:
        engine.mark(place(image, label), *mark)
    return engine


def finished(engine: Engine) -> list[PathRow]:
    assert engine.run() is StopReason.IDLE
    rows = sorted(engine.path_rows(), key=lambda row: (row.name, sorted(row.parameters.items())))
    engine.close()
    return rows


@pytest.mark.parametrize("option", ["rvc", "norvc"])
@pytest.mark.parametrize(("harts", "quantum", "xlen"), [(1, 1000, 64), (3, 7, 64), (2, 100, 32)])
def test_the_same_paths(guest: Guest, option: str, harts: int, quantum: int, xlen: int) -> None:
    if xlen == 32 and option == "rvc":
        pytest.skip("the assembler here compresses for 64 bits")
    image = guest(PROGRAM % option)
    found = [
        finished(marked(image, EngineConfig(harts=harts, quantum=quantum, xlen=xlen, calls_only=calls_only)))
        for calls_only in (0, 1)
    ]
    assert found[0] == found[1]
    assert sum(row.calls for row in found[0]) >= 4000 * harts


def test_the_values(guest: Guest) -> None:
    """As the program computes them."""
    rows = finished(marked(guest(PROGRAM % "norvc"), EngineConfig()))
    s1 = 5
    expected: dict[int, int] = {}
    for _ in range(300):
        moved = ((s1 + 3) & 63) + 3
        expected[moved] = expected.get(moved, 0) + 1
        s1 = moved
    assert {row.parameters[20]: row.calls for row in rows if row.name == 1} == expected
    assert {row.parameters[21] for row in rows if row.name == 1} == {0x12345007}
    assert all(row.parameters[22] == row.parameters[23] for row in rows if row.name == 2)
    assert {row.parameters[26] for row in rows if row.name == 4} == {2**64 - 9}
    loaded_values = sorted(row.parameters[24] for row in rows if row.name == 3)
    assert loaded_values == list(range(1, 301))


@pytest.mark.parametrize("calls_only", [0, 1])
def test_what_each_call_costs(guest: Guest, calls_only: int) -> None:
    """The trap and its handler are in what has caused it; what faults has not been passed (path 6)."""
    rows = finished(marked(guest(PROGRAM % "norvc"), EngineConfig(calls_only=calls_only)))
    handler = 4
    costs: dict[int, dict[int, int]] = {}
    for row in rows:
        counts = costs.setdefault(row.name, {})
        for cost, calls in row.total.instructions.items():
            counts[cost] = counts.get(cost, 0) + calls
    assert costs == {
        1: {8: 300}, 2: {8: 300}, 3: {13: 300}, 4: {2: 300}, 5: {2 + handler: 300}, 7: {2: 300},
        8: {3: 74, 5: 75, 7: 75, 9: 75},
        **{name: {0: 299} for name in range(30, 39)},
    }  # fmt: skip


@pytest.mark.skipif(not HERE, reason="translated code is changed on x86-64 Linux only")
def test_blocks_with_marks_stay_in_the_translated_code(guest: Guest) -> None:
    """All that do without marks, but one, which has too many."""
    image = guest(PROGRAM % "norvc")
    plain, watched = loaded(image, EngineConfig()), marked(image, EngineConfig())
    assert plain.run() is watched.run() is StopReason.IDLE
    assert watched.inlined == plain.inlined - 1
    plain.close()
    watched.close()


def test_marks_set_late_join_those_of_their_block(guest: Guest) -> None:
    image = guest(PROGRAM % "norvc")
    engine = loaded(image, EngineConfig())
    engine.mark(place(image, "begin_moved"), BEGIN, 1)
    engine.run(1000)
    engine.mark(place(image, "end_moved"), END, 1)
    engine.run(1000)
    engine.mark(place(image, "value_moved"), VALUE, 1, 20, A0)
    assert engine.run() is StopReason.IDLE
    rows = engine.path_rows()
    without = sum(row.calls for row in rows if not row.parameters)
    assert sum(row.calls for row in rows) > 250 and 20 < without < 60
    before = engine.counts(RAM)
    engine.close()
    untouched = loaded(image, EngineConfig())
    untouched.run()
    assert untouched.counts(RAM) == before
    untouched.close()


@pytest.mark.parametrize("calls_only", [0, 1])
def test_events_asked_for_late(guest: Guest, calls_only: int) -> None:
    """Before that no events, from then on all of them, with their times; paths never miss one."""
    engine = marked(guest(PROGRAM % "norvc"), EngineConfig(calls_only=calls_only))
    whole = finished(marked(guest(PROGRAM % "norvc"), EngineConfig()))
    engine.run(3000)
    assert engine.drain_events() == []
    engine.keep_events()
    engine.run(1000)
    events = engine.drain_events()
    assert len(events) > 500
    assert all(event.time == event.instret for event in events)  # one hart that never sleeps
    assert [event.instret for event in events] == sorted(event.instret for event in events)
    engine.keep_events(False)
    engine.run(1000)
    assert engine.drain_events() == []
    assert finished(engine) == whole


def test_compressed_constants(guest: Guest) -> None:
    """c.li, c.addi and c.mv on the way to a mark, of all signs."""
    image = guest("""
    .option rvc
    li s1, 100
    j work
work:
    c.mv a0, s1
    c.addi a0, -32
    c.addi a0, 31
    c.li a1, -1
    c.addi a1, -20
    c.li a2, 7
    c.add a2, s1
value_moved: nop
    wfi
""")
    engine = loaded(image, EngineConfig())
    engine.mark(place(image, "work"), BEGIN, 1)
    engine.mark(place(image, "value_moved"), VALUE, 1, 20, A0)
    engine.mark(place(image, "value_moved"), VALUE, 1, 21, A1)
    engine.mark(place(image, "value_moved"), END, 1)
    engine.mark(place(image, "work"), BEGIN, 2)
    engine.mark(place(image, "value_moved"), VALUE, 2, 22, A2)
    engine.mark(place(image, "value_moved"), END, 2)
    assert [row.parameters for row in finished(engine)] == [{20: 99, 21: 2**64 - 21}, {22: 107}]
