# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands for breakpoints and watchpoints."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emulator.debug.commands.registry import command
from emulator.debug.records import Breakpoint
from emulator.engine import Access
from emulator.errors import ReplugError

if TYPE_CHECKING:
    from emulator.debug.commands.interpreter import Interpreter

GROUP = "Breakpoints and watchpoints"
_REGISTER = re.compile(r"\$\w+")
_QUALIFIERS = re.compile(r"\s+(hart|space|if)\s+")


def _set_break(interpreter: Interpreter, rest: str, *, temporary: bool) -> None:
    place, _, condition = rest.partition(" if ")
    parts = _QUALIFIERS.split(" " + place.strip())
    harts, satp = None, None
    for word, value in zip(parts[1::2], parts[2::2], strict=True):
        if word == "hart":
            harts = frozenset((chosen_hart(interpreter, value),))
        elif word == "space":
            satp = interpreter.value(value)
    text = parts[0].strip().lstrip("*") if parts[0].strip().startswith("*") else parts[0].strip()
    addresses = interpreter.places(text) if text else [interpreter.session.engine.get_pc(interpreter.hart)]
    if condition:
        for address in addresses:  # says now what is wrong with it
            interpreter.evaluator.check(condition, interpreter.hart, address)
    for address in addresses:
        made = interpreter.session.break_at(
            address,
            harts=harts,
            satp=satp,
            condition=condition.strip() or None,
            temporary=temporary,
            text=text,
        )
        machine, hart = interpreter.session.machine, interpreter.hart
        nothing = machine.read_virtual(hart, address, 2) is None
        now = f", where hart {hart} has no memory now" if nothing else ""
        interpreter.say(
            f"breakpoint {made.number} at {address:#x} <{interpreter.symbols.name(address)}>{now}"
        )


def chosen_hart(interpreter: Interpreter, text: str) -> int:
    """A hart that there is."""
    hart = interpreter.value(text)
    if hart >= interpreter.session.machine.harts:
        raise ReplugError(f"hart {hart}: the machine has harts 0 to {interpreter.session.machine.harts - 1}")
    return hart


@command(
    "break",
    "b",
    group=GROUP,
    usage="[ADDRESS|FILE:LINE] [hart N] [space SATP] [if CONDITION]",
    help="Stop in front of an instruction.",
)
def _break(interpreter: Interpreter, rest: str) -> None:
    _set_break(interpreter, rest, temporary=False)


@command("tbreak", "tb", group=GROUP, usage="[ADDRESS|FILE:LINE] ...", help="The same, once.")
def _tbreak(interpreter: Interpreter, rest: str) -> None:
    _set_break(interpreter, rest, temporary=True)


def _set_watch(interpreter: Interpreter, rest: str, kind: Access) -> None:
    place, _, condition = rest.partition(" if ")
    session = interpreter.session
    if _REGISTER.fullmatch(place.strip()):
        register = interpreter.evaluator.registers.find(place.strip()[1:])
        if register is None or register.group not in ("x", "f"):
            raise ReplugError(f"{place.strip()}: integer and floating-point registers can be watched")
        index = register.index + (32 if register.group == "f" else 0)
        made = session.watch_register(interpreter.hart, index, text=place.strip())
        interpreter.say(f"watchpoint {made.number}: {place.strip()} of hart {interpreter.hart}")
        return
    where, _, length = place.partition(",")
    name = where.strip().lstrip("*&")
    word = session.engine.config.xlen // 8
    size = interpreter.value(length) if length.strip() else interpreter.symbols.size(name) or word
    address = interpreter.value(name)
    if condition:
        interpreter.evaluator.check(condition, interpreter.hart)
    made = session.watch(
        address,
        size if size <= 64 or length.strip() else word,
        kind,
        hart=interpreter.hart,
        condition=condition.strip() or None,
        text=place.strip(),
    )
    interpreter.say(f"watchpoint {made.number}: {made.length} bytes at {address:#x}")


