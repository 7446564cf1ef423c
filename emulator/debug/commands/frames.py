# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands about the functions that a hart is in: a caller's registers can be looked at as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.debug.commands.registry import command
from emulator.debug.frames import MOST, StackFrame, stack
from emulator.debug.symbols import Symbols
from emulator.errors import ReplugError

if TYPE_CHECKING:
    from emulator.debug.commands.interpreter import Interpreter

GROUP = "Looking"
_MOST = 1 << 16


@command("backtrace", "bt", "where", group=GROUP, usage="[N]", help="The functions that this hart is in.")
def _backtrace(interpreter: Interpreter, rest: str) -> None:
    limit = interpreter.count(rest) if rest else MOST
    found = stack(interpreter.session, interpreter.symbols, interpreter.hart, min(limit, _MOST))
    for line in frame_lines(interpreter.symbols, found.frames):
        interpreter.say(line)
    interpreter.say(f"(ends here: {found.end})")


@command(
    "frame",
    "f",
    group=GROUP,
    usage="[N]",
    help="Look at a function of the backtrace, from 0: its registers, its place; until the hart moves.",
)
def _frame(interpreter: Interpreter, rest: str) -> None:
    _choose(interpreter, interpreter.value(rest) if rest else interpreter.frame_number)


@command("up", group=GROUP, usage="[N]", help="Look at the caller.")
def _up(interpreter: Interpreter, rest: str) -> None:
    _choose(interpreter, interpreter.frame_number + interpreter.count(rest))


@command("down", group=GROUP, usage="[N]", help="Look at the function that was called, again.")
def _down(interpreter: Interpreter, rest: str) -> None:
    number = interpreter.frame_number - interpreter.count(rest)
    if number < 0:
        raise ReplugError("frame 0 is the innermost")
    _choose(interpreter, number)


def _choose(interpreter: Interpreter, number: int) -> None:
    found = stack(interpreter.session, interpreter.symbols, interpreter.hart, min(number + 1, _MOST))
    if number >= len(found.frames):
        raise ReplugError(f"frame {number}: {len(found.frames)} are known, from 0 ({found.end})")
    interpreter.frame_number = number
    interpreter.say(frame_lines(interpreter.symbols, found.frames)[number])


def frame_lines(symbols: Symbols, frames: tuple[StackFrame, ...]) -> list[str]:
    """A line for each: number, address, function, source."""
    lines = []
    for number, frame in enumerate(frames):
        line = symbols.line(frame.within)
        place = f" at {line[0]}:{line[1]}" if line is not None else ""
        trap = "  [a trap came here]" if frame.how == "trap" else ""
        lines.append(f"#{number:<2} {frame.pc:#x} <{symbols.name(frame.pc)}>{place}{trap}")
    return lines
