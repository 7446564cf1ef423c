# SPDX-License-Identifier: GPL-2.0-or-later
"""Bytes to instructions (capstone), and listings of images with symbols and source lines."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from toolchain.errors import ToolchainError
from toolchain.image import EXECUTE, Image
from toolchain.statements import BRANCHES

_DISTANCE = re.compile(r"-?(?:0x[0-9a-f]+|\d+)")


@dataclass(frozen=True)
class Instruction:
    """One instruction, or a directive for bytes that are none.

    operands: as text; the target of a branch is an address ("a0, a1, 0x80000010"), as
    `assemble_text` reads it.
    """

    address: int
    bytes: bytes
    mnemonic: str
    operands: str

    def __str__(self) -> str:
        return f"{self.mnemonic} {self.operands}".rstrip()

    def target(self) -> int | None:
        """The address a branch goes to, None for anything else (jalr, ret: known at run time only)."""
        last = self.operands.rpartition(" ")[2]
        return int(last, 16) if self.mnemonic in BRANCHES and last.startswith("0x") else None


def pair_target(first: Instruction, second: Instruction) -> int | None:
    """The address that two instructions make together: auipc, and addi, jalr, a load or a store behind it."""
    if len(first.bytes) != 4 or len(second.bytes) != 4:
        return None
    upper, lower = (int.from_bytes(each.bytes, "little") for each in (first, second))
    opcode = lower & 0x7F
    is_addi = opcode == 0x13 and lower >> 12 & 7 == 0
    if upper & 0x7F != 0x17 or upper >> 7 & 31 != lower >> 15 & 31 or not upper >> 7 & 31:
        return None
    if is_addi or opcode in (0x03, 0x07, 0x67):
        offset = lower >> 20
    elif opcode in (0x23, 0x27):
        offset = lower >> 25 << 5 | lower >> 7 & 31
    else:
        return None
    high = (upper & 0xFFFF_F000) - (upper >> 31 << 32)
    return first.address + high + offset - (offset >> 11 << 12)


@cache
def _decoder(bits: int) -> Any:
    import capstone  # noqa: PLC0415 (when it is needed: it takes longer to load than most commands to start)

    mode = capstone.CS_MODE_RISCV64 if bits == 64 else capstone.CS_MODE_RISCV32
    return capstone.Cs(capstone.CS_ARCH_RISCV, mode | capstone.CS_MODE_RISCVC)


def disassemble(code: bytes, address: int, *, bits: int = 64) -> Iterator[Instruction]:
    """Decode `code`, which lies at `address`. All bytes come out, in order.

    A halfword that begins no instruction is `.half 0x....`, an odd last byte `.byte 0x..`.
    """
    if bits not in (32, 64):
        raise ToolchainError(f"bits must be 32 or 64, not {bits}")
    position = 0
    while position < len(code):
        begin = position
        # In pieces: data that is no code would otherwise be copied whole for each halfword of it.
        piece = code[position : position + 4096]
        for place, size, mnemonic, operands in _decoder(bits).disasm_lite(piece, address + position):
            raw = code[position : position + size]
            yield Instruction(place, raw, mnemonic, _absolute(mnemonic, operands, place, bits))
            position += size
        if position == begin:
            raw = code[position : position + 2]
            directive = ".half" if len(raw) == 2 else ".byte"
            value = int.from_bytes(raw, "little")
            yield Instruction(address + position, raw, directive, f"0x{value:0{2 * len(raw)}x}")
            position += len(raw)


def _absolute(mnemonic: str, operands: str, address: int, bits: int) -> str:
    """Operands with the distance of a branch (capstone's way) turned into the address."""
    if mnemonic not in BRANCHES:
        return operands
    before, comma, distance = operands.rpartition(", ")
    if not _DISTANCE.fullmatch(distance):
        return operands
    return f"{before}{comma}{(address + int(distance, 0)) % (1 << bits):#x}"


def disassemble_image(image: Image, start: int, end: int) -> Iterator[Instruction]:
    """Instructions of the virtual addresses start to end - 1, which must lie in one segment.

    Data in between (known by the image's mapping symbols) is `.word`, `.half` or `.byte`; the zeros
    behind a segment's bytes are left out.
    """
    segment = image.segment_at(start)
    if segment is None or not start < end <= segment.end:
        raise ToolchainError(f"{image.path}: addresses {start:#x} to {end:#x} are not in one segment")
    places = [place for place, _ in image.mapping]
    executable = bool(segment.flags & EXECUTE)
    end = min(end, segment.vaddr + len(segment.data))
    while start < end:
        index = bisect_right(places, start)
        is_code = image.mapping[index - 1][1] if index and places[index - 1] >= segment.vaddr else executable
        following = min(places[index], end) if index < len(places) else end
        code = segment.data[start - segment.vaddr : following - segment.vaddr]
        yield from disassemble(code, start, bits=image.bits) if is_code else _data(code, start)
        start = following


def _data(data: bytes, address: int) -> Iterator[Instruction]:
    position = 0
    while position < len(data):
        size = next(n for n in (4, 2, 1) if not (address + position) % n and len(data) - position >= n)
        raw = data[position : position + size]
        directive = {4: ".word", 2: ".half", 1: ".byte"}[size]
        yield Instruction(
            address + position, raw, directive, f"0x{int.from_bytes(raw, 'little'):0{2 * size}x}"
        )
        position += size


def symbol_range(image: Image, name: str) -> tuple[int, int]:
    """(start, end) of a symbol's addresses.

    Assembly labels have no size: the next symbol ends them, but for those named after it (`read_loop`
    is a part of `read`).
    """
    symbol = image.symbol(name)
    if symbol is None or symbol.kind == "absolute":
        raise ToolchainError(f"{image.path}: no symbol {name!r}")
    segment = image.segment_at(symbol.address)
    if segment is None:
        raise ToolchainError(f"{image.path}: symbol {name!r} at {symbol.address:#x} is in no segment")
    if symbol.address >= segment.vaddr + len(segment.data):
        raise ToolchainError(f"{image.path}: symbol {name!r} names memory that starts as zeros")
    if symbol.size:
        return symbol.address, min(symbol.address + symbol.size, segment.end)
    later = [
        other.address
        for other in image.symbols
        if symbol.address < other.address < segment.end
        and other.kind != "absolute"
        and not other.name.startswith(name + "_")
    ]
    return symbol.address, min(later, default=segment.vaddr + len(segment.data))


def listing(
    image: Image,
    *,
    symbol: str | None = None,
    start: int | None = None,
    end: int | None = None,
    source: bool = False,
    source_roots: Sequence[Path] = (Path(),),
) -> Iterator[str]:
    """Lines of a disassembly of one symbol, of addresses start to end - 1, or of all that is executable.

    source: put the source line (FILE:LINE: text) before what comes from it; files that the debug
    information names relatively are looked for in source_roots, and only named if not there.
    """
    for first, last in _ranges(image, symbol, start, end):
        names = _names_by_address(image)
        shown: tuple[str, int] | None = None
        for instruction in disassemble_image(image, first, last):
            yield from (
                f"{instruction.address:016x} <{name}>:" for name in names.get(instruction.address, ())
            )
            line = image.line_at(instruction.address) if source else None
            if line is not None and line != shown:
                yield f"; {line[0]}:{line[1]}: {_source_line(line[0], line[1], tuple(source_roots))}".rstrip()
                shown = line
            yield _line(image, instruction)


def _ranges(image: Image, symbol: str | None, start: int | None, end: int | None) -> list[tuple[int, int]]:
    if symbol is not None:
        return [symbol_range(image, symbol)]
    if start is not None:
        segment = image.segment_at(start)
        return [(start, end if end is not None else segment.end if segment is not None else start + 1)]
    return [(s.vaddr, s.vaddr + len(s.data)) for s in image.segments if s.flags & EXECUTE and s.data]


def _names_by_address(image: Image) -> dict[int, list[str]]:
    names: dict[int, list[str]] = {}
    for symbol in image.symbols:
        if symbol.kind != "absolute":
            names.setdefault(symbol.address, []).append(symbol.name)
    return names


def _line(image: Image, instruction: Instruction) -> str:
    # As words, not bytes: that is how manuals and other disassemblers print instructions.
    word = f"{int.from_bytes(instruction.bytes, 'little'):0{2 * len(instruction.bytes)}x}"
    text = (
        f"{instruction.address:16x}:  {word:<8}  {instruction.mnemonic:<10} {instruction.operands}".rstrip()
    )
    target = instruction.target()
    where = image.symbol_at(target) if target is not None else None
    if where is None:
        return text
    return f"{text} <{where[0]}{f'+{where[1]:#x}' if where[1] else ''}>"


@cache
def _source_line(name: str, line: int, roots: tuple[Path, ...]) -> str:
    lines = _source_file(name, roots)
    return lines[line - 1].strip() if 0 < line <= len(lines) else ""


@cache
def _source_file(name: str, roots: tuple[Path, ...]) -> list[str]:
    for root in roots:
        try:
            return (root / name).read_text(errors="replace").splitlines()
        except (OSError, ValueError):
            continue
    return []
