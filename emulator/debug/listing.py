# SPDX-License-Identifier: GPL-2.0-or-later
"""Code as rows: the source file around a place, or its disassembly, with where every hart is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.debug.symbols import Symbols
from emulator.engine import PAGE_SIZE, Access
from toolchain.disassemble import Instruction, disassemble, pair_target

if TYPE_CHECKING:
    from emulator.debug.commands.interpreter import Interpreter

_BEFORE, _AFTER = 512, 1024  # bytes of disassembly in front of and behind a place
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
    data = mapped(interpreter, start, address - start + _AFTER)
    symbols, bits = interpreter.symbols, interpreter.session.engine.config.xlen
    stand, breaks = _harts_by_pc(interpreter), _breakpoints_by_address(interpreter)
    rows: list[Row] = []
    current = 0
    for each, where in targets(symbols, disassemble(data, start, bits=bits)):
        name = symbols.at(each.address)
        if name is not None and name[1] == 0:
            rows.append(Row(f"{name[0]}:"))
        if each.address <= address:
            current = len(rows)
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


def targets(symbols: Symbols, code: Iterable[Instruction]) -> Iterator[tuple[Instruction, str]]:
    """Instructions, with ` <symbol>` of where each leads, alone or together with an auipc in front of it."""
    before: Instruction | None = None
    for each in code:
        target = each.target()
        if target is None and before is not None:
            target = pair_target(before, each)
        known = target is not None and symbols.at(target) is not None
        yield each, f" <{symbols.name(target)}>" if target is not None and known else ""
        before = each


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
        data = mapped(interpreter, start, address - start + 4)
        if any(each.address == address for each in disassemble(data, start, bits=bits)):
            return start
    return address


def mapped(interpreter: Interpreter, address: int, length: int) -> bytes:
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
    """The whole file, where it is found."""
    symbols = interpreter.symbols
    place = symbols.line(address)
    path = interpreter.sources.path(place[0]) if place is not None else None
    if place is None or path is None:
        return None
    name, current = place
    text = text_of(path)
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
    code: dict[int, int] = {}  # the lowest address of each line
    for number, at in interpreter.sources.of_file(name):
        code[number] = min(at, code.get(number, at))
    generated = symbols.generated_at(address)
    if generated is not None and generated.template is not None:  # what is meant is the copy of these lines
        copied = range(generated.template, generated.template + generated.length)
        moved = generated.address - generated.template
        code = {number: at + (moved if at in copied else 0) for number, at in code.items()}
    rows = tuple(
        Row(each.expandtabs(8), code.get(number), str(number), harts.get(number, ()), breaks.get(number, 0))
        for number, each in enumerate(text, 1)
    )
    return Listing(f"{name}  {symbols.name(address)}", rows, current - 1, source=True)


@cache
def text_of(path: Path) -> tuple[str, ...]:
    """The lines of a source file; none if it cannot be read."""
    try:
        return tuple(path.read_text(errors="replace").splitlines()[:_LONGEST_FILE])
    except (OSError, ValueError):
        return ()
