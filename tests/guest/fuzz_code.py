# SPDX-License-Identifier: GPL-2.0-or-later
"""Random guest code: instructions that mean something in the machine of fuzzing.py, and garbage."""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random

# What the registers are made to hold (fuzzing.py): most memory accesses then hit something.
RA, SP, DATA, UART, CODE, DATA2, CLINT, TABLE = 1, 2, 5, 6, 7, 8, 9, 17
WORDS = (18, 19)  # instruction words, to be stored into code
VALUES = (10, 11, 12, 13, 14, 15, 16)

CSRS = (
    0x300, 0x301, 0x302, 0x303, 0x304, 0x305, 0x306, 0x30A, 0x310, 0x320, 0x323, 0x340, 0x341, 0x342, 0x343,
    0x344, 0x180, 0x100, 0x104, 0x105, 0x106, 0x10A, 0x140, 0x141, 0x142, 0x143, 0x144, 0x3A0, 0x3A1, 0x3A2,
    0x3B0, 0x3B1, 0x3B7, 0x3EF, 0xB00, 0xB02, 0xB03, 0xB80, 0xB82, 0xC00, 0xC01, 0xC02, 0xC03, 0xC80, 0xC81,
    0xC82, 0x001, 0x002, 0x003, 0xF11, 0xF12, 0xF13, 0xF14, 0xF15, 0x7A0, 0x7C0, 0x14D, 0x600,
)  # fmt: skip
SYSTEM = (
    0x0000_0073, 0x0010_0073, 0x3020_0073, 0x1020_0073, 0x1050_0073, 0x1200_0073, 0x120A_8073, 0x0000_100F,
    0x0FF0_000F, 0x0000_9002, 0x0000_0000, 0xFFFF_FFFF, 0x7B20_0073, 0x0020_0073,
)  # fmt: skip


def word(value: int) -> bytes:
    return struct.pack("<I", value & 0xFFFF_FFFF)


def parcel(value: int) -> bytes:
    return struct.pack("<H", value & 0xFFFF)


def i_type(opcode: int, rd: int, function: int, rs: int, immediate: int) -> bytes:
    return word(opcode | rd << 7 | function << 12 | rs << 15 | (immediate & 0xFFF) << 20)


def s_type(opcode: int, function: int, base: int, value: int, offset: int) -> bytes:
    return word(
        opcode | (offset & 31) << 7 | function << 12 | base << 15 | value << 20 | (offset >> 5 & 0x7F) << 25
    )


def branch(function: int, a: int, b: int, offset: int) -> bytes:
    scattered = (
        (offset >> 11 & 1) << 7
        | (offset >> 1 & 15) << 8
        | (offset >> 5 & 63) << 25
        | (offset >> 12 & 1) << 31
    )
    return word(0x63 | function << 12 | a << 15 | b << 20 | scattered)


def jal(rd: int, offset: int) -> bytes:
    scattered = (
        (offset >> 12 & 255) << 12
        | (offset >> 11 & 1) << 20
        | (offset >> 1 & 1023) << 21
        | (offset >> 20 & 1) << 31
    )
    return word(0x6F | rd << 7 | scattered)


def _rd(rng: Random) -> int:
    return rng.choice(VALUES) if rng.random() < 0.93 else rng.randrange(32)


def _offset(rng: Random) -> int:
    """Of an access: mostly small and aligned, sometimes any."""
    return 8 * rng.randrange(16) if rng.random() < 0.7 else rng.randrange(-0x800, 0x800)


def alu(rng: Random) -> bytes:
    kind = rng.random()
    if kind < 0.6:
        return i_type(
            rng.choice((0x13, 0x13, 0x1B)),
            _rd(rng),
            rng.choice((0, 0, 2, 3, 4, 6, 7)),
            rng.choice(VALUES),
            rng.getrandbits(12),
        )
    if kind < 0.7:
        return word(rng.choice((0x17, 0x37)) | _rd(rng) << 7 | rng.getrandbits(20) << 12)
    return word(
        rng.choice((0x33, 0x33, 0x3B)) | _rd(rng) << 7 | rng.randrange(8) << 12 | rng.choice(VALUES) << 15
        | rng.choice(VALUES) << 20 | rng.choice((0, 0, 0x20, 1, 1)) << 25
    )  # fmt: skip


def compressed(rng: Random) -> bytes:
    kind = rng.randrange(8)
    if kind < 3:  # c.addi, c.addiw, c.li
        return parcel(0x0001 | kind << 13 | rng.choice(VALUES) << 7 | rng.randrange(1, 32) << 2)
    if kind == 3:  # c.mv, c.add
        return parcel(0x8002 | rng.getrandbits(1) << 12 | rng.choice(VALUES) << 7 | rng.choice(VALUES) << 2)
    if kind == 4:  # loads and stores through x8, x9
        return parcel(
            rng.choice((1, 2, 3, 5, 6, 7)) << 13 | rng.getrandbits(6) << 7 & 0x1C7F | rng.randrange(2, 6) << 2
        )
    if kind == 5:  # through sp
        return parcel(rng.choice((1, 2, 3, 5, 6, 7)) << 13 | 10 << 7 | rng.randrange(10, 16) << 2 | 2)
    if kind == 6:  # c.beqz, c.bnez, a few parcels on
        return parcel(rng.choice((0xC001, 0xE001)) | rng.randrange(8) << 7 | rng.choice((1, 2, 3)) << 3)
    return parcel(0xA001 | rng.choice((1, 2, 3)) << 3)  # c.j