@command(
    "watch",
    group=GROUP,
    usage="ADDRESS[, LENGTH] [if CONDITION] | $REGISTER",
    help="Stop behind an instruction that writes there.",
)
def _watch(interpreter: Interpreter, rest: str) -> None:
    _set_watch(interpreter, rest, Access.WRITE)


@command("rwatch", group=GROUP, usage="ADDRESS[, LENGTH]", help="... that reads there.")
def _rwatch(interpreter: Interpreter, rest: str) -> None:
    _set_watch(interpreter, rest, Access.READ)


@command("awatch", group=GROUP, usage="ADDRESS[, LENGTH]", help="... that reads or writes there.")
def _awatch(interpreter: Interpreter, rest: str) -> None:
    _set_watch(interpreter, rest, Access.READ | Access.WRITE)


def _chosen(interpreter: Interpreter, rest: str) -> list[Breakpoint]:
    if not rest:
        return list(interpreter.session.breakpoints)
    found = []
    for word in rest.split():
        breakpoint = interpreter.session.breakpoints.get(interpreter.value(word))
        if breakpoint is None:
            raise ReplugError(f"no breakpoint, watchpoint or catchpoint {word}")
        found.append(breakpoint)
    return found


@command("delete", "d", group=GROUP, usage="[NUMBER...]", help="Remove them, or all.")
def _delete(interpreter: Interpreter, rest: str) -> None:
    for breakpoint in _chosen(interpreter, rest):
        interpreter.session.breakpoints.remove(breakpoint.number)


@command("enable", group=GROUP, usage="[NUMBER...]", help="Let them stop the run again.")
def _enable(interpreter: Interpreter, rest: str) -> None:
    for breakpoint in _chosen(interpreter, rest):
        breakpoint.enabled = True


@command("disable", group=GROUP, usage="[NUMBER...]", help="Keep them, and let them stop nothing.")
def _disable(interpreter: Interpreter, rest: str) -> None:
    for breakpoint in _chosen(interpreter, rest):
        breakpoint.enabled = False


@command(
    "condition", group=GROUP, usage="NUMBER [EXPRESSION]", help="Stop only if it is not 0; none: always."
)
def _condition(interpreter: Interpreter, rest: str) -> None:
    number, _, text = rest.partition(" ")
    for breakpoint in _chosen(interpreter, number):
        if text.strip():
            at = breakpoint.address if breakpoint.kind is Access.EXECUTE else None
            interpreter.evaluator.check(text, interpreter.hart, at)
        breakpoint.condition = text.strip() or None


@command("ignore", group=GROUP, usage="NUMBER COUNT", help="Pass over so many hits.")
def _ignore(interpreter: Interpreter, rest: str) -> None:
    number, _, count = rest.partition(" ")
    if not count.strip():
        raise ReplugError("ignore NUMBER COUNT")
    for breakpoint in _chosen(interpreter, number):
        breakpoint.ignore = interpreter.count(count)


@command("info breakpoints", "info watchpoints", group=GROUP, help="All that are set.")
def _info(interpreter: Interpreter, _rest: str) -> None:
    kinds = {
        Access.EXECUTE: "break",
        Access.WRITE: "watch",
        Access.READ: "rwatch",
        Access.REGISTER: "register",
        Access.TRAP: "catch",
    }
    for each in interpreter.session.breakpoints:
        kind = kinds.get(each.kind, "awatch")
        no_place = each.kind in (Access.REGISTER, Access.TRAP)
        place = each.text if no_place else f"{each.address:#x}"
        name = "" if no_place else f" <{interpreter.symbols.name(each.address)}>"
        extra = [f"if {each.condition}"] if each.condition else []
        extra += [f"hart {hart}" for hart in sorted(each.harts or ())]
        extra += [f"space {each.satp:#x}"] if each.satp is not None else []
        extra += [f"passes over {each.ignore} more"] if each.ignore else []
        extra += [] if each.enabled else ["disabled"]
        interpreter.say(
            f"{each.number:>3}  {kind:<9} {place}{name}  hits {each.hits}  {', '.join(extra)}".rstrip()
        )
    if not len(interpreter.session.breakpoints):
        interpreter.say("none")
