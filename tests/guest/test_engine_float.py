# SPDX-License-Identifier: GPL-2.0-or-later
"""Floating point where Unicorn is not by the book: fmin and fmax of NaNs, and FS Off."""

import struct
from collections.abc import Iterator

import pytest

from emulator.engine import Engine, EngineConfig

BASE, HANDLER = 0x8000_0000, 0x8000_4000
SPIN = struct.pack("<H", 0xA001)
FS_INITIAL, FS_DIRTY = 1 << 13, 3 << 13
BOX = 0xFFFF_FFFF_0000_0000
FCSR, MSTATUS, MTVEC, MCAUSE = 0x003, 0x300, 0x305, 0x342
INVALID = 0x10


@pytest.fixture
def engine() -> Iterator[Engine]:
    made = Engine(EngineConfig(ram_size=1 << 20), lambda *_: 0, lambda *_: True)
    # Count traps in x31 (addi x31, x31, 1) and step over what trapped: mepc += x30.
    made.ram_write(HANDLER, struct.pack("<5I", 0x001F8F93, 0x34102E73, 0x01EE0E33, 0x341E1073, 0x30200073))
    made.set_csr(0, MTVEC, HANDLER)
    made.set_x(0, 2, 0x8001_0000)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("funct7", "funct3", "a", "b", "wanted", "flags"),
    [
        # A number and a signalling NaN, a quiet one, two NaNs, both zeros, an operand that is not boxed.
        (0x14, 1, BOX | 0x3F800000, BOX | 0x7F800001, BOX | 0x3F800000, INVALID),
        (0x14, 0, BOX | 0x7F800001, BOX | 0x3F800000, BOX | 0x3F800000, INVALID),
        (0x14, 0, BOX | 0x7FC00000, BOX | 0x3F800000, BOX | 0x3F800000, 0),
        (0x14, 0, BOX | 0x7F800001, BOX | 0x7FC00000, BOX | 0x7FC00000, INVALID),
        (0x14, 0, BOX | 0x80000000, BOX, BOX | 0x80000000, 0),
        (0x14, 1, BOX | 0x80000000, BOX, BOX, 0),
        (0x14, 0, 0x3F800000, BOX | 0x40000000, BOX | 0x3F800000, 0),
        (0x15, 1, 0x3FF0000000000000, 0x7FF0000000000001, 0x3FF0000000000000, INVALID),
        (0x15, 0, 0xBFF0000000000000, 0x3FF0000000000000, 0xBFF0000000000000, 0),
        (0x15, 1, 0xC000000000000000, 0xBFF0000000000000, 0xBFF0000000000000, 0),
    ],
)  # fmt: skip
def test_minimum_and_maximum(
    engine: Engine, funct7: int, funct3: int, a: int, b: int, wanted: int, flags: int
) -> None:
    instruction = 0x53 | 12 << 7 | funct3 << 12 | 10 << 15 | 11 << 20 | funct7 << 25
    engine.ram_write(BASE, struct.pack("<I", instruction) + SPIN)
    engine.set_csr(0, MSTATUS, FS_INITIAL)
    engine.set_csr(0, FCSR, 0)
    engine.set_f(0, 10, a)
    engine.set_f(0, 11, b)
    engine.set_pc(0, BASE)
    engine.run(1)
    assert (hex(engine.get_f(0, 12)), engine.get_csr(0, FCSR)) == (hex(wanted), flags)
    status = engine.get_csr(0, MSTATUS)
    assert status is not None
    assert status & FS_DIRTY == FS_DIRTY
    assert (engine.instret(0), engine.traps(0)) == (1, 0)


FADD_F12, FMIN_F13, FADD_F14 = 0x00B5_7653, 0x28B6_06D3, 0x00A6_7753  # of f10, f11; f12, f11; f12, f10


@pytest.mark.parametrize("strict", [0, 1])
@pytest.mark.parametrize("exact", [0, 1])
def test_a_computed_operand_counts_as_the_number_it_is(strict: int, exact: int) -> None:
    """Unicorn boxes no results; by the strict rule they are boxed, and what is not boxed is a NaN."""
    config = EngineConfig(ram_size=1 << 20, strict_nan_boxing=strict, per_instruction=exact)
    made = Engine(config, lambda *_: 0, lambda *_: True)
    made.ram_write(BASE, struct.pack("<III", FADD_F12, FMIN_F13, FADD_F14) + SPIN)
    made.set_csr(0, MSTATUS, FS_INITIAL)
    made.set_f(0, 10, BOX | 0x3F80_0000)  # 1
    made.set_f(0, 11, BOX | 0x4080_0000)  # 4
    made.set_pc(0, BASE)
    made.run(4)
    box = BOX if strict else 0
    assert [hex(made.get_f(0, index)) for index in (12, 13, 14)] == [
        hex(box | 0x40A0_0000), hex(BOX | 0x4080_0000), hex(box | 0x40C0_0000)
    ]  # fmt: skip
    made.set_f(0, 11, 0x4080_0000)
    made.set_pc(0, BASE)
    before = made.total_instret
    made.run(4)
    assert made.total_instret - before == 4
    assert made.get_f(0, 12) == (BOX | 0x7FC0_0000 if strict else 0x40A0_0000)
    assert made.get_f(0, 13) & 0xFFFF_FFFF == (0x7FC0_0000 if strict else 0x4080_0000)
    made.close()


def test_compressed_stores_are_illegal_while_off(engine: Engine) -> None:
    """More of them in one block than Unicorn's translator could stand."""
    engine.ram_write(BASE, struct.pack("<H", 0xA5B2) * 600 + SPIN)  # c.fsdsp
    engine.set_x(0, 30, 2)
    for status, traps in ((0, 600), (FS_INITIAL, 0), (0, 600), (FS_DIRTY, 0)):
        engine.set_csr(0, MSTATUS, status)
        engine.set_pc(0, BASE)
        before = engine.traps(0)
        engine.run(600 * (5 if traps else 1))
        assert engine.traps(0) - before == traps, hex(status)
    assert engine.get_csr(0, MCAUSE) == 2


def test_full_instructions_are_illegal_while_off(engine: Engine) -> None:
    fld, fsd, fadd, fsgnj, read_fcsr = 0x00013507, 0x00A13027, 0x02C5F553, 0x22C58553, 0x00302573
    engine.ram_write(BASE, struct.pack("<5I", fld, fsd, fadd, fsgnj, read_fcsr) + SPIN)
    engine.set_x(0, 30, 4)
    for status, traps in ((0, 5), (FS_INITIAL, 0), (0, 5), (FS_DIRTY, 0)):
        engine.set_csr(0, MSTATUS, status)
        engine.set_pc(0, BASE)
        before = engine.traps(0)
        engine.run(40)
        assert engine.traps(0) - before == traps, hex(status)
        left = engine.get_csr(0, MSTATUS)
        assert left is not None
        assert (left & FS_DIRTY == 0) == (status == 0)
