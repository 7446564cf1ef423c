# SPDX-License-Identifier: GPL-2.0-or-later
"""Questions about the past: when something happened last. The answer is a state: the machine goes there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.debug.commands.moving import BACKWARD
from emulator.debug.commands.protocol import Guest
from emulator.debug.commands.registry import command
from emulator.debug.records import Stop
from emulator.engine import Access
from emulator.errors import ReplugError
from toolchain.image import PATH_BEGIN, PATH_END

if TYPE_CHECKING:
    from emulator.debug.commands.interpreter import Interpreter

_ACCESSES = {"write": Access.WRITE, "read": Access.READ, "access": Access.READ | Access.WRITE}
_ENDS = {"enter": PATH_BEGIN, "leave": PATH_END}
_WORDS = (*_ACCESSES, "exec", "change", "path", "inside")


@command(
    "last",
    group=BACKWARD,
    usage="write|read|access|change ADDRESS [LENGTH] | exec ADDRESS | path NAME [leave] | inside [AT]",
    help="Back to when something happened last.\n"
    "write, read, access: who did that last; change: who wrote another value there last\n"
    "exec: when an address was last executed; path: when a named path was last entered (or left)\n"
    "inside: when the inside-flag of an open descriptor of our guest (or of the one at AT) changed last",
)
def _last(interpreter: Interpreter, rest: str) -> None:
    word, _, place = rest.partition(" ")
    chosen = next((each for each in _WORDS if word and each.startswith(word)), None)
    if chosen is None or (not place.strip() and chosen != "inside"):
        chosen, place = "write", rest
    session, hart = interpreter.session, interpreter.hart
    if chosen == "exec":
        stop = session.last_execution(interpreter.value(place))
    elif chosen == "path":
        stop = session.last_execution(*_marks(interpreter, place))
    elif chosen == "inside":
        stop = session.last_change(_inside(interpreter, place))
    elif chosen == "change":
        address, length = _place(interpreter, place)
        physical = session.engine.translate(hart, address)
        if physical is None or not session.is_ram(physical, length):
            raise ReplugError(f"{address:#x}: hart {hart} has no RAM there")
        stop = session.last_change([(physical, length)])
    else:
        address, length = _place(interpreter, place)
        stop = session.last_access(address, length, _ACCESSES[chosen], hart)
    interpreter.report(stop)
    _say_path(interpreter, stop)


def _place(interpreter: Interpreter, text: str) -> tuple[int, int]:
    """ADDRESS [LENGTH], in one or two expressions; the symbol's size, else a word, if no length is given."""
    place, comma, length = text.partition(",")
    if not comma and " " in text.strip():
        place, _, length = text.strip().rpartition(" ")
        if place.rstrip()[-1:] in "+-*/&|^<>=(":
            place, length = text, ""
    word = interpreter.session.engine.config.xlen // 8
    size = interpreter.value(length) if length.strip() else interpreter.symbols.size(place.strip()) or word
    return interpreter.value(place), size if size <= 64 or length.strip() else word


def _marks(interpreter: Interpreter, text: str) -> list[int]:
    """Where the named path begins, or ends."""
    name, _, end = text.strip().rpartition(" ")  # names may have spaces in them
    if end not in _ENDS:
        name, end = text.strip(), "enter"
    kind = _ENDS[end]
    image = interpreter.session.machine.image
    notes = image.notes if image is not None else ()
    found = [note.address for note in notes if note.name == name and note.kind == kind]
    if not found:
        names = ", ".join(dict.fromkeys(note.name for note in notes if note.kind == kind)) or "none"
        raise ReplugError(f"no path {name} is declared (there are: {names})")
    return sorted(set(found))


def _inside(interpreter: Interpreter, text: str) -> list[tuple[int, int]]:
    """Where the inside-flags are, in RAM."""
    guest = Guest(interpreter)
    chosen = [interpreter.value(text)] if text.strip() else list(guest.descriptors())
    if not chosen:
        raise ReplugError("no descriptor is open")
    flags = [(descriptor + guest.layout["DESCRIPTOR_INSIDE"], 4) for descriptor in chosen]
    for address, length in flags:
        if not interpreter.session.is_ram(address, length):
            raise ReplugError(f"{address:#x}: no descriptor can be there")
    return flags


def _say_path(interpreter: Interpreter, stop: Stop) -> None:
    """Which paths begin or end where an execution was found."""
    image, hit = interpreter.session.machine.image, stop.hit
    if hit is None or hit.kind is not Access.EXECUTE or image is None:
        return
    for note in image.notes:
        if note.address == hit.pc and note.kind in _ENDS.values():
            verb = "is about to be entered" if note.kind == PATH_BEGIN else "is about to be left"
            interpreter.say(f"path {note.name} {verb} by hart {hit.hart}")
