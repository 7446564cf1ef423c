# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands that show: harts, registers, memory, code, history."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.debug.commands.code import show_code
from emulator.debug.commands.registry import command
from emulator.debug.listing import mapped
from emulator.errors import ReplugError

if TYPE_CHECKING:
    from emulator.debug.commands.interpreter import Interpreter

GROUP = "Looking"
_SIZES = {"b": 1, "h": 2, "w": 4, "g": 8}
_FORMAT = re.compile(r"/([0-9]*)([xduacsi]?)([bhwg]?)")
_MOST = 1 << 16
_LONGEST_STRING = 256


@command("info harts", "info threads", group=GROUP, help="Where every hart is.")
def _harts(interpreter: Interpreter, _rest: str) -> None:
    engine = interpreter.session.engine
    for hart in range(interpreter.session.machine.harts):
        mark = "*" if hart == interpreter.hart else " "
        turn = ">" if hart == engine.next_hart else " "
        mode = {0: "U", 1: "S", 3: "M"}.get(engine.get_privilege(hart), "?")
        waits = " waits" if engine.is_waiting(hart) else ""
        interpreter.say(
            f"{mark}{turn} {interpreter.where(hart)}  [{mode}{waits}, {engine.instret(hart):,} instructions, "
            f"{engine.traps(hart):,} traps]"
        )


@command("hart", "thread", group=GROUP, usage="[N]", help="Look at another hart.")
def _hart(interpreter: Interpreter, rest: str) -> None:
    if rest:
        hart = interpreter.value(rest)
        if hart >= interpreter.session.machine.harts:
            raise ReplugError(
                f"hart {hart}: the machine has harts 0 to {interpreter.session.machine.harts - 1}"
            )
        interpreter.hart = hart
    interpreter.say(interpreter.where(interpreter.hart))


@command("info registers", "regs", group=GROUP, usage="[NAME...|all]", help="x registers and pc, or others.")
def _registers(interpreter: Interpreter, rest: str) -> None:
    registers, frame = interpreter.evaluator.registers, interpreter.frame
    chosen = [each for each in registers.all if rest == "all" or (not rest and each.group in ("x", "pc"))]
    for name in [] if rest == "all" else rest.replace("$", "").split():
        found = registers.find(name)
        if found is None:
            raise ReplugError(f"${name}: there is no such register")
        chosen.append(found)
    for register in chosen:
        try:
            value = interpreter.evaluator.register(register, interpreter.hart, frame)
        except ReplugError:
            if rest and rest != "all":
                raise
            interpreter.say(f"{register.name:<10} (not known)")
            continue
        symbol = interpreter.symbols.at(value) if register.group in ("x", "pc") else None
        name = f"  <{interpreter.symbols.name(value)}>" if symbol is not None else ""
        interpreter.say(f"{register.name:<10} {value:#0{register.bits // 4 + 2}x}{name}")


@command(
    "x",
    group=GROUP,
    usage="[/NFS] ADDRESS",
    help="Memory: N units, format x d u a c s i, of size b h w g; by virtual address of this hart.",
)
def _examine(interpreter: Interpreter, rest: str) -> None:
    found = _FORMAT.match(rest)
    count, kind, size_name = (found[1], found[2], found[3]) if found is not None else ("", "", "")
    address = interpreter.value(rest[found.end() :] if found is not None else rest)
    units = min(int(count or 1), _MOST)
    if kind == "i":
        show_code(interpreter, address, units)
        return
    word = "g" if interpreter.session.engine.config.xlen == 64 else "w"
    size = 1 if kind in ("c", "s") and not size_name else _SIZES[size_name or word]
    if kind == "s":
        data = mapped(interpreter, address, _LONGEST_STRING)
        if not data:
            raise ReplugError(f"{address:#x}: hart {interpreter.hart} has no memory there")
        interpreter.say(f"{address:#x}: {data.split(bytes(1))[0].decode(errors='replace')!r}")
        return
    data = _bytes(interpreter, address, units * size)
    for start in range(0, len(data), 16):
        row = data[start : start + 16]
        values = [int.from_bytes(row[i : i + size], "little") for i in range(0, len(row), size)]
        name = interpreter.symbols.name(address + start)
        interpreter.say(f"{address + start:#x} <{name}>: " + " ".join(_shown(v, kind, size) for v in values))


def _shown(value: int, kind: str, size: int) -> str:
    if kind == "d":
        return str(value - (1 << 8 * size) if value >> (8 * size - 1) else value)
    if kind == "u":
        return str(value)
    if kind == "c":
        return repr(chr(value & 0xFF))
    return f"{value:#0{2 * size + 2}x}"


def _bytes(interpreter: Interpreter, address: int, length: int) -> bytes:
    data = interpreter.session.machine.read_virtual(interpreter.hart, address, length)
    if data is None:
        raise ReplugError(
            f"{address:#x}: hart {interpreter.hart} has no memory there, or not {length} bytes of it"
        )
    return data


@command("physical", "xp", group=GROUP, usage="ADDRESS [BYTES]", help="RAM by physical address.")
def _physical(interpreter: Interpreter, rest: str) -> None:
    place, _, length = rest.partition(" ")
    address = interpreter.value(place)
    data = interpreter.session.machine.read_physical(address, min(interpreter.value(length or "16"), _MOST))
    for start in range(0, len(data), 16):
        interpreter.say(f"{address + start:#x}: {data[start : start + 16].hex(' ')}")


@command(
    "translate", group=GROUP, usage="ADDRESS", help="The physical address of a virtual one of this hart."
)
def _translate(interpreter: Interpreter, rest: str) -> None:
    address = interpreter.value(rest)
    physical = interpreter.session.engine.translate(interpreter.hart, address)
    where = "nothing is mapped there" if physical is None else f"physical {physical:#x}"
    interpreter.say(f"{address:#x}: {where}")


@command("hash", group=GROUP, help="128 bits over the whole state of the machine.")
def _hash(interpreter: Interpreter, _rest: str) -> None:
    interpreter.say(interpreter.session.machine.state_hash())


@command(
    "snapshot",
    "info history",
    group=GROUP,
    usage="[FILE]",
    help="The checkpoints that going back starts from; or, into FILE, this state of the machine.\n"
    "replug boot --from-snapshot FILE goes on from there",
)
def _history(interpreter: Interpreter, rest: str) -> None:
    if rest:
        interpreter.session.save(Path(rest))
        interpreter.say(f"instruction {interpreter.session.position.instructions:,} in {rest}")
        return
    history = interpreter.session.history
    interpreter.say(f"{len(history)} checkpoints, {history.bytes / (1 << 20):.1f} MiB, at instructions")
    interpreter.say(", ".join(f"{each.instructions:,}" for each in history.checkpoints))


@command("schedule", group=GROUP, help="Whose turn it is, and what was done against the schedule.")
def _schedule(interpreter: Interpreter, _rest: str) -> None:
    session = interpreter.session
    engine = session.engine
    interpreter.say(
        f"round {engine.rounds:,}, hart {engine.next_hart}'s turn, {engine.slice_left:,} instructions of its "
        f"slice of {engine.config.quantum:,} left"
    )
    for switch in session.timeline.switches:
        interpreter.say(f"against the schedule: hart {switch.hart} from step {switch.step:,} on")


@command(
    "token",
    group=GROUP,
    help="The text that repeats this run, edits and all, up to the farthest state reached.",
)
def _token(interpreter: Interpreter, _rest: str) -> None:
    interpreter.say(interpreter.session.token().encode())
