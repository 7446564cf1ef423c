# SPDX-License-Identifier: GPL-2.0-or-later
"""Code as rows: the source file around a place, or its disassembly, with where every hart is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import guestos
from emulator.debug.commands.interpreter import Interpreter
from emulator.debug.symbols import Symbols
from emulator.engine import PAGE_SIZE, Access
from toolchain.disassemble import disassemble

_BEFORE, _AFTER = 512, 1024  # bytes of disassembly in front of and behind a place
_MOST_ABOVE = 4  # directories above an image in which its source may be
_LONGEST_FILE = 100_000  # lines


@dataclass(frozen=True)
class Row:
    """A line of code, or a label.

    address: where a breakpoint would go, None where there can be none; harts: those that stand here;
    breakpoint: the number of one that is set here, negative if it is disabled, 0 for none.
    """

    text: str
    address: int | None = None
    number: str = ""
    harts: tuple[int, ...] = ()
    breakpoint: int = 0


@dataclass(frozen=True)
class Listing:
    """title: the file, or the function; current: index of the row looked at; source: not disassembly."""

    title: str
    rows: tuple[Row, ...]
    current: int
    source: bool


def listing(interpreter: Interpreter, address: int, *, source: bool) -> Listing:
    """Around a virtual address as the hart that is looked at sees it; source only where it can be found."""
    if source:
        found = _source(interpreter, address)
        if found is not None:
            return found
    return _disassembly(interpreter, address)


# --- disassembly ---


def _disassembly(interpreter: Interpreter, address: int) -> Listing:
    start = _start(interpreter, address)
    data = _mapped(interpreter, start, address - start + _AFTER)
    symbols, bits = interpreter.symbols, interpreter.session.engine.config.xlen
    stand, breaks = _harts_by_pc(interpreter), _breakpoints_by_address(interpreter)
    rows: list[Row] = []
    current = 0
    for each in disassemble(data, start, bits=bits):
        name = symbols.at(each.address)
        if name is not None and name[1] == 0:
            rows.append(Row(f"{name[0]}:"))
        if each.address <= address:
            current = len(rows)
        target = each.target()
        where = f" <{symbols.name(target)}>" if target is not None and symbols.at(target) is not None else ""
        rows.append(
            Row(
                f"{each}{where}",
                each.address,
                f"{each.address:x}",
                stand.get(each.address, ()),
                breaks.get(each.address, 0),
            )
        )
    if not rows:
        rows.append(Row("(nothing is mapped there)", None, f"{address:x}", stand.get(address, ())))
    return Listing(symbols.name(address), tuple(rows), current, source=False)


def _start(interpreter: Interpreter, address: int) -> int:
    """Where to begin so that an instruction begins at `address`: at a symbol, else where it comes out so."""
    bits = interpreter.session.engine.config.xlen
    first = address
    while (found := interpreter.symbols.at(first - 1)) is not None:
        begin: int = first - 1 - found[1]
        if address - begin > _BEFORE:
            break
        first = begin
    starts: list[int] = [first, *range(max(address - 32, 0), address, 2)]
    for start in starts:
        data = _mapped(interpreter, start, address - start + 4)
        if any(each.address == address for each in disassemble(data, start, bits=bits)):
            return start
    return address


def _mapped(interpreter: Interpreter, address: int, length: int) -> bytes:
    """So many bytes, or as many pages of them as are mapped."""
    machine, hart = interpreter.session.machine, interpreter.hart
    data = b""
    while len(data) < length:
        at = address + len(data)
        piece = machine.read_virtual(hart, at, min(length - len(data), PAGE_SIZE - at % PAGE_SIZE))
        if not piece:
            break
        data += piece
    return data


def _harts_by_pc(interpreter: Interpreter) -> dict[int, tuple[int, ...]]:
    """Harts that are at an address and mean the same memory by it."""
    engine = interpreter.session.engine
    found: dict[int, tuple[int, ...]] = {}
    for hart in range(interpreter.session.machine.harts):
        pc = engine.get_pc(hart)
        if engine.translate(hart, pc) == engine.translate(interpreter.hart, pc):
            found[pc] = (*found.get(pc, ()), hart)
    return found


def _breakpoints_by_address(interpreter: Interpreter) -> dict[int, int]:
    return {
        each.address: each.number if each.enabled else -each.number
        for each in interpreter.session.breakpoints
        if each.kind is Access.EXECUTE
    }


# --- source ---


def _source(interpreter: Interpreter, address: int) -> Listing | None:
    symbols = interpreter.symbols
    place = symbols.line(address)
    if place is None:
        return None
    name, current = place
    roots = [Path.cwd(), Path(guestos.__file__).parent]
    for image, _ in symbols.files:  # names are relative to where it was built: often above it
        roots += list(image.path.resolve().parents)[:_MOST_ABOVE]
    text = _text(name, tuple(dict.fromkeys(roots)))
    if not 0 < current <= len(text):
        return None
    harts: dict[int, tuple[int, ...]] = {}
    for pc, stand in _harts_by_pc(interpreter).items():
        line = symbols.line(pc)
        if line is not None and line[0] == name:
            harts[line[1]] = harts.get(line[1], ()) + stand
    breaks: dict[int, int] = {}
    for at, number in _breakpoints_by_address(interpreter).items():
        line = symbols.line(at)
        if line is not None and line[0] == name:
            breaks[line[1]] = number
    code = _lines(symbols, len(symbols.files)).get(name, {})
    rows = tuple(
        Row(each.expandtabs(8), code.get(number), str(number), harts.get(number, ()), breaks.get(number, 0))
        for number, each in enumerate(text, 1)
    )
    return Listing(f"{name}  {symbols.name(address)}", rows, current - 1, source=True)


@lru_cache(maxsize=2)
def _lines(symbols: Symbols, _files: int) -> dict[str, dict[int, int]]:
    """For each source file, its lines that code comes from, with the lowest address of each."""
    found: dict[str, dict[int, int]] = {}
    for address, file, line in symbols.lines():
        lines = found.setdefault(file, {})
        lines[line] = min(address, lines.get(line, address))
    return found


@cache
def _text(name: str, roots: Sequence[Path]) -> tuple[str, ...]:
    for root in roots:
        try:
            return tuple((root / name).read_text(errors="replace").splitlines()[:_LONGEST_FILE])
        except (OSError, ValueError):
            continue
    return ()
