# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands that show code: source lines, instructions, symbols."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from emulator.debug.commands.registry import command
from emulator.debug.listing import mapped, targets, text_of
from emulator.errors import ReplugError
from toolchain.disassemble import disassemble

if TYPE_CHECKING:
    from emulator.debug.commands.interpreter import Interpreter

GROUP = "Looking"
_MOST = 1 << 16  # instructions
_AROUND = 5  # lines in front of the one that is asked for, and behind it


@command(
    "disassemble", "disas", group=GROUP, usage="[ADDRESS] [N]", help="Code from there, or around the pc."
)
def _disassemble(interpreter: Interpreter, rest: str) -> None:
    place, _, count = rest.partition(" ")
    address = interpreter.places(place)[0] if place else interpreter.here
    show_code(interpreter, address, min(interpreter.value(count) if count else 8, _MOST))


def show_code(interpreter: Interpreter, address: int, count: int) -> None:
    """So many instructions, with what their targets are called; ReplugError where nothing is mapped."""
    engine, symbols = interpreter.session.engine, interpreter.symbols
    here = interpreter.here
    data = mapped(interpreter, address, 4 * count)
    if not data:
        raise ReplugError(f"{address:#x}: hart {interpreter.hart} has no memory there")
    found = targets(symbols, disassemble(data, address, bits=engine.config.xlen))
    for each, where in islice(found, count):
        mark = "=>" if each.address == here else "  "
        interpreter.say(f"{mark} {each.address:#x} <{symbols.name(each.address)}>: {each}{where}")


@command(
    "list",
    "l",
    group=GROUP,
    usage="[FILE:LINE|ADDRESS]",
    help="Source around a place, or around the one looked at, which => marks.",
)
def _list(interpreter: Interpreter, rest: str) -> None:
    address = interpreter.places(rest)[0] if rest else interpreter.here
    place = interpreter.symbols.line(address)
    if place is None:
        raise ReplugError(f"{address:#x}: no debug information tells its source line")
    name, line = place
    path = interpreter.sources.path(name)
    text = text_of(path) if path is not None else ()
    if not 0 < line <= len(text):
        raise ReplugError(f"{name}: this source file is not found")
    stands = interpreter.symbols.line(interpreter.here)
    interpreter.say(f"{name}:")
    for number in range(max(line - _AROUND, 1), min(line + _AROUND, len(text)) + 1):
        mark = "=>" if stands == (name, number) else "  "
        interpreter.say(f"{mark} {number:>5}  {text[number - 1].expandtabs(8)}".rstrip())


@command(
    "info symbol", "info line", group=GROUP, usage="ADDRESS", help="Symbol and source line of an address."
)
def _symbol(interpreter: Interpreter, rest: str) -> None:
    for address in interpreter.places(rest):
        line = interpreter.symbols.line(address)
        place = f" at {line[0]}:{line[1]}" if line is not None else ""
        interpreter.say(f"{address:#x} <{interpreter.symbols.name(address)}>{place}")


@command("info generated", group=GROUP, help="The code that the guest has generated, as it declares it.")
def _generated(interpreter: Interpreter, _rest: str) -> None:
    for code in interpreter.session.generated():
        template = "" if code.template is None else f" from {interpreter.symbols.name(code.template)}"
        told = "".join(f", {name} {value:#x}" for name, value in code.parameters.items())
        interpreter.say(
            f"{code.address:#x} {code.length} bytes: {code.name}{template}{told}, step {code.step:,}"
        )
    if not interpreter.session.generated():
        interpreter.say("none is declared")
