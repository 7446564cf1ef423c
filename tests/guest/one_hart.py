# SPDX-License-Identifier: GPL-2.0-or-later
"""One hart without a machine around it, and instructions as numbers: for tests that go step by step."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from emulator.engine import Engine, EngineConfig

RAM = 0x8000_0000
SIZE = 4 << 20
HANDLER = RAM  # of M-mode: an endless loop
SUPERVISOR_HANDLER = RAM + 0x400
CODE = RAM + 0x1000
DATA = RAM + 0x10_0000
INTERRUPT = 1 << 63

USER, SUPERVISOR, MACHINE = 0, 1, 3
X0, A0, A1, A2, A3, A4 = 0, 10, 11, 12, 13, 14

SSTATUS, SIE, STVEC, SCOUNTEREN, SSCRATCH, SEPC, SCAUSE, STVAL, SIP, SATP = (
    0x100, 0x104, 0x105, 0x106, 0x140, 0x141, 0x142, 0x143, 0x144, 0x180)  # fmt: skip
MSTATUS, MISA, MEDELEG, MIDELEG, MIE, MTVEC, MCOUNTEREN, MCOUNTINHIBIT = (
    0x300, 0x301, 0x302, 0x303, 0x304, 0x305, 0x306, 0x320)  # fmt: skip
MSCRATCH, MEPC, MCAUSE, MTVAL, MIP = 0x340, 0x341, 0x342, 0x343, 0x344
PMPCFG0, PMPADDR0 = 0x3A0, 0x3B0
MCYCLE, MINSTRET, CYCLE, TIME, INSTRET = 0xB00, 0xB02, 0xC00, 0xC01, 0xC02

STATUS_SIE, STATUS_MIE, STATUS_SPIE, STATUS_MPIE, STATUS_SPP = 1 << 1, 1 << 3, 1 << 5, 1 << 7, 1 << 8
STATUS_MPP, STATUS_FS, STATUS_MPRV, STATUS_SUM, STATUS_MXR = 3 << 11, 3 << 13, 1 << 17, 1 << 18, 1 << 19
STATUS_TVM, STATUS_TW, STATUS_TSR, STATUS_SD = 1 << 20, 1 << 21, 1 << 22, 1 << 63

ILLEGAL, BREAKPOINT, FETCH_ACCESS, LOAD_ACCESS, STORE_ACCESS = 2, 3, 1, 5, 7
LOAD_MISALIGNED, STORE_MISALIGNED, FETCH_PAGE, LOAD_PAGE, STORE_PAGE = 4, 6, 12, 13, 15

NOP, ECALL, EBREAK, SRET, MRET, WFI, SFENCE, FENCE_I, LOOP = (
    0x13, 0x73, 0x0010_0073, 0x1020_0073, 0x3020_0073, 0x1050_0073, 0x1200_0073, 0x100F, 0x6F)  # fmt: skip


def csr(function: int, rd: int, number: int, source: int) -> int:
    """function: 1 csrrw, 2 csrrs, 3 csrrc, 5 to 7 the same with an immediate; source: register or that."""
    return number << 20 | source << 15 | function << 12 | rd << 7 | 0x73


def csrr(rd: int, number: int) -> int:
    return csr(2, rd, number, X0)


def csrw(number: int, source: int) -> int:
    return csr(1, X0, number, source)


def load(rd: int, base: int, offset: int = 0, width: int = 8) -> int:
    """Signed."""
    return (offset & 0xFFF) << 20 | base << 15 | (width.bit_length() - 1) << 12 | rd << 7 | 0x03


def store(value: int, base: int, offset: int = 0, width: int = 8) -> int:
    offset &= 0xFFF
    function = width.bit_length() - 1
    return offset >> 5 << 25 | value << 20 | base << 15 | function << 12 | (offset & 31) << 7 | 0x23


def amo(function: int, rd: int, base: int, value: int, width: int = 8) -> int:
    """function: 0 amoadd, 1 amoswap, 2 lr, 3 sc, ..."""
    return function << 27 | value << 20 | base << 15 | (width.bit_length() - 1) << 12 | rd << 7 | 0x2F


def addi(rd: int, source: int, immediate: int) -> int:
    return (immediate & 0xFFF) << 20 | source << 15 | rd << 7 | 0x13


class Trap(NamedTuple):
    """What a trap has left behind; privilege: the mode it went to."""

    cause: int
    value: int
    pc: int
    privilege: int = MACHINE


class OneHart:
    """A hart with 4 MiB of RAM at 0x80000000; PMP opens all of it, nothing is delegated, no paging."""

    def __init__(self, **config: int) -> None:
        # Slices of one instruction when counting by instruction: a run stops exactly where it should.
        options = {"ram_size": SIZE, "per_instruction": 1, "quantum": 1 << 20} | config
        self.engine = Engine(EngineConfig(**options), lambda *_: None, lambda *_: False)
        self.write(HANDLER, [LOOP])
        self.write(SUPERVISOR_HANDLER, [LOOP])
        self[MTVEC] = HANDLER
        self[STVEC] = SUPERVISOR_HANDLER
        if self.engine.config.pmp_entries:
            self[PMPADDR0] = (1 << 54) - 1
            self[PMPCFG0] = 0x1F

    def __getitem__(self, number: int) -> int:
        value = self.engine.get_csr(0, number)
        assert value is not None, f"there is no CSR {number:#x}"
        return value

    def __setitem__(self, number: int, value: int) -> None:
        assert self.engine.set_csr(0, number, value), f"there is no CSR {number:#x}"

    def write(self, address: int, words: Sequence[int], size: str = "I") -> None:
        """Words (`size` as in struct), seen by fetches at once."""
        mask = (1 << 8 * struct.calcsize(size)) - 1
        data = struct.pack(f"<{len(words)}{size}", *(word & mask for word in words))
        assert self.engine.ram_write(address, data)
        self.engine.set_csr(0, SATP, self[SATP])  # stands in for sfence.vma and fence.i

    def read(self, address: int, size: str = "Q") -> int:
        start = address - RAM
        data = bytes(self.engine.ram[start : start + struct.calcsize(size)])
        value: int = struct.unpack(f"<{size}", data)[0]
        return value

    def x(self, register: int) -> int:
        return self.engine.get_x(0, register)

    def run(
        self, privilege: int, words: Sequence[int], at: int = CODE, count: int | None = None, **registers: int
    ) -> None:
        """Run so many instructions (all of them if not said) at this physical address, from this mode."""
        self.write(at, [*words, LOOP])
        self.go(privilege, at, len(words) if count is None else count, **registers)

    def go(self, privilege: int, at: int, count: int = 1, **registers: int) -> None:
        """The same with what is there already, at a virtual address."""
        for name, value in registers.items():
            self.engine.set_x(0, int(name[1:]) + 10, value)  # a0 is x10
        self.engine.set_privilege(0, privilege)
        self.engine.set_pc(0, at)
        self.engine.run(count)

    def step(self, privilege: int, word: int, at: int = CODE, **registers: int) -> Trap | None:
        """One instruction; the trap it ends in, if any."""
        self.write(at, [word, LOOP])
        return self.step_at(privilege, at, **registers)

    def step_at(self, privilege: int, at: int, **registers: int) -> Trap | None:
        """The same with what is there already, at a virtual address."""
        before = self.engine.traps(0)
        self.go(privilege, at, **registers)
        return self.trap() if self.engine.traps(0) != before else None

    def trap(self) -> Trap:
        """The latest one, by the mode that the hart is in now."""
        if self.engine.get_privilege(0) == MACHINE:
            return Trap(self[MCAUSE], self[MTVAL], self[MEPC], MACHINE)
        return Trap(self[SCAUSE], self[STVAL], self[SEPC], SUPERVISOR)


@contextmanager
def one_hart(**config: int) -> Iterator[OneHart]:
    """A fresh one; config: as for EngineConfig."""
    hart = OneHart(**config)
    try:
        yield hart
    finally:
        hart.engine.close()
