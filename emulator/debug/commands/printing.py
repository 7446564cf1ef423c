# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands that evaluate expressions: now, or at every stop."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emulator.debug import expressions
from emulator.debug.commands.registry import command, topic
from emulator.debug.commands.variables import described
from emulator.debug.values import Value
from emulator.debug.variables import reading
from emulator.errors import ReplugError

if TYPE_CHECKING:
    from emulator.debug.commands.interpreter import Interpreter

GROUP = "Looking"
_FORMAT = re.compile(r"/([a-z]*)\s*")
_FORMATS = "x d u o t c a"

topic("expressions", "\n".join((expressions.__doc__ or "").splitlines()[2:]))


@command(
    "print",
    "p",
    group=GROUP,
    usage="[/F] EXPRESSION",
    help="A value, as format x d u o t c a has it; `help expressions` says what can be asked.\n"
    "x hexadecimal, d signed, u unsigned, o octal, t binary, c a character, a an address with its symbol",
)
def _print(interpreter: Interpreter, rest: str) -> None:
    interpreter.say(_evaluated(interpreter, rest))


@command(
    "display",
    group=GROUP,
    usage="[[/F] EXPRESSION]",
    help="Print a value now and at every stop; without an expression, print all of them.",
)
def _display(interpreter: Interpreter, rest: str) -> None:
    if rest:
        said = f"{rest.strip()}: {_evaluated(interpreter, rest)}"  # one that cannot be evaluated is refused
        number = max(interpreter.displays, default=0) + 1
        interpreter.displays[number] = rest.strip()
        interpreter.say(f"{number}: {said}")
    else:
        show_displays(interpreter)


@command(
    "undisplay", group=GROUP, usage="[NUMBER...]", help="Print these values no longer at stops, or none."
)
def _undisplay(interpreter: Interpreter, rest: str) -> None:
    numbers = [interpreter.value(each) for each in rest.split()] or list(interpreter.displays)
    for number in numbers:
        if number not in interpreter.displays:
            raise ReplugError(f"no display {number}")
    for number in numbers:
        interpreter.displays.pop(number, None)


def show_displays(interpreter: Interpreter) -> None:
    """What is displayed, where the machine stands now."""
    for number, text in interpreter.displays.items():
        try:
            value = _evaluated(interpreter, text)
        except ReplugError as error:
            value = str(error)
        interpreter.say(f"{number}: {text}: {value}")


def _evaluated(interpreter: Interpreter, text: str) -> str:
    """The value of [/FORMAT] EXPRESSION, as text."""
    found = _FORMAT.match(text.strip())
    expression = text.strip()[found.end() :] if found is not None else text
    typed = interpreter.evaluator.typed(expression, interpreter.hart, interpreter.frame)
    if isinstance(typed, Value) and found is None:
        return described(typed)
    with reading():
        value = (typed.number() if isinstance(typed, Value) else typed) & (1 << 64) - 1
    symbol = interpreter.symbols.at(value)
    name = f" <{interpreter.symbols.name(value)}>" if symbol is not None else ""
    if found is None:
        return f"{value} = {value:#x}{name}"
    bits = interpreter.session.engine.config.xlen
    signed = (value & ((1 << bits) - 1)) - ((value >> (bits - 1) & 1) << bits)
    shown = {
        "x": f"{value:#x}",
        "d": f"{signed}",
        "u": f"{value}",
        "o": f"{value:#o}",
        "t": f"{value:#b}",
        "c": f"{signed} {chr(value & 0xFF)!r}",
        "a": f"{value:#x}{name}",
    }
    if found[1] not in shown:
        raise ReplugError(f"/{found[1]}: a format is one of {_FORMATS}")
    return shown[found[1]]
