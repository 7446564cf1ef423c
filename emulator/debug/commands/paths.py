# SPDX-License-Identifier: GPL-2.0-or-later
"""Moving from border to border of the paths that the image names (`info paths`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from emulator.debug.commands.registry import command
from emulator.debug.records import INTERNAL, Stop
from emulator.errors import ReplugError
from toolchain.image import PATH_BEGIN, PATH_END

if TYPE_CHECKING:
    from emulator.debug.commands.interpreter import Interpreter


def _step_path(interpreter: Interpreter, move: Callable[[], Stop]) -> None:
    """To the next place where a path of this hart begins or ends."""
    session, harts = interpreter.session, frozenset((interpreter.hart,))
    image = session.machine.image
    borders: dict[int, list[str]] = {}
    for note in image.notes if image is not None else ():
        if note.kind in (PATH_BEGIN, PATH_END):
            what = "begins" if note.kind == PATH_BEGIN else "ends"
            borders.setdefault(note.address, []).append(f"path {note.name} {what} here")
    if not borders:
        raise ReplugError("the image declares no paths")
    made = [session.break_at(address, harts=harts, owner=INTERNAL) for address in borders]
    try:
        stop = move()
    finally:
        for breakpoint in made:
            session.breakpoints.remove(breakpoint.number)
    if any(stop.breakpoint is each for each in made):
        interpreter.hart = stop.hart
        for said in borders[session.engine.get_pc(stop.hart)]:
            interpreter.say(f"{said}, instruction {stop.position.instructions:,}")
        interpreter.say(interpreter.where(stop.hart))
    else:
        interpreter.report(stop)


@command("step-path", "sp", group="Going forward", help="To where a named path of this hart begins or ends.")
def _forward(interpreter: Interpreter, _rest: str) -> None:
    _step_path(interpreter, interpreter.session.run)


@command("reverse-step-path", "rsp", group="Going back", help="The same, back.")
def _back(interpreter: Interpreter, _rest: str) -> None:
    _step_path(interpreter, interpreter.session.reverse)
