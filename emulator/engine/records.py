# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes into the engine and comes out of it: plain values, named as in `replug.h`."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple


class StopReason(enum.IntEnum):
    """Why `Engine.run` came back (`enum replug_stop`)."""

    LIMIT = 1
    EVENT = 2
    REQUEST = 3
    IDLE = 4
    OBSERVER = 5
    WILD = 6
    FAILURE = 7


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


EXTENSIONS = {"zba": 1, "zbb": 2, "zbs": 4, "zicond": 8, "sstc": 16, "svadu": 32}
"""Bits of `EngineConfig.extensions` (`enum replug_extension`)."""


@dataclass(frozen=True)
class Pipeline:
    """Costs of the in-order model in cycles, each on top of one cycle an instruction (`replug_pipeline`)."""

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


class Event(NamedTuple):
    """A hart passed a mark: its counters before the marked instruction, and the captured register."""

    mark: int
    hart: int
    instret: int
    cycles: int
    time: int
    value: int


class PathRow(NamedTuple):
    """Costs of one kind of instance of a named path: histograms, value -> number of calls.

    name, step (0: the whole path), variants and parameters are the numbers given to `Engine.mark`.
    """

    name: int
    step: int
    variants: tuple[int, ...]
    parameters: dict[int, int]
    calls: int
    instructions: dict[int, int]
    cycles: dict[int, int]


class WildHart(NamedTuple):
    """A hart that only traps: the trap it repeats."""

    hart: int
    cause: int
    value: int
    pc: int
