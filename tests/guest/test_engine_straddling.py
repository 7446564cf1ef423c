# SPDX-License-Identifier: GPL-2.0-or-later
"""Instructions with a half in each of two pages: fetched, intercepted and counted as one."""

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fuzz_tables import LEAF, TableBuilder

from emulator import Machine
from emulator.engine import Engine, EngineConfig
from toolchain.image import Image

Guest = Callable[[str], Path]
A0, S0, S1, S2, S3, S4, S5 = 10, 8, 9, 18, 19, 20, 21

RAM = HANDLER = 0x8000_0000
TABLES = 0x80  # page of RAM
NOP, C_NOP, LOOP = 0x13, 0x0001, 0x6F
LD_A0_0 = 0x0000_3503  # ld a0, 0(x0): faults
LI_A0 = 0x0513  # first half of li a0, immediate; the immediate is in the second
FIRST, SECOND = RAM + 0x3000, RAM + 0x5000  # pages that end with such an instruction
BEHIND = RAM + 0x7000


STAY = "1: j 1b"


@contextmanager
def supervisor(guest: Guest, handler: str, pages: dict[int, int]) -> Iterator[tuple[Engine, TableBuilder]]:
    """A hart in S-mode under Sv39 with these pages: virtual -> physical address.  M-mode handles traps."""
    engine = Engine(EngineConfig(ram_size=1 << 20, quantum=100_000), lambda *_: None, lambda *_: False)
    build = TableBuilder(3, 64, RAM, TABLES)
    for virtual, physical in pages.items():
        build.map(virtual, physical, 0, LEAF)
    for address, data in build.writes():
        engine.ram_write(address, data)
    segment = Image.open(guest(handler)).segment_at(HANDLER)
    assert segment is not None
    engine.ram_write(HANDLER, segment.data)
    for number, value in ((0x3B0, (1 << 54) - 1), (0x3A0, 0x1F), (0x305, HANDLER)):
        engine.set_csr(0, number, value)
    engine.set_csr(0, 0x180, 8 << 60 | (RAM >> 12) + TABLES)
    engine.set_privilege(0, 1)
    try:
        yield engine, build
    finally:
        engine.close()


def tail(*words: int) -> bytes:
    """The last 16 bytes of a page: three instructions, a compressed one, and half of `li a0, ...`."""
    return struct.pack("<IIIHH", *words, C_NOP, LI_A0)


def test_the_last_block_of_the_address_space(guest: Guest) -> None:
    """Address 0 is behind it.  It counts, and what the engine executes in it is intercepted."""
    top = (1 << 64) - 0x1000
    with supervisor(guest, STAY, {top: FIRST}) as (engine, _):
        first, last = 0x0014_0413, (0xC020_24F3, 0xFE5F_F06F)  # addi s0, s0, 1; csrr s1, instret; j -28
        engine.ram_write(FIRST + 0xFE0, struct.pack("<II", first, 0x0140_006F))  # j 0xff8
        engine.ram_write(FIRST + 0xFF8, struct.pack("<II", *last))
        engine.set_csr(0, 0x306, 7)  # mcounteren
        engine.set_pc(0, top + 0xFE0)
        engine.run(4000)
        rounds = engine.get_x(0, S0)
        assert rounds > 900 and engine.traps(0) == 0
        assert engine.instret(0) == 4 * rounds
        assert engine.get_x(0, S1) == 4 * rounds - 2


def test_an_illegal_parcel_in_front_of_a_missing_page(guest: Guest) -> None:
    """At the start of a page it is an empty block; Unicorn looks for that in both pages beside it."""
    handler = """
        csrr t0, mcause
        li t1, 1
        sll t1, t1, t0
        or s1, s1, t1
        addi s0, s0, 1
        sfence.vma
        csrw mepc, s2
        mret
    """
    virtual = 0x4000_0000
    with supervisor(guest, handler, {virtual: FIRST, virtual + 0x1000: SECOND}) as (engine, _):
        engine.ram_write(FIRST, struct.pack("<I", 0x0000_106F))  # j to the next page
        engine.ram_write(SECOND + 0xFFC, struct.pack("<I", NOP))  # no half of it is in the missing page
        engine.set_x(0, S2, virtual)
        engine.set_pc(0, virtual)
        engine.run(1000)
        assert engine.get_x(0, S0) > 100
        assert engine.get_x(0, S1) == 1 << 2  # illegal instruction


