# SPDX-License-Identifier: GPL-2.0-or-later
"""Random guest programs for property tests: instructions that mean something, with traps in mid-block."""

import struct

from hypothesis import strategies as st

BASE = 0x8000_0000
HANDLER = BASE + 0x4000  # where the M-mode trap handler is
DATA = BASE + 0x6000
RAM = 1 << 20

REGISTERS = (5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
CSRS = (0x300, 0x304, 0x305, 0x340, 0x341, 0x342, 0x343, 0x344, 0x180, 0x100, 0x104, 0x105, 0x140,
        0x141, 0xB00, 0xB02, 0x320, 0xC00, 0xC01, 0xC02, 0x001, 0x002, 0x003, 0xF14, 0x302, 0x303,
        0x306, 0x7C0)  # fmt: skip

register = st.sampled_from(REGISTERS)
twelve = st.integers(0, 0xFFF)


def word(value: int) -> bytes:
    return struct.pack("<I", value & 0xFFFF_FFFF)


def parcel(value: int) -> bytes:
    return struct.pack("<H", value & 0xFFFF)


def alu() -> st.SearchStrategy[bytes]:
    return st.builds(
        lambda rd, rs, function, immediate: word(
            0x13 | rd << 7 | function << 12 | rs << 15 | immediate << 20
        ),
        register, register, st.sampled_from((0, 2, 3, 4, 6, 7)), twelve,
    )  # fmt: skip


def muldiv() -> st.SearchStrategy[bytes]:
    return st.builds(
        lambda rd, a, b, function: word(0x33 | rd << 7 | function << 12 | a << 15 | b << 20 | 1 << 25),
        register, register, register, st.integers(0, 7),
    )  # fmt: skip


def compressed() -> st.SearchStrategy[bytes]:
    addi = st.builds(lambda rd, imm: parcel(0x0001 | rd << 7 | imm << 2), register, st.integers(1, 31))
    move = st.builds(lambda rd, rs: parcel(0x8002 | rd << 7 | rs << 2), register, register)
    return st.one_of(addi, move)


def memory() -> st.SearchStrategy[bytes]:
    """Loads and stores; x5 is made to point at data now and then, so most others fault."""
    load = st.builds(
        lambda rd, rs, width, offset: word(0x03 | rd << 7 | width << 12 | rs << 15 | offset << 20),
        register, st.sampled_from((5, 5, 5, 6)), st.integers(0, 6), st.integers(0, 0x7FF),
    )  # fmt: skip
    store = st.builds(
        lambda value, rs, width, offset: word(
            0x23 | (offset & 31) << 7 | width << 12 | rs << 15 | value << 20 | offset >> 5 << 25
        ),
        register, st.sampled_from((5, 5, 5, 6)), st.integers(0, 3), st.integers(0, 0x7FF),
    )  # fmt: skip
    return st.one_of(load, store)


def atomic() -> st.SearchStrategy[bytes]:
    return st.builds(
        lambda rd, value, width, function, order: word(
            0x2F | rd << 7 | width << 12 | 5 << 15
            | (function != 2) * value << 20 | order << 25 | function << 27
        ),
        register, register, st.integers(2, 3), st.sampled_from((0, 1, 2, 3, 4, 8, 12, 16, 20, 24, 28)),
        st.integers(0, 3),
    )  # fmt: skip


def csr() -> st.SearchStrategy[bytes]:
    return st.builds(
        lambda rd, rs, function, number: word(0x73 | rd << 7 | function << 12 | rs << 15 | number << 20),
        register, register, st.sampled_from((1, 2, 3, 5, 6, 7)), st.sampled_from(CSRS),
    )  # fmt: skip


def branch() -> st.SearchStrategy[bytes]:
    return st.builds(
        lambda a, b, function, offset: word(
            0x63 | (offset & 0x1E) << 7 | function << 12 | a << 15 | b << 20 | (offset >> 5 & 0x3F) << 25
        ),
        register, register, st.sampled_from((0, 1, 4, 5, 6, 7)), st.sampled_from((4, 6, 8, 10, 12, 20)),
    )  # fmt: skip


system = st.sampled_from(
    [word(w) for w in (0x00000073, 0x00100073, 0x30200073, 0x10200073, 0x12000073, 0x0000100F, 0x0FF0000F)]
    + [parcel(0x9002), parcel(0), word(0xFFFF_FFFF)]
)
point_at_data = st.builds(lambda rd: word(0x17 | rd << 7 | 0x6 << 12), st.just(5))  # auipc x5, 6
device = st.just(word(0x1000_0337) + word(0x0053_4303))  # lui x6, 0x10000; lbu x6, 5(x6)

instruction = st.one_of(
    alu(), alu(), muldiv(), compressed(), compressed(), memory(), memory(), atomic(), csr(), branch(), system,
    point_at_data, device,
)  # fmt: skip

programs = st.lists(instruction, min_size=4, max_size=60).map(b"".join)
