# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes into the engine and comes out of it: plain values, named as in `replug.h`."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple

PAGE_SIZE = 4096
MAX_MODELS = 6


class StopReason(enum.IntEnum):
    """Why `Engine.run` came back (`enum replug_stop`)."""

    LIMIT = 1
    EVENT = 2
    REQUEST = 3
    IDLE = 4
    OBSERVER = 5
    WILD = 6
    FAILURE = 7
    WATCH = 8
    BREAK = 9
    WATCHPOINT = 10
    SLEEP = 11
    CATCH = 12


@dataclass(frozen=True)
class EngineConfig:
    """What a machine is made of.  Sizes in bytes, the quantum in instructions."""

    harts: int = 1
    xlen: int = 64
    ram_base: int = 0x8000_0000
    ram_size: int = 128 << 20
    quantum: int = 1000
    instructions_per_tick: int = 100
    hardware_ad: int = 1
    pmp_entries: int = 16
    per_instruction: int = 0
    devices: int = 0
    extensions: int = 0
    strict_nan_boxing: int = 0
    calls_only: int = 0


EXTENSIONS = {"zba": 1, "zbb": 2, "zbs": 4, "zicond": 8, "sstc": 16, "svadu": 32}
"""Bits of `EngineConfig.extensions` (`enum replug_extension`)."""


KINDS = (
    "alu", "load", "store", "branch", "jump", "indirect", "return", "multiply", "divide", "fence", "fence_i",
    "amo", "lr", "sc", "csr", "csr_float", "system", "ebreak", "float", "float_minmax", "reserved", "unknown",
)  # fmt: skip
"""Kinds of instructions, in the order of `enum kind` in decode.h."""


@dataclass(frozen=True)
class Pipeline:
    """Costs of a model in cycles (`replug_pipeline`): each on top of one cycle an instruction, or, with
    by_table, an instruction's by its kind (KINDS) and on top of it only those of jumps, branches and traps.
    """

    load_use: int = 0
    load_use_narrow: int = 0
    multiply: int = 0
    divide: int = 0
    mispredict: int = 0
    jump: int = 0
    indirect: int = 0
    ret: int = 0
    csr: int = 0
    fence: int = 0
    fence_light: int = 0
    fence_i: int = 0
    atomic: int = 0
    trap: int = 0
    floating: int = 0
    taken: int = 0
    by_table: int = 0
    table: tuple[int, ...] = ()


@dataclass(frozen=True)
class Caches:
    """L1 caches of a model (`replug_caches`): line in bytes, costs in cycles."""

    line: int = 64
    instruction_sets: int = 64
    instruction_ways: int = 8
    data_sets: int = 64
    data_ways: int = 8
    miss: int = 0
    transfer: int = 0
    upgrade: int = 0


class EventKind(enum.IntEnum):
    """What happened (`enum replug_event_kind`)."""

    MARK = 0
    TRAP = 1
    RETURN = 2
    WAIT = 3
    WAKE = 4


class Event(NamedTuple):
    """A hart passed a mark, trapped, returned, fell asleep or woke: its counters before the instruction.

    cycles: under each model; value: of the captured register, or the cause of a trap.
    """

    kind: EventKind
    mark: int
    hart: int
    instret: int
    cycles: tuple[int, ...]
    time: int
    value: int


class PathPart(NamedTuple):
    """A part of the costs of a path's calls, as histograms: value -> number of calls.

    cycles: under each model.
    """

    instructions: dict[int, int]
    cycles: tuple[dict[int, int], ...]


class PathRow(NamedTuple):
    """Costs of one kind of instance of a named path.

    name, step (0: the whole path), variants and parameters are the numbers given to `Engine.mark`.  total:
    callees included and interrupts not; own: the same without paths that were open inside it.  sample: hart,
    and its retired instructions at begin and end, of the first of the least expensive calls that ran on one
    hart uninterrupted.
    """

    name: int
    step: int
    variants: tuple[int, ...]
    parameters: dict[int, int]
    calls: int
    total: PathPart
    own: PathPart
    interrupts: PathPart
    sample: tuple[int, int, int] | None


class Generated(NamedTuple):
    """Code that the guest says it has generated, at a virtual address that was this physical one then.

    mark: of those given to `Engine.mark`; values: what else was told, by the marks that did; step: when.
    """

    step: int
    physical: int
    address: int
    mark: int
    values: dict[int, int]


class WatchHit(NamedTuple):
    """An access of a hart to a watched area of RAM.

    address: physical, of its first byte; width: bytes; before, value: what was there, and what is now.
    """

    hart: int
    pc: int
    address: int
    width: int
    is_store: bool
    before: int
    value: int


class CallEdge(NamedTuple):
    """Calls of a function from one place (physical addresses), and the instructions inside, callees too."""

    site: int
    callee: int
    calls: int
    instructions: int


class OldPage(NamedTuple):
    """What a page of code was before it changed.  counts: offset in the page -> executions there."""

    physical: int
    content: bytes
    counts: dict[int, int]


class WildHart(NamedTuple):
    """A hart that only traps: the trap it repeats."""

    hart: int
    cause: int
    value: int
    pc: int


class Access(enum.IntFlag):
    """What is waited for: how watched bytes are touched, and more (`enum replug_access`)."""

    READ = 1
    WRITE = 2
    EXECUTE = 4
    REGISTER = 8
    TRAP = 16


class Hit(NamedTuple):
    """A breakpoint, watchpoint or catchpoint was met.

    step: steps (instructions and traps) of all harts in front of the instruction that met it, whose address
    is pc; address, physical, width (bytes): of the access.  device: the number of the device that has written
    there, 0: it was the hart; hart and pc then say who was to go on.
    Of a trap: step is in front of it; pc, address, physical: what it leaves in xepc and xtval, and its cause,
    bit 63 set for an interrupt.
    """

    step: int
    pc: int
    address: int
    physical: int
    hart: int
    number: int
    kind: Access
    width: int
    device: int = 0
