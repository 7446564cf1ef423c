# SPDX-License-Identifier: GPL-2.0-or-later
"""Random page tables (Sv32, Sv39, Sv48): valid ones, superpages, tables in themselves, broken ones."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from random import Random

PAGE = 4096
V, R, W, X, U, G, A, D = (1 << bit for bit in range(8))
LEAF = V | R | W | X | A | D


@dataclass(frozen=True)
class Tables:
    satp: int
    base: int
    """The virtual address that leads to the start of RAM, if all is well."""
    writes: list[tuple[int, bytes]]


class TableBuilder:
    """Tables in RAM from page `first` on."""

    def __init__(self, levels: int, xlen: int, ram: int, first: int) -> None:
        self.levels, self.ram, self.first = levels, ram, first
        self.index_bits, self.width = (10, "I") if xlen == 32 else (9, "Q")
        self.tables: list[dict[int, int]] = [{}]

    def address(self, number: int) -> int:
        return self.ram + PAGE * (self.first + number)

    def table_of(self, virtual: int, level: int) -> dict[int, int]:
        """The table of that level (0: the last) for an address, made if it is not there."""
        table = 0
        for at in range(self.levels - 1, level, -1):
            index = virtual >> (12 + self.index_bits * at) & ((1 << self.index_bits) - 1)
            entry = self.tables[table].get(index)
            if entry is None or entry & (R | W | X):
                self.tables.append({})
                entry = self.address(len(self.tables) - 1) >> 12 << 10 | V
                self.tables[table][index] = entry
            table = (entry >> 10) - (self.address(0) >> 12)
        return self.tables[table]

    def map(self, virtual: int, physical: int, level: int, flags: int) -> None:
        """A leaf at that level, 0 for a page."""
        index = virtual >> (12 + self.index_bits * level) & ((1 << self.index_bits) - 1)
        self.table_of(virtual, level)[index] = physical >> 12 << 10 | flags

    def writes(self) -> list[tuple[int, bytes]]:
        """Runs of neighbouring entries in one piece."""
        size = struct.calcsize(self.width)
        result = []
        for number, entries in enumerate(self.tables):
            indices = sorted(entries)
            at = 0
            while at < len(indices):
                end = at + 1
                while end < len(indices) and indices[end] == indices[end - 1] + 1:
                    end += 1
                run = [entries[index] for index in indices[at:end]]
                data = struct.pack(f"<{len(run)}{self.width}", *run)
                result.append((self.address(number) + size * indices[at], data))
                at = end
        return result


def _flags(rng: Random, user: int, noise: float) -> int:
    flags = LEAF | user
    if noise and rng.random() < noise:
        flags ^= rng.choice((A, D, A | D, U, R, W, X, V, G, R | W))
    return flags


def _bases(xlen: int, levels: int, ram: int, pages: int) -> tuple[int, ...]:
    """Where RAM can be mapped: at itself, below, and at both ends of the halves of the address space."""
    size = pages * PAGE
    if xlen == 32:
        return (ram, ram, ram, 0x4000_0000, (1 << 32) - size)
    half = 1 << (11 + 9 * levels)
    return (ram, ram, ram, ram, 0x4000_0000, half - size, (1 << 64) - size, (1 << 64) - half)


def make_tables(rng: Random, xlen: int, ram: int, pages: int, first: int) -> Tables:
    """Tables in RAM from page `first` on; at most seven pages of them."""
    levels = 2 if xlen == 32 else rng.choice((3, 3, 4))
    build = TableBuilder(levels, xlen, ram, first)
    base = rng.choice(_bases(xlen, levels, ram, pages))
    user = rng.choice((0, U))
    noise = rng.choice((0.0, 0.0, 0.1, 0.5))
    style = rng.choice(("pages", "pages", "pages", "scattered", "superpage", "own"))
    if xlen == 32:
        for device in (0x0200_0000, 0x1000_0000):
            build.map(device, device, 1, LEAF | user)
    elif base >> 30 != 0:
        build.map(0, 0, 2, LEAF | user)
    if style == "superpage" and base % (1 << 22) == 0:
        level = rng.choice((1, 1, 2)) if xlen == 64 else 1
        physical = ram if rng.random() < 0.9 else ram + PAGE  # misaligned: a page fault
        build.map(base, physical, level, _flags(rng, user, noise))
    else:
        order = list(range(pages))
        if style == "scattered":
            order[1:] = rng.sample(order[1:], pages - 1)
        table, first_index = build.table_of(base, 0), base >> 12 & ((1 << build.index_bits) - 1)
        for page, frame in enumerate(order):
            table[first_index + page] = (ram >> 12) + frame << 10 | _flags(rng, user, noise)
        if rng.random() < 0.9:  # the handlers are the supervisor's
            table[first_index] &= ~U
    if style == "own":  # a table as its own next level, and so the tables among the pages
        for _ in range(3):
            table = rng.choice(build.tables)
            target = build.address(rng.randrange(len(build.tables)))
            table[rng.randrange(1 << build.index_bits)] = target >> 12 << 10 | rng.choice((V, LEAF | user))
        root_index = base >> (12 + build.index_bits * (levels - 1)) & ((1 << build.index_bits) - 1)
        build.tables[0][root_index ^ 1] = build.address(0) >> 12 << 10 | V
    if rng.random() < 0.15:  # broken
        for _ in range(rng.randrange(1, 6)):
            table = rng.choice(build.tables)
            index = rng.choice(list(table))
            table[index] ^= 1 << rng.randrange(xlen)
    writes = build.writes()
    if rng.random() < 0.03:
        writes.append((build.address(rng.randrange(len(build.tables))), rng.randbytes(PAGE)))
    root = build.address(0) >> 12
    if xlen == 32:
        return Tables(1 << 31 | rng.getrandbits(9) << 22 | root, base, writes)
    return Tables((8 if levels == 3 else 9) << 60 | rng.getrandbits(16) << 44 | root, base, writes)
