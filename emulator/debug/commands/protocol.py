# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands about our guest's protocol: descriptors, locks, processes; and about any guest's named paths.

The layouts are read from the guest's own headers, so that they are always those it was built with.
"""

from __future__ import annotations

import re
import textwrap
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import guestos
from emulator.debug.commands.registry import command
from emulator.errors import ReplugError
from toolchain.image import PATH_BEGIN, PATH_END

if TYPE_CHECKING:
    from emulator.debug.commands.interpreter import Interpreter

GROUP = "The guest"
_DEFINE = re.compile(r"#define\s+(\w+)\s+(0x[0-9a-fA-F]+|[0-9]+)\s*(?://|/\*|$)", re.MULTILINE)
_MOST_PLACES = 4  # in one symbol that are named one by one
_STATES = ("free", "embryo", "runnable", "running", "sleeping", "zombie")


@cache
def _layout() -> dict[str, int]:
    """The numbers that the guest's headers define."""
    include = Path(guestos.__file__).parent / "include"
    found: dict[str, int] = {}
    for path in include.glob("*.inc"):
        for name, value in _DEFINE.findall(path.read_text()):
            found[name] = int(value, 0)
    return found


class Guest:
    """Reads the kernel's structures by the addresses that it is linked at."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self.layout = _layout()

    def address(self, name: str) -> int:
        found = self._interpreter.symbols.address(name)
        if found is None:
            raise ReplugError(f"the image has no `{name}`: this looks at our own guest only")
        return found

    def load(self, address: int, size: int) -> int:
        machine = self._interpreter.session.machine
        data = machine.read_virtual(self._interpreter.hart, address, size)
        return int.from_bytes(machine.read_physical(address, size) if data is None else data, "little")

    def process(self, address: int) -> str:
        """Who it is, in a few words."""
        if address == 0:
            return "nobody"
        name = self._interpreter.session.machine.read_physical(address + self.layout["PROCESS_NAME"], 32)
        number = self.load(address + self.layout["PROCESS_ID"], 4)
        return f"process {number} ({name.split(bytes(1))[0].decode(errors='replace')})"

    def processes(self) -> list[int]:
        first, size = self.address("processes"), self.layout["PROCESS_SIZE"]
        all_ = [first + size * i for i in range(self.layout["MAX_PROCESSES"])]
        return [each for each in all_ if self.load(each + self.layout["PROCESS_STATE"], 4)]

    def descriptors(self) -> dict[int, str]:
        """Those that are open, by address: whose they are first."""
        found: dict[int, str] = {}
        for process in self.processes():
            for slot in range(self.layout["MAX_DESCRIPTORS"]):
                descriptor = self.load(process + self.layout["PROCESS_DESCRIPTORS"] + 8 * slot, 8)
                if descriptor:
                    found.setdefault(descriptor, f"{self.process(process)}, descriptor {slot}")
        return found

    def spinlock(self, address: int) -> str:
        """Whose it is: its word does not tell, but whoever has changed that last has taken the lock."""
        if not self.load(address, 4):
            return "free"
        hart = self._interpreter.session.changed_by(address, 4)
        return "held" if hart is None else f"held by hart {hart}"

    def sleeping_lock(self, address: int) -> str:
        held = self.load(address + self.layout["SLEEP_LOCK_HELD"], 4)
        if not held:
            return "free"
        owner = self.process(self.load(address + self.layout["SLEEP_LOCK_OWNER"], 8))
        waiting = [
            self.process(each)
            for each in self.processes()
            if self.load(each + self.layout["PROCESS_CHANNEL"], 8) in (address, address + 4, address + 8)
        ]
        return f"held by {owner}" + (f", awaited by {', '.join(waiting)}" if waiting else "")


@command(
    "info descriptors",
    "protocol",
    group=GROUP,
    help="Each open descriptor: where its read leads, inside-flag, locks, who waits in the holding tank.",
)
def _descriptors(interpreter: Interpreter, _rest: str) -> None:
    guest = Guest(interpreter)
    layout = guest.layout
    seen = guest.descriptors()
    for descriptor, who in seen.items():
        path = guest.load(descriptor + layout["DESCRIPTOR_PATH"], 8)
        specialised = guest.load(descriptor + layout["DESCRIPTOR_SPECIALISED"], 4)
        inside = guest.load(descriptor + layout["DESCRIPTOR_INSIDE"], 4)
        blocked = guest.sleeping_lock(descriptor + layout["DESCRIPTOR_BLOCKED"])
        interpreter.say(f"{who} at {descriptor:#x}: {'specialised' if specialised else 'not specialised'}")
        interpreter.say(
            f"    pointer {interpreter.symbols.name(path) if path else 'none'}, inside-flag {inside}, "
            f"per-file lock {guest.sleeping_lock(descriptor + layout['DESCRIPTOR_LOCK'])}, "
            f"blocked inside: {blocked}"
        )
    if not seen:
        interpreter.say("no descriptor is open")


@command("info processes", group=GROUP, help="The guest's processes.")
def _processes(interpreter: Interpreter, _rest: str) -> None:
    guest = Guest(interpreter)
    for process in guest.processes():
        state = guest.load(process + guest.layout["PROCESS_STATE"], 4)
        channel = guest.load(process + guest.layout["PROCESS_CHANNEL"], 8)
        on = (
            f" on {interpreter.symbols.name(channel)}"
            if channel and state == _STATES.index("sleeping")
            else ""
        )
        lock = guest.sleeping_lock(process + guest.layout["PROCESS_LOCK"])
        name = _STATES[state] if state < len(_STATES) else str(state)
        interpreter.say(f"{guest.process(process)}: {name}{on}, per-process lock {lock}")


@command("info locks", group=GROUP, help="The kernel's locks, and who holds them.")
def _locks(interpreter: Interpreter, _rest: str) -> None:
    guest = Guest(interpreter)
    image = interpreter.session.machine.image
    for symbol in image.symbols if image is not None else ():
        if symbol.name.endswith("_lock") and symbol.kind in ("object", "label"):
            segment = image.segment_at(symbol.address) if image is not None else None
            if segment is not None and segment.flags & 1 == 0:
                interpreter.say(f"{symbol.name:<24} {guest.spinlock(symbol.address)}")
    for process in guest.processes():
        lock = guest.sleeping_lock(process + guest.layout["PROCESS_LOCK"])
        if lock != "free":
            interpreter.say(f"per-process lock of {guest.process(process)}: {lock}")


@command("info paths", "path", group=GROUP, usage="[NAME]", help="The named paths that the image declares.")
def _paths(interpreter: Interpreter, rest: str) -> None:
    image = interpreter.session.machine.image
    notes = image.notes if image is not None else ()
    names = dict.fromkeys(note.name for note in notes if not rest or note.name == rest)
    for name in names:
        begins = [n.address for n in notes if n.name == name and n.kind == PATH_BEGIN]
        ends = [n.address for n in notes if n.name == name and n.kind == PATH_END]
        if begins or ends:
            interpreter.say(f"{name}")
            interpreter.say(_places("begins", begins, interpreter))
            interpreter.say(_places("ends", ends, interpreter))
    if not names:
        interpreter.say("no path is declared" if not rest else f"no path {rest} is declared")


def _places(what: str, addresses: list[int], interpreter: Interpreter) -> str:
    """Where a path begins or ends; of many places in one symbol, such as a pool of code, only how many."""
    by_symbol: dict[str, list[int]] = {}
    for address in addresses:
        found = interpreter.symbols.at(address)
        by_symbol.setdefault(found[0] if found is not None else f"{address:#x}", []).append(address)
    said = [
        f"{symbol} ({len(many)} places)"
        if len(many) > _MOST_PLACES
        else ", ".join(map(interpreter.symbols.name, many))
        for symbol, many in by_symbol.items()
    ]
    return textwrap.fill(", ".join(said), 78, initial_indent=f"    {what:<8}", subsequent_indent=" " * 12)
