# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest programs: how they are built, and their memory image with its parameters set.

Each is bare metal, starts at the first byte of RAM, runs `iterations` times what it measures and ends as the
word at `ending` says (programs/start.S). The same bytes run on our engine, on raw Unicorn and on QEMU.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from emulator.engine.build import build_directory
from emulator.errors import ReplugError
from toolchain.assemble import assemble
from toolchain.errors import ToolchainError
from toolchain.image import Image

PROGRAMS = Path(__file__).resolve().parent / "programs"
RAM_BASE = 0x8000_0000
RAM_SIZE = 16 << 20
END_ASLEEP, END_POWER_OFF, END_TOHOST = 0, 1, 2
_ELF_SEGMENTS, _ELF_SEGMENT = struct.Struct("<32xQ14xHH"), struct.Struct("<I4xQQ8xQ")


@dataclass(frozen=True)
class Program:
    """A guest program: its name (also of the ELF), its source, and preprocessor definitions."""

    name: str
    source: str
    defines: tuple[tuple[str, str], ...] = field(default=())


@cache
def build(program: Program) -> Image:
    """Assemble or compile and link it, unless that is done. ReplugError when it does not build."""
    directory = build_directory()
    try:
        return Image.open(
            assemble(
                [PROGRAMS / "start.S", PROGRAMS / program.source],
                directory / "bench" / f"{program.name}.elf",
                link_script=PROGRAMS / "link.ld",
                defines=dict(program.defines),
                cache=directory / "zig-cache",
                root=PROGRAMS,
            )
        )
    except ToolchainError as error:
        raise ReplugError(f"benchmark {program.name}: {error}") from None


def address_of(program: Program, symbol: str) -> int:
    """Where a symbol of the program is. ReplugError if there is none of that name."""
    found = build(program).symbol(symbol)
    if found is None:
        raise ReplugError(f"benchmark {program.name}: no symbol {symbol!r}")
    return found.address


def memory_image(program: Program, iterations: int, *, ending: int = END_ASLEEP, expected: int = 0) -> bytes:
    """The bytes that lie from RAM_BASE on before the program starts; what follows is zero.

    expected: the result with which END_POWER_OFF reports success.
    """
    image = build(program)
    flat = bytearray(max(segment.vaddr + len(segment.data) for segment in image.segments) - RAM_BASE)
    for segment in image.segments:
        start = segment.vaddr - RAM_BASE
        flat[start : start + len(segment.data)] = segment.data
    for symbol, value in (("iterations", iterations), ("ending", ending), ("expected", expected)):
        struct.pack_into("<Q", flat, address_of(program, symbol) - RAM_BASE, value)
    return bytes(flat)


def elf_file(program: Program, iterations: int, *, ending: int, expected: int) -> bytes:
    """The program's ELF with its parameters set."""
    data = bytearray(build(program).path.read_bytes())
    table, size, count = _ELF_SEGMENTS.unpack_from(data)
    for symbol, value in (("iterations", iterations), ("ending", ending), ("expected", expected)):
        address = address_of(program, symbol)
        for place in range(table, table + size * count, size):
            kind, offset, start, length = _ELF_SEGMENT.unpack_from(data, place)
            if kind == 1 and start <= address < start + length:  # PT_LOAD
                struct.pack_into("<Q", data, offset + address - start, value)
    return bytes(data)


EXACT_INTEGER = Program("exact-integer", "exact_integer.S")
EXACT_BRANCHY = Program("exact-branchy", "exact_branchy.S")
MEMORY = Program("memory", "memory.S")
COREMARK_LIKE = Program("coremark-like", "coremark_like.c")
TRAPS = Program("traps", "traps.S")
MMIO_DEVICE = Program("mmio-device", "mmio.S", (("ADDRESS", "0x10001000"), ("LOAD", "lw")))
MMIO_UART = Program("mmio-uart", "mmio.S", (("ADDRESS", "0x10000005"), ("LOAD", "lbu")))
MMIO_CLINT = Program("mmio-clint", "mmio.S", (("ADDRESS", "0x200bff8"), ("LOAD", "ld")))
CSR_MINSTRET = Program("csr-minstret", "csr.S", (("CSR", "minstret"),))
CSR_TIME = Program("csr-time", "csr.S", (("CSR", "time"),))
WFI = Program("wfi", "wfi.S")
WATCHED = Program("watched", "watched.S")
TLB = Program("tlb", "tlb.S")
