# SPDX-License-Identifier: GPL-2.0-or-later
"""Questions about the past: when something happened last. The answer is a state: the machine goes there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from emulator.debug.causes import causes_of
from emulator.debug.commands import catching
from emulator.debug.commands.moving import BACKWARD
from emulator.debug.commands.protocol import Guest
from emulator.debug.commands.registry import command
from emulator.debug.records import Stop, StopKind
from emulator.engine import Access
from emulator.errors import ReplugError
from toolchain.image import PATH_BEGIN, PATH_END

if TYPE_CHECKING:
    from emulator.debug.commands.interpreter import Interpreter

_ACCESSES = {"write": Access.WRITE, "read": Access.READ, "access": Access.READ | Access.WRITE}
_ENDS = {"enter": PATH_BEGIN, "leave": PATH_END}
_WORDS = (*_ACCESSES, "exec", "change", "path", "inside", "trap")
_ALONE = ("inside", "trap")  # need not say of what


@command(
    "last",
    group=BACKWARD,
    usage="write|read|access|change ADDRESS [LENGTH] | exec ADDRESS | path NAME [leave] | inside [AT] |"
    " trap [CAUSE...]",
    help="Back to when something happened last; stays where it is if that never was.\n"
    "write, read, access: who did that last; change: who wrote another value there last\n"
    "exec: when an address was last executed; path: when a named path was last entered (or left)\n"
    "inside: when the inside-flag of an open descriptor of our guest (or of the one at AT) changed last\n"
    "trap: when this hart last took one of these (help catch), or a fault",
)
def _last(interpreter: Interpreter, rest: str) -> None:
    word, _, place = rest.partition(" ")
    chosen = next((each for each in _WORDS if word and each.startswith(word)), None)
    if chosen is None or (not place.strip() and chosen not in _ALONE):
        chosen, place = "write", rest
    if not place.strip() and chosen not in _ALONE:
        raise ReplugError("last what? (help last)")
    session, hart, text = interpreter.session, interpreter.hart, place.strip()
    if chosen == "exec":
        address = interpreter.value(text)
        _ask(interpreter, lambda: session.last_execution(address), f"{text} has not been executed")
    elif chosen == "path":
        marks = _marks(interpreter, text)
        done = "left" if text.endswith(" leave") else "entered"
        name = text.removesuffix(" leave").removesuffix(" enter")
        _ask(interpreter, lambda: session.last_execution(*marks), f"path {name} has not been {done}")
    elif chosen == "trap":
        causes = causes_of(catching.cause_words(text))
        what = text or "fault"
        _ask(interpreter, lambda: session.last_trap(hart, causes), f"hart {hart} has taken no {what}")
    elif chosen == "inside":
        flags = _inside(interpreter, text)
        places = list(flags)
        stop = _ask(interpreter, lambda: session.last_change(places), "no inside-flag has changed")
        if stop.hit is not None:
            whose = next(flags[place] for place in places if place[0] <= stop.hit.physical < sum(place))
            interpreter.say(f"it is the inside-flag of {whose}")
    elif chosen == "change":
        address, length = _place(interpreter, text)
        physical = session.engine.translate(hart, address)
        if physical is None or not session.is_ram(physical, length):
            raise ReplugError(f"{address:#x}: hart {hart} has no RAM there")
        _ask(interpreter, lambda: session.last_change([(physical, length)]), f"{text} has not changed")
    else:
        address, length = _place(interpreter, text)
        done = {"write": "written to", "read": "read", "access": "read or written to"}[chosen]
        _ask(
            interpreter,
            lambda: session.last_access(address, length, _ACCESSES[chosen], hart),
            f"{text} has not been {done}",
        )


def _ask(interpreter: Interpreter, search: Callable[[], Stop], never: str) -> Stop:
    """Go where a search of the past leads, and say so; stay if it finds nothing."""
    session, hart = interpreter.session, interpreter.hart
    before = session.stop
    stop = search()
    if stop.hit is not None:
        interpreter.report(stop)
        _say_path(interpreter, stop)
        return stop
    if session.goto(before.position.step).position == before.position:
        session.stop = before
    interpreter.hart = hart
    if stop.kind is StopKind.PAUSED:
        interpreter.say(
            f"interrupted: {never} since instruction {stop.position.instructions:,}, nor is more known"
        )
    else:
        interpreter.say(f"{never} since the start of the run")
    return stop


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


def _inside(interpreter: Interpreter, text: str) -> dict[tuple[int, int], str]:
    """Where the inside-flags are, in RAM (address, length), with whose they are."""
    guest = Guest(interpreter)
    known = guest.descriptors()
    chosen = [interpreter.value(text)] if text.strip() else list(known)
    if not chosen:
        raise ReplugError("no descriptor is open")
    offset = guest.layout["DESCRIPTOR_INSIDE"]
    flags = {(each + offset, 4): known.get(each, f"the descriptor at {each:#x}") for each in chosen}
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
