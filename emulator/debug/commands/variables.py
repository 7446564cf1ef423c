# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands that show variables of C programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.debug.commands.registry import command
from emulator.debug.values import Value
from emulator.debug.variables import reading

if TYPE_CHECKING:
    from emulator.debug.commands.interpreter import Interpreter

GROUP = "Looking"


def described(value: Value) -> str:
    """A variable in a line: its value, type and address."""
    with reading():
        place = "" if value.address is None else f" at {value.address:#x}"
        return f"{value.text()}  ({value.type.name}{place})"


@command("info locals", group=GROUP, help="Local variables of the C function that is looked at (frame).")
def _locals(interpreter: Interpreter, _rest: str) -> None:
    found = interpreter.evaluator.variables.locals(interpreter.hart, interpreter.frame)
    if not found:
        interpreter.say("no debug information tells of local variables here")
    for name, value in found:
        interpreter.say(f"{name} = {'(optimized away)' if value is None else described(value)}")


@command(
    "info variables", group=GROUP, usage="[TEXT]", help="Other variables of C programs, by a part of names."
)
def _globals(interpreter: Interpreter, rest: str) -> None:
    for name, value in interpreter.evaluator.variables.globals(interpreter.hart, interpreter.frame):
        if rest in name:
            interpreter.say(f"{name} = {described(value)}")
