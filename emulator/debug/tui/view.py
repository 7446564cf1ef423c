# SPDX-License-Identifier: GPL-2.0-or-later
"""What the panes show of a machine that stands still: gathered at once, where the session may be used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from emulator.debug.breakpoints import Breakpoints
from emulator.debug.commands.interpreter import Interpreter
from emulator.debug.frames import stack
from emulator.debug.lanes import Cell, Window, window
from emulator.debug.listing import Listing, listing
from emulator.debug.records import Position, Stop, StopKind
from emulator.debug.registers import read

_STACK_WORDS = 64
_CSRS = (
    "mstatus", "mepc", "mcause", "mtval", "mie", "mip", "mtvec", "mscratch",
    "sstatus", "sepc", "scause", "stval", "sie", "sip", "stvec", "sscratch", "satp",
)  # fmt: skip
MODES = {0: "U", 1: "S", 3: "M"}
STACK, BACKTRACE, LOCKS, BREAKPOINTS = "Stack", "Backtrace", "Locks", "Breakpoints"
FRAMES = "Frames"  # the backtrace in narrow lines
COMMANDS = {
    BACKTRACE: "backtrace",
    "Descriptors": "info descriptors",
    LOCKS: "info locks",
    "Processes": "info processes",
    BREAKPOINTS: "info breakpoints",
}
"""Panes of the lower part that show what a command says."""


@dataclass(frozen=True)
class LanesRequest:
    """columns: that lanes have on the screen; per_column: steps, None: the whole run; around: the step that
    is to be seen, None: where the machine stands."""

    columns: int = 1
    per_column: int | None = None
    around: int | None = None


@dataclass(frozen=True)
class Request:
    """source: not disassembly; address: the code there, None for the pc; texts: those that are open."""

    source: bool
    address: int | None
    texts: tuple[str, ...]
    lanes: LanesRequest = LanesRequest()


@dataclass(frozen=True)
class Lanes:
    """What harts did. by_hart: a cell for each column; places: of pcs in them."""

    window: Window
    by_hart: list[list[Cell | None]]
    places: dict[int, str]


@dataclass(frozen=True)
class HartView:
    """A line of the timeline. path: the named one that it is in, or ""; turn: the schedule would let it go on
    next."""

    number: int
    pc: int
    place: str
    path: str
    instruction: str
    mode: str
    waits: bool
    turn: bool
    instructions: int


@dataclass(frozen=True)
class View:
    """hart, frame: what is looked at; registers: (name, value) there; texts: those that were asked for, by
    name."""

    hart: int
    frame: int
    harts: tuple[HartView, ...]
    registers: tuple[tuple[str, int], ...]
    code: Listing
    position: Position
    head: Position
    lanes: Lanes
    stop: StopKind
    texts: dict[str, tuple[str, ...]]


def gather(interpreter: Interpreter, request: Request) -> View:
    """Look at everything that is asked for."""
    session = interpreter.session
    return View(
        interpreter.hart,
        interpreter.frame_number,
        tuple(_hart(interpreter, number) for number in range(session.machine.harts)),
        _registers(interpreter),
        _code(interpreter, request),
        session.position,
        session.head,
        seen_lanes(interpreter, request.lanes, closer=True),
        _kind(session.stop, session.breakpoints),
        {name: _text(interpreter, name) for name in request.texts},
    )


def _registers(interpreter: Interpreter) -> tuple[tuple[str, int], ...]:
    """Names and values: all of the hart, or those of a caller that are known."""
    engine, hart, registers = interpreter.session.engine, interpreter.hart, interpreter.evaluator.registers
    integers = [each for each in registers.all if each.group == "x" and each.index]
    frame = interpreter.frame
    if frame is not None:
        known = [
            (each.name, frame.registers[each.index]) for each in integers if each.index in frame.registers
        ]
        return (("pc", frame.pc), *known)
    names = ["pc", *(each.name for each in integers), "priv", *_CSRS]
    found = [register for register in map(registers.find, names) if register is not None]
    return tuple((register.name, read(engine, hart, register)) for register in found)


def _code(interpreter: Interpreter, request: Request) -> Listing:
    """Around the address that is asked for, or the function that is looked at."""
    if request.address is not None:
        return listing(interpreter, request.address, source=request.source)
    found = listing(interpreter, interpreter.here, source=request.source)
    frame = interpreter.frame
    if found.source or frame is None:
        return found
    return listing(interpreter, frame.pc, source=False)  # `here` is in the middle of the call


def _kind(stop: Stop, breakpoints: Breakpoints) -> StopKind:
    """Why it stands, as users see it: breakpoints that a command had set for itself are none of theirs."""
    met = stop.breakpoint
    own = met is not None and not met.temporary and breakpoints.get(met.number) is None
    return StopKind.STEP if own and stop.kind is StopKind.BREAKPOINT else stop.kind


def seen_lanes(interpreter: Interpreter, request: LanesRequest, *, closer: bool) -> Lanes:
    """Of what was seen of the run; closer: if that is not enough, the past is run again for more."""
    session = interpreter.session
    head = session.head.step
    around = session.position.step if request.around is None else request.around
    shown = window(head + 1, request.columns, request.per_column, around)
    found = session.lanes(shown) if closer else session.keep_samples().lanes(shown, head)
    pcs = {cell.seen.pc for lane in found for cell in lane if cell is not None}
    return Lanes(shown, found, {pc: interpreter.symbols.name(pc) for pc in pcs})


def _hart(interpreter: Interpreter, number: int) -> HartView:
    engine = interpreter.session.engine
    pc = engine.get_pc(number)
    return HartView(
        number,
        pc,
        interpreter.symbols.name(pc),
        interpreter.session.keep_samples().path(engine, number),
        interpreter.instruction(number, pc),
        MODES.get(engine.get_privilege(number), "?"),
        engine.is_waiting(number),
        number == engine.next_hart,
        engine.instret(number),
    )


def _text(interpreter: Interpreter, name: str) -> tuple[str, ...]:
    if name == STACK:
        return _stack(interpreter)
    if name == FRAMES:
        return _frames(interpreter)
    if name in COMMANDS:
        return tuple(interpreter.captured(COMMANDS[name]).splitlines())
    return ()


def _frames(interpreter: Interpreter) -> tuple[str, ...]:
    lines = []
    for number, frame in enumerate(stack(interpreter.session, interpreter.symbols, interpreter.hart).frames):
        line = interpreter.symbols.line(frame.within)
        place = f"  {PurePath(line[0]).name}:{line[1]}" if line is not None else ""
        trap = "  (a trap came)" if frame.how == "trap" else ""
        mark = ">" if number == interpreter.frame_number > 0 else " "
        lines.append(f"#{number:<2}{mark}{interpreter.symbols.name(frame.pc)}{place}{trap}")
    return tuple(lines)


def _stack(interpreter: Interpreter) -> tuple[str, ...]:
    session, hart = interpreter.session, interpreter.hart
    size = session.engine.config.xlen // 8
    sp = session.engine.get_x(hart, 2) & ((1 << 8 * size) - 1)
    lines = []
    for index in range(_STACK_WORDS):
        address = sp + index * size
        data = session.machine.read_virtual(hart, address, size)
        if data is None:
            break
        value = int.from_bytes(data, "little")
        name = f"  <{interpreter.symbols.name(value)}>" if interpreter.symbols.at(value) is not None else ""
        lines.append(f"sp+{index * size:<4x} {address:x}: {value:0{2 * size}x}{name}")
    return tuple(lines) or (f"sp {sp:x}: nothing is mapped there",)