@pytest.mark.parametrize("virtual", [0x4000_0000, 0xFFFF_FFFF_FFFF_F000, 0x3F_FFFF_F000])
def test_the_instructions_in_front_of_a_missing_half_run(guest: Guest, virtual: int) -> None:
    """A fetch page fault at the missing page; the last page of the address space has page 0 behind it."""
    with supervisor(guest, STAY, {virtual: FIRST}) as (engine, _):
        engine.ram_write(FIRST + 0xFF0, tail(NOP, NOP, NOP))
        engine.set_pc(0, virtual + 0xFF0)
        engine.run(10)
        assert engine.traps(0) == 1
        behind = (virtual + 0x1000) & ((1 << 64) - 1)
        assert [engine.get_csr(0, number) for number in (0x341, 0x342, 0x343)] == [
            virtual + 0xFFE,
            12,
            behind,
        ]


def test_at_the_end_of_a_32_bit_address_space() -> None:
    engine = Engine(EngineConfig(xlen=32, ram_size=1 << 20), lambda *_: None, lambda *_: False)
    build = TableBuilder(2, 32, RAM, TABLES)
    build.map(0xFFFF_F000, FIRST, 0, LEAF)
    for address, data in build.writes():
        engine.ram_write(address, data)
    engine.ram_write(FIRST + 0xFF0, tail(NOP, NOP, NOP))
    engine.ram_write(HANDLER, struct.pack("<I", LOOP))
    for number, value in ((0x3B0, 0xFFFF_FFFF), (0x3A0, 0x1F), (0x305, HANDLER)):
        engine.set_csr(0, number, value)
    engine.set_csr(0, 0x180, 1 << 31 | (RAM >> 12) + TABLES)
    engine.set_privilege(0, 1)
    engine.set_pc(0, 0xFFFF_FFF0)
    engine.run(10)
    assert [engine.get_csr(0, number) for number in (0x341, 0x342, 0x343)] == [0xFFFF_FFFE, 12, 0]
    engine.close()


def test_two_missing_halves_in_one_slice(guest: Guest) -> None:
    """A load faults in front of the first; the handler goes on to a second, then maps what is missing."""
    handler = """
        addi s1, s1, 1
        li t0, 1
        bne s1, t0, 1f
        li t0, 0x20ff0
        csrw mepc, t0
        mret
    1:  sd s4, 0(s5)
        sfence.vma
        li t0, 0x10ff8
        csrw mepc, t0
        mret"""
    with supervisor(guest, handler, {0x1_0000: FIRST, 0x2_0000: SECOND}) as (engine, build):
        engine.ram_write(FIRST + 0xFF0, tail(NOP, LD_A0_0, NOP))
        engine.ram_write(SECOND + 0xFF0, tail(NOP, LD_A0_0, NOP))
        engine.ram_write(BEHIND, struct.pack("<HI", 0x0070, LOOP))  # li a0, 7; and stay there
        engine.set_x(0, S4, BEHIND >> 12 << 10 | LEAF)
        engine.set_x(0, S5, build.address(2) + 8 * 0x11)
        engine.set_pc(0, 0x1_0FF0)
        engine.run(60)
        assert (engine.traps(0), engine.get_x(0, A0), engine.get_pc(0)) == (2, 7, 0x1_1002)


def test_the_first_half_is_rewritten_while_the_second_is_missing(guest: Guest) -> None:
    """By the handler of a load that faults in front of it, with fence.i; then the slice ends."""
    handler = """
        addi s1, s1, 1
        li t0, 1
        bne s1, t0, 1f
        sh s4, 0(s5)
        fence.i
        wfi
        csrw mie, zero
        li t0, 0x10ff8
        csrw mepc, t0
        mret
    1:  j 1b"""
    with supervisor(guest, handler, {0x1_0000: FIRST}) as (engine, _):
        engine.ram_write(FIRST + 0xFF0, tail(NOP, LD_A0_0, NOP))
        engine.set_x(0, S4, 0x9002)  # c.ebreak
        engine.set_x(0, S5, FIRST + 0xFFE)
        engine.set_csr(0, 0x304, 8)
        engine.set_pc(0, 0x1_0FF0)
        engine.run(40)
        assert engine.is_waiting(0)
        engine.set_line(0, 3, True)
        engine.run(40)
        assert [engine.get_csr(0, number) for number in (0x341, 0x342)] == [0x1_0FFE, 3]