def memory(rng: Random) -> bytes:
    base = rng.choice((DATA, DATA, DATA2, SP, DATA, TABLE, CODE, rng.choice(VALUES)))
    kind = rng.random()
    if kind < 0.45:
        return i_type(0x03, _rd(rng), rng.randrange(7), base, _offset(rng))
    if kind < 0.85:
        if base in (CODE, TABLE):
            base = DATA
        return s_type(0x23, rng.randrange(4), base, rng.choice(VALUES), _offset(rng))
    if kind < 0.93:
        return i_type(0x07, rng.randrange(32), rng.choice((2, 3)), base, _offset(rng))
    return s_type(0x27, rng.choice((2, 3)), DATA, rng.randrange(32), _offset(rng))


def floating(rng: Random) -> bytes:
    function = rng.choice(
        (0x00, 0x01, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x20, 0x2C, 0x50, 0x60, 0x68, 0x70, 0x78)
    )
    return word(
        0x53 | rng.randrange(32) << 7 | rng.choice((0, 1, 2, 7)) << 12 | rng.randrange(32) << 15
        | rng.choice((0, 0, 1, 2, 3)) << 20 | (function | rng.getrandbits(1)) << 25
    )  # fmt: skip


def atomic(rng: Random) -> bytes:
    width, order = rng.choice((2, 3, 3, 3)), rng.getrandbits(2) << 25
    base = rng.choice((DATA, DATA, DATA, DATA2, UART, rng.choice(VALUES))) << 15
    if rng.random() < 0.5:
        function = rng.choice((0, 1, 4, 8, 12, 16, 20, 24, 28))
        return word(
            0x2F | _rd(rng) << 7 | width << 12 | base | rng.choice(VALUES) << 20 | order | function << 27
        )
    reserve = word(0x2F | _rd(rng) << 7 | width << 12 | base | order | 2 << 27)
    between = b"".join(rng.choice((alu, compressed, memory))(rng) for _ in range(rng.randrange(3)))
    store = word(0x2F | _rd(rng) << 7 | width << 12 | base | rng.choice(VALUES) << 20 | order | 3 << 27)
    return rng.choice((reserve + between + store, reserve, store))


def csr(rng: Random) -> bytes:
    number = rng.choice(CSRS) if rng.random() < 0.95 else rng.getrandbits(12)
    if number in (0x105, 0x305):  # a handler in the middle of nowhere ends every run
        return i_type(0x73, _rd(rng), *rng.choice(((1, CODE), (2, 0), (2, 0))), number)
    function, source = rng.choice((1, 2, 2, 3, 5, 6, 7)), rng.choice((0, 0, *VALUES, DATA, CODE))
    return i_type(0x73, _rd(rng), function, source, number)


def system(rng: Random) -> bytes:
    value = rng.choice(SYSTEM)
    return word(value) if value & 3 == 3 else parcel(value)


def device(rng: Random) -> bytes:
    base = rng.choice((UART, UART, CLINT, CLINT, CLINT))
    offset = rng.choice((0, 4, 8, 16)) if rng.random() < 0.8 else _offset(rng)
    if rng.random() < 0.5:
        return i_type(0x03, _rd(rng), rng.randrange(7), base, offset)
    return s_type(0x23, rng.choice((0, 2, 2, 3)), base, rng.choice((0, *VALUES)), offset)


def self_modifying(rng: Random) -> bytes:
    """An instruction is stored over code: with fence.i behind it, or without."""
    store = s_type(0x23, rng.choice((1, 2, 2)), CODE, rng.choice(WORDS), rng.randrange(-0x40, 0x40) & ~1)
    return store + (word(0x0000_100F) if rng.random() < 0.6 else b"")


def table_change(rng: Random) -> bytes:
    store = s_type(0x23, 3, TABLE, rng.choice((0, *VALUES, *WORDS)), 8 * rng.randrange(-8, 8))
    return store + (word(0x1200_0073) if rng.random() < 0.6 else b"")


def branches(rng: Random) -> bytes:
    offset = rng.choice((4, 6, 8, 10, 12, 20)) if rng.random() < 0.85 else rng.choice((-12, -8, -4, 64))
    return branch(rng.choice((0, 1, 4, 5, 6, 7)), rng.choice(VALUES), rng.choice(VALUES), offset)


def jumps(rng: Random) -> bytes:
    if rng.random() < 0.7:
        return jal(rng.choice((0, RA)), rng.choice((2, 4, 6, 8, 16, 40)))
    return i_type(0x67, rng.choice((0, RA)), 0, rng.choice((CODE, CODE, RA)), 2 * rng.randrange(-16, 16))


def garbage(rng: Random) -> bytes:
    kind = rng.random()
    if kind < 0.3:
        return rng.randbytes(4)
    if kind < 0.5:
        return rng.randbytes(2)
    damaged = bytearray(rng.choice((alu, memory, csr, system, atomic, floating))(rng))
    damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


Maker = Callable[[Random], bytes]
_MAKERS: dict[Maker, int] = {
    alu: 18, compressed: 16, memory: 16, floating: 3, atomic: 6, csr: 9, system: 3, device: 5,
    self_modifying: 3, table_change: 1, branches: 9, jumps: 4, garbage: 4,
}  # fmt: skip
"""How often each is used, of 100."""


def pool(rng: Random, size: int) -> list[bytes]:
    """So many snippets of one to a few instructions."""
    makers = rng.choices(list(_MAKERS), weights=list(_MAKERS.values()), k=size)
    return [make(rng) for make in makers]
