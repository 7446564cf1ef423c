# SPDX-License-Identifier: GPL-2.0-or-later
"""What a fuzzed machine is given: everything follows from one number, the seed of the run.

RAM is small: trap handlers in its first page, page tables behind them, then code, then data. Virtual
addresses, where there are any, mostly lead to the same place as the physical ones, so that pointers mean
something.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from random import Random

import fuzz_code as code
from fuzz_tables import Tables, make_tables

from emulator.engine import EngineConfig

PAGE = 4096
RAM, PAGES = 0x8000_0000, 64
CLINT, DEVICES = 0x0200_0000, 0x1000_0000
DEVICE_KINDS = 8
"""What the 256 bytes from DEVICES + 256 * kind do is up to fuzz_runner.py."""
TABLE_PAGE, CODE_PAGE, DATA_PAGE = 1, 8, 40  # the first page of each, after the handlers
MACHINE_HANDLER, SUPERVISOR_HANDLER = 0x0, 0x400
SAME_CONFIG = 250
"""So many seeds in a row have the same options, and so can share an engine."""
SAME_POOL = 500

ACTIONS = ("nothing", "line", "dma", "snapshot", "rollback", "save", "damage", "csr", "event", "look")
_SATP = 0x180


def config_of(seed: int) -> EngineConfig:
    rng = Random(f"config {seed // SAME_CONFIG}")
    return EngineConfig(
        harts=rng.choice((1, 1, 2, 3)),
        xlen=rng.choice((64, 64, 64, 64, 64, 32)),
        ram_base=RAM,
        ram_size=PAGES * PAGE,
        quantum=rng.choice((1, 2, 7, 31, 32, 33, 100, 1000, 100_000)),
        instructions_per_tick=rng.choice((1, 10, 100)),
        hardware_ad=rng.choice((0, 1, 1)),
        pmp_entries=rng.choice((0, 16, 16, 64)),
        per_instruction=int(rng.random() < 0.15),
        extensions=rng.choice((0, 63, 63)),
        strict_nan_boxing=int(rng.random() < 0.1),
        calls_only=int(rng.random() < 0.1),
    )


_STATUS_BITS = {1: 0.5, 3: 0.5, 5: 0.5, 7: 0.5, 8: 0.5, 17: 0.1, 18: 0.4, 19: 0.2, 20: 0.1, 21: 0.1, 22: 0.1}
"""Bit of mstatus: how probable it is."""


@dataclass(frozen=True)
class HartStart:
    pc: int
    privilege: int
    x: tuple[int, ...]
    csrs: tuple[tuple[int, int], ...]
    """CSR number and value, in the order of writing; satp, which brings the code up to date, is the last."""


@dataclass(frozen=True)
class Piece:
    """A stretch of the run: so many instructions, and what the host does in front of it."""

    instructions: int
    action: str
    number: int
    """Random: what the action makes of it."""


@dataclass
class Case:
    seed: int
    config: EngineConfig
    writes: list[tuple[int, bytes]] = field(default_factory=list)
    """Physical address and data."""
    harts: list[HartStart] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    observed: bool = False
    """With marks and the cost model: the same for all seeds that share options."""


@lru_cache(maxsize=2)
def _pool(number: int) -> list[bytes]:
    return code.pool(Random(f"pool {number}"), 4000)


def _handler(rng: Random, supervisor: bool, escape: int, xlen: int) -> bytes:
    """Step over what trapped; where the fetch itself failed, go to `escape`; close the door to interrupts."""
    shift = 0x200 if supervisor else 0
    cause, epc, enabled = 0x342 - shift, 0x341 - shift, 0x304 - shift
    back = code.word(0x1020_0073 if supervisor else 0x3020_0073)
    load_escape = code.word(0x37 | 30 << 7 | escape & 0xFFFF_F000) + code.i_type(
        0x13, 30, 6, 30, escape & 0x7FE
    )
    if xlen == 64 and escape >> 32 == 0:  # lui has extended the sign
        load_escape += code.i_type(0x13, 30, 1, 30, 32) + code.i_type(0x13, 30, 5, 30, 32)
    skip = code.i_type(0x73, 30, 2, 0, epc) + code.i_type(0x13, 30, 0, 30, rng.choice((2, 4, 4, 4)))
    leave = code.i_type(0x73, 0, 1, 30, epc) + back
    return (
        code.i_type(0x73, 31, 2, 0, cause)
        + code.branch(5, 31, 0, 12)  # bgez
        + code.i_type(0x73, 0, 1, 0, enabled)
        + back
        + code.i_type(0x13, 31, 0, 31, -1)
        + code.branch(0, 31, 0, 12 + len(skip) + 4)
        + code.i_type(0x13, 31, 0, 31, -11)
        + code.branch(0, 31, 0, 4 + len(skip) + 4)
        + skip
        + code.jal(0, 4 + len(load_escape))
        + load_escape
        + leave
    )


class _Maker:
    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.case = Case(seed, config_of(seed))
        self.pool = _pool(seed // SAME_POOL)
        self.starts: list[int] = []  # offsets in RAM at which code begins
        self.tables: Tables | None = None

    def _write(self, offset: int, data: bytes) -> None:
        data = data[: PAGES * PAGE - offset]
        self.case.writes.append((RAM + offset, data))

    def _virtual(self, offset: int) -> int:
        return offset + (RAM if self.tables is None else self.tables.base)

    def _code(self) -> None:
        rng = self.rng
        if rng.random() < 0.3:  # instead of zeros, which are illegal instructions
            filler = code.parcel(0x0001) if rng.random() < 0.7 else rng.randbytes(rng.choice((2, 4, 64)))
            size = rng.randrange(1, 4) * PAGE
            self._write(CODE_PAGE * PAGE, (filler * (size // len(filler) + 1))[:size])
        for _ in range(rng.randrange(1, 5)):
            snippets = rng.choices(self.pool, k=rng.randrange(8, 90))
            offset = PAGE * rng.randrange(CODE_PAGE, CODE_PAGE + 6)
            kind = rng.random()
            if kind < 0.4:  # over the border of two pages
                offset += PAGE - 2 * rng.randrange(1, 60)
            elif kind < 0.8:
                offset += 2 * rng.randrange(PAGE // 2)
            if rng.random() < 0.03:  # over the end of RAM, and maybe of the address space
                offset = PAGES * PAGE - 2 * rng.randrange(1, 30)
            body = b"".join(snippets)
            if self.starts and rng.random() < 0.8:
                body += code.jal(0, rng.choice(self.starts) - (offset + len(body)))
            self.starts.append(offset)
            self._write(offset, body)

    def _data(self) -> None:
        rng = self.rng
        for _ in range(rng.randrange(3)):
            self._write(PAGE * rng.randrange(DATA_PAGE, PAGES), rng.randbytes(rng.choice((8, 64, 512))))

    def _pointer(self) -> int:
        """Somewhere in the data: aligned mostly, at the end of a page at times."""
        rng = self.rng
        offset = PAGE * rng.randrange(DATA_PAGE, PAGES)
        kind = rng.random()
        if kind < 0.6:
            return self._virtual(offset + 8 * rng.randrange(64))
        if kind < 0.9:
            return self._virtual(offset + PAGE - 8 * rng.randrange(20))
        return self._virtual(offset + rng.randrange(PAGE))

    def _value(self) -> int:
        rng = self.rng
        kind = rng.randrange(6)
        if kind < 2:
            return rng.randrange(100)
        if kind == 2:
            return rng.getrandbits(64)
        if kind == 3:
            return self._pointer()
        if kind == 4:
            return RAM + PAGE * rng.randrange(PAGES) >> 12 << 10 | rng.choice((0xCF, 0xDF, 0x01, 0x4B))
        return 1 << rng.randrange(64)

    def _registers(self) -> tuple[int, ...]:
        rng = self.rng
        x = [rng.getrandbits(64)] * 32
        for register in (*code.VALUES, rng.randrange(20, 32)):
            x[register] = self._value()
        x[code.RA] = x[code.CODE] = self._virtual(rng.choice(self.starts) + 2 * rng.randrange(16))
        if rng.random() < 0.2:
            x[code.CODE] = self._virtual(
                PAGE * rng.randrange(CODE_PAGE + 1, CODE_PAGE + 7) - rng.choice((2, 4, 8))
            )
        x[code.SP], x[code.DATA], x[code.DATA2] = self._pointer(), self._pointer() & ~7, self._pointer()
        x[code.UART] = DEVICES + 0x100 * rng.randrange(DEVICE_KINDS)
        x[code.CLINT] = CLINT + rng.choice((0, 0x4000, 0x4000, 0xBFF8, 0xBFF0, 0xFFFC))
        x[code.TABLE] = self._virtual(PAGE * rng.randrange(TABLE_PAGE, CODE_PAGE) + 8 * rng.randrange(512))
        for register in code.WORDS:
            x[register] = int.from_bytes((rng.choice(self.pool) + rng.choice(self.pool))[:4], "little")
        mask = (1 << self.case.config.xlen) - 1
        return tuple(value & mask for value in x)

    def _status(self) -> int:
        rng = self.rng
        status = rng.choice((0, 1, 3, 3)) << 13 | rng.choice((0, 1, 3)) << 11
        for bit, probability in _STATUS_BITS.items():
            status |= (rng.random() < probability) << bit
        return status

    def _csrs(self) -> tuple[tuple[int, int], ...]:
        rng = self.rng
        result = []
        if rng.random() < 0.93:
            result += [(0x3B0, (1 << 54) - 1), (0x3A0, 0x1F)]
        else:
            result += [(0x3B0 + i, (RAM >> 2) + rng.randrange(PAGES << 10)) for i in range(4)]
            result += [(0x3A0, rng.getrandbits(32) & (0xFFFF_FFFF if rng.random() < 0.3 else 0x7F7F_7F7F))]
        some = self._virtual(rng.choice(self.starts))
        machine_handler = RAM + MACHINE_HANDLER | rng.choice((0, 0, 1))
        result += [
            (0x305, machine_handler if rng.random() < 0.9 else rng.getrandbits(64)),
            (0x105, self._virtual(SUPERVISOR_HANDLER) if rng.random() < 0.9 else rng.getrandbits(64)),
            (0x302, rng.choice((0, 0, 0xB1FF, rng.getrandbits(16)))),
            (0x303, rng.choice((0, 0x222, rng.getrandbits(12)))),
            (0x304, rng.choice((0, 0, 0xAAA, rng.getrandbits(12)))),
            (0x344, rng.choice((0, 0, 0x222))),
            (0x306, rng.choice((7, 0, rng.getrandbits(32)))),
            (0x106, rng.choice((7, 0, rng.getrandbits(32)))),
            (0x341, some), (0x141, some), (0x300, self._status()),
        ]  # fmt: skip
        if rng.random() < 0.1:
            result += [(rng.choice((0x320, 0xB00, 0xB02)), rng.getrandbits(64)) for _ in range(2)]
        if rng.random() < 0.1:
            result.append((rng.choice(code.CSRS), rng.getrandbits(64)))
        result.append((0x180, 0 if self.tables is None else self.tables.satp))
        return tuple(result)

    def make(self) -> Case:
        rng, config = self.rng, self.case.config
        self._code()
        if rng.random() < 0.6:
            self.tables = make_tables(rng, config.xlen, RAM, PAGES, TABLE_PAGE)
            self.case.writes += self.tables.writes
        for supervisor in (False, True):
            escape = (
                self._virtual(self.starts[0])
                if supervisor
                else rng.choice((RAM, self._virtual(0))) + self.starts[-1]
            )
            text = _handler(rng, supervisor, escape, config.xlen)
            if rng.random() < 0.05:
                text = b"".join(rng.choices(self.pool, k=20))
            self._write(SUPERVISOR_HANDLER if supervisor else MACHINE_HANDLER, text)
        self._data()
        for _ in range(config.harts):
            privilege = rng.choice((3, 3, 1, 0) if self.tables is None else (3, 1, 1, 0, 0))
            offset = rng.choice(self.starts) + (2 * rng.randrange(20) if rng.random() < 0.2 else 0)
            pc = RAM + offset if privilege == 3 else self._virtual(offset)
            self.case.harts.append(HartStart(pc, privilege, self._registers(), self._csrs()))
        for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
            action = "nothing" if rng.random() < 0.5 else rng.choice(ACTIONS)
            self.case.pieces.append(
                Piece(rng.choice((1, 20, 100, 200, 400, 400, 1500)), action, rng.getrandbits(32))
            )
        self.case.observed = not config.per_instruction and self.case.seed // SAME_CONFIG % 8 == 3
        return self.case


def is_bare(case: Case) -> bool:
    """Does it begin without address translation?  What is in a TLB is no part of a state."""
    mode = 60 if case.config.xlen == 64 else 31
    return not any(number == _SATP and value >> mode for hart in case.harts for number, value in hart.csrs)


def make_case(seed: int) -> Case:
    """The run of that seed."""
    return _Maker(seed).make()