def test_the_second_half_is_rewritten(guest: Guest) -> None:
    """Of an instruction that the engine executes itself: csrr a0, mhartid becomes csrr a0, mscratch."""
    text = """
        li t3, 0x77
        csrw mscratch, t3
        jal ra, tail
        mv s0, a0
        la t1, tail + 2
        li t2, 0x3400
        sh t2, 0(t1)
        fence.i
        jal ra, tail
        mv s1, a0
        wfi
        .org 4096 - 2
    tail:
        .option norvc
        csrr a0, mhartid
        ret"""
    with Machine(guest(text)) as machine:
        machine.engine.set_x(0, A0, 55)
        assert machine.run(100).reason == "idle"
        assert (machine.engine.get_x(0, S0), machine.engine.get_x(0, S1)) == (0, 0x77)


def test_an_amo_becomes_lr_by_its_second_half(guest: Guest) -> None:
    text = """
        la a1, cell
        jal ra, tail
        la t1, tail + 2
        li t2, 0x1005
        sh t2, 0(t1)
        fence.i
        jal ra, tail
        li t0, 9
        sc.w s0, t0, (a1)
        wfi
        .org 4096 - 2
    tail:
        .option norvc
        amoadd.w a0, a2, (a1)   # then lr.w a0, (a1)
        ret
        .data
    cell: .word 5"""
    with Machine(guest(text)) as machine:
        machine.engine.set_x(0, S0, 55)
        machine.engine.set_x(0, 12, 1)
        assert machine.run(100).reason == "idle"
        assert (machine.engine.get_x(0, A0), machine.engine.get_x(0, S0)) == (6, 0)


def test_one_first_half_with_different_second_halves(guest: Guest) -> None:
    """The same page stands in front of two others: csrr a0, mscratch and csrr a0, mhartid."""
    with supervisor(guest, STAY, {}) as (engine, build):
        for place, behind in ((0x1_0000, SECOND), (0x2_0000, BEHIND)):
            build.map(place, FIRST, 0, LEAF)
            build.map(place + 0x1000, behind, 0, LEAF)
        for address, data in build.writes():
            engine.ram_write(address, data)
        engine.ram_write(FIRST + 0xFFE, struct.pack("<H", 0x2573))
        engine.ram_write(SECOND, struct.pack("<HI", 0x1400, 0x0000_8067))  # sscratch; ret
        engine.ram_write(BEHIND, struct.pack("<HI", 0x1410, 0x0000_8067))  # sepc; ret
        engine.set_csr(0, 0x140, 0x11)
        engine.set_csr(0, 0x141, 0x22)
        for place, expected in ((0x1_0FFE, 0x11), (0x2_0FFE, 0x22), (0x1_0FFE, 0x11)):
            engine.set_x(0, 1, place)
            engine.set_pc(0, place)
            engine.run(1)
            assert engine.get_x(0, A0) == expected


@pytest.mark.parametrize(
    "instruction",
    ["csrr a0, mhartid", "fence.i", "csrw mscratch, a0", "sfence.vma", "lr.w a0, (sp)", "add a0, a0, a1"],
)
def test_it_counts_once(guest: Guest, instruction: str) -> None:
    """In minstret, and by its address; also when its page's code is refreshed afterwards."""
    text = f"""
        la sp, tail
        li s2, 3
    1:  csrr s0, minstret
        jal ra, tail
        csrr s1, minstret
        sub s3, s1, s0
        la t0, tail
        lhu t1, 0(t0)
        sh t1, 0(t0)
        fence.i
        addi s2, s2, -1
        bnez s2, 1b
        wfi
        .org 4096 - 2
    tail:
        .option norvc
        {instruction}
        ret"""
    with Machine(guest(text.replace("la sp, tail", "la sp, tail + 2"))) as machine:
        assert machine.run(1000).reason == "idle"
        assert machine.engine.get_x(0, S3) == 1 + 1 + 1 + 1
        counts = machine.engine.counts(RAM)
        assert counts[RAM + 0xFFE] == 3
        assert sum(counts.values()) + sum(machine.engine.counts(RAM + 0x1000).values()) == machine.instret(0)


def test_more_pages_of_code_than_any_table_has_room_for() -> None:
    engine = Engine(EngineConfig(ram_size=32 << 20), lambda *_: None, lambda *_: False)
    pages = 6000
    for page in range(pages):  # each goes on in the next one
        engine.ram_write(RAM + 0x1000 * page, struct.pack("<IH", 0x0000_106F, C_NOP))
    engine.ram_write(RAM + 0x1000 * pages, struct.pack("<I", LOOP))
    engine.set_pc(0, RAM)
    engine.run(pages + 10)
    assert engine.get_pc(0) == RAM + 0x1000 * pages
    engine.close()
