# SPDX-License-Identifier: GPL-2.0-or-later
"""Breakpoints as clients set them: every request names all of its kind, and replaces those before."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from emulator.debug.causes import causes_of
from emulator.debug.commands.catching import trap_text
from emulator.debug.commands.interpreter import Interpreter
from emulator.debug.dap.arguments import Arguments, address, number, table, tables, text
from emulator.debug.dap.exceptions import chosen_filters, filter_name
from emulator.debug.dap.messages import Message
from emulator.debug.dap.places import Places
from emulator.debug.dap.values import Values
from emulator.debug.records import Breakpoint, Stop
from emulator.debug.registers import F_NAMES, X_NAMES
from emulator.debug.sources import Sources
from emulator.debug.values import Value
from emulator.engine import Access
from emulator.errors import ReplugError
from toolchain.dwarf_location import InRegister

OWNER = "dap"
_ACCESSES = {"read": Access.READ, "write": Access.WRITE, "readWrite": Access.READ | Access.WRITE}
_DATA, _FUNCTION, _INSTRUCTION = "data breakpoint", "function breakpoint", "instruction breakpoint"
_EXCEPTION = "exception"
_BRACES = re.compile(r"\{([^{}]+)\}")
_F0 = 32  # number of f0 among the registers that can be watched

Made = tuple[list[Breakpoint], Message]
"""What the session has for a breakpoint, and what more the client is told about it."""


@dataclass
class _Log:
    """What a logpoint says, behind so many hits that it passes over."""

    message: str
    passes: int


class Stops:
    """By kind (and file, for those on source lines): the client's identifier and the session's numbers."""

    def __init__(self, interpreter: Interpreter, sources: Sources, places: Places, values: Values) -> None:
        self._interpreter = interpreter
        self._session = interpreter.session
        self._sources = sources
        self._places = places
        self._values = values
        self._groups: dict[str, list[int]] = {}  # kind and file -> numbers
        self._known: dict[int, tuple[int, str]] = {}  # number -> identifier and kind
        self._next = 1
        self._logs: dict[int, _Log] = {}
        self._otherwise = interpreter.session.condition
        interpreter.session.condition = self._judge
        self.table: dict[str, Callable[[Arguments], Message | None]] = {
            "setBreakpoints": self._set_lines,
            "setFunctionBreakpoints": self._set_functions,
            "setInstructionBreakpoints": self._set_instructions,
            "setDataBreakpoints": self._set_data,
            "setExceptionBreakpoints": self._set_exceptions,
            "dataBreakpointInfo": self._data_info,
            "breakpointLocations": self._locations,
        }

    def remove_all(self) -> None:
        """Of this client."""
        self._session.breakpoints.remove_owned(OWNER)
        self._session.condition = self._otherwise

    def reason(self, stop: Stop) -> tuple[str, Message]:
        """Of a stop at a breakpoint: the event's reason, and what more it says."""
        assert stop.breakpoint is not None
        fallback = {Access.EXECUTE: "breakpoint", Access.TRAP: _EXCEPTION}.get(stop.breakpoint.kind, _DATA)
        identifier, kind = self._known.get(stop.breakpoint.number, (0, fallback))
        body: Message = {"hitBreakpointIds": [identifier]} if identifier else {}
        if kind == _DATA and stop.hit is not None:
            done = {Access.READ: "read", Access.WRITE: "written"}.get(stop.hit.kind, "read and written")
            what = "is about to be" if stop.backwards else "was"
            by = self._interpreter.symbols.name(stop.hit.pc)
            place = stop.breakpoint.text or f"{stop.hit.address:#x}"
            said = (
                f"{place} changed" if stop.hit.kind is Access.REGISTER else f"{place} {what} {done} by {by}"
            )
            body |= {"description": said, "text": said}
        elif kind == _EXCEPTION:
            said = trap_text(stop)
            body |= {"description": said, "text": said}
        return kind, body

    # --- setting ---

    def _replace(
        self, group: str, kind: str, wanted: Iterable[Arguments], make: Callable[[Arguments], Made]
    ) -> Message:
        """Breakpoints that cannot be set are answered so, each with its reason; the others are."""
        for number_ in self._groups.pop(group, []):
            self._known.pop(number_, None)
            self._logs.pop(number_, None)
            if self._session.breakpoints.get(number_) is not None:
                self._session.breakpoints.remove(number_)
        numbers = self._groups.setdefault(group, [])
        told: list[Message] = []
        for each in wanted:
            identifier, self._next = self._next, self._next + 1
            try:
                made, more = make(each)
            except ReplugError as error:
                told.append({"id": identifier, "verified": False, "message": str(error)})
                continue
            for breakpoint in made:
                numbers.append(breakpoint.number)
                self._known[breakpoint.number] = (identifier, kind)
            told.append({"id": identifier, "verified": True} | more)
        return {"breakpoints": told}

    def _condition(self, arguments: Arguments, address: int | None = None) -> str | None:
        """address: of the breakpoint; its code may name other variables than that where the hart is now."""
        condition = text(arguments, "condition", "").strip()
        if condition:
            self._interpreter.evaluator.check(condition, self._interpreter.hart, address)
        return condition or None

    def _judge(self, breakpoint: Breakpoint, hart: int) -> bool:
        """Whether a breakpoint with a condition stops the run. A logpoint never does: it says its message."""
        if not self._otherwise(breakpoint, hart):
            return False
        log = self._logs.get(breakpoint.number)
        if log is None:
            return True
        if self._session.is_live:  # not while the past is searched
            log.passes -= 1
            if log.passes < 0:
                self._interpreter.say(self._filled(log.message, hart))
        return False

    def _filled(self, message: str, hart: int) -> str:
        """A message with the values of the expressions in braces."""

        def value(found: re.Match[str]) -> str:
            try:
                number_ = self._interpreter.evaluator.value(found[1], hart)
            except ReplugError as error:
                return f"({error})"
            name = self._interpreter.symbols.name(number_)
            return f"{number_} ({name})" if name.startswith("0x") else f"{number_:#x} <{name}>"

        return _BRACES.sub(value, message)

    def _break(self, addresses: list[int], arguments: Arguments) -> list[Breakpoint]:
        condition, passes = self._condition(arguments, addresses[0]), _passes(arguments)
        message = text(arguments, "logMessage", "")
        if message:
            made = [
                self._session.break_at(at, condition=condition or "1", owner=OWNER, text=f"{at:#x}")
                for at in addresses
            ]
            self._logs |= {breakpoint.number: _Log(message, passes) for breakpoint in made}
            return made
        made = [
            self._session.break_at(at, condition=condition, owner=OWNER, text=f"{at:#x}") for at in addresses
        ]
        for breakpoint in made:
            breakpoint.ignore = passes
        return made

    def _set_lines(self, arguments: Arguments) -> Message:
        path = text(table(arguments, "source"), "path")

        def make(each: Arguments) -> Made:
            line, addresses = self._sources.addresses(path, number(each, "line"))
            more = {"line": line, "source": {"path": path}, "instructionReference": f"{addresses[0]:#x}"}
            return self._break(addresses, each), more

        return self._replace(f"line {path}", "breakpoint", tables(arguments, "breakpoints"), make)

    def _set_functions(self, arguments: Arguments) -> Message:
        def make(each: Arguments) -> Made:
            at = self._interpreter.value(text(each, "name"))
            return self._break([at], each), self._place(at)

        return self._replace(_FUNCTION, _FUNCTION, tables(arguments, "breakpoints"), make)

    def _set_instructions(self, arguments: Arguments) -> Message:
        def make(each: Arguments) -> Made:
            at = address(each, "instructionReference") + number(each, "offset", 0)
            return self._break([at], each), self._place(at)

        return self._replace(_INSTRUCTION, _INSTRUCTION, tables(arguments, "breakpoints"), make)

    def _place(self, at: int) -> Message:
        line = self._interpreter.symbols.line(at)
        place: Message = {"instructionReference": f"{at:#x}"}
        return (
            place if line is None else place | {"source": self._sources.described(line[0]), "line": line[1]}
        )

    def _locations(self, arguments: Arguments) -> Message:
        first = number(arguments, "line")
        last = number(arguments, "endLine", first)
        rows = self._sources.rows(text(table(arguments, "source"), "path"))
        return {
            "breakpoints": [{"line": n} for n in sorted({line for line, _ in rows if first <= line <= last})]
        }

    def _set_exceptions(self, arguments: Arguments) -> Message:
        def make(each: Arguments) -> Made:
            name = filter_name(each)
            made = self._session.catch_traps(
                causes_of([name]), condition=self._condition(each), text=name, owner=OWNER
            )
            return [made], {}

        return self._replace(_EXCEPTION, _EXCEPTION, chosen_filters(arguments), make)

    # --- data ---

    def _data_info(self, arguments: Arguments) -> Message:
        """What can be watched under a name; a null dataId says that nothing can."""
        name = text(arguments, "name")
        hart, depth = self._places.frame(arguments)
        reference = number(arguments, "variablesReference", 0)
        if reference and self._values.holds(reference):
            return self._variable_info(self._values.part(reference, name), arguments)
        if reference:
            hart, _ = self._places.registers(reference)
            name = f"${name.removeprefix('$')}"
        if name.strip().startswith("$"):
            return self._register_info(name.strip()[1:], hart)
        frame = self._places.stack_frame(hart, depth) if depth else None
        plain = name.strip().lstrip("*&")
        try:
            found = self._interpreter.evaluator.typed(name, hart, frame)
            if isinstance(found, Value):
                return self._variable_info(found, arguments)
            at = self._interpreter.evaluator.value(plain, hart, frame)
        except ReplugError as error:
            return {"dataId": None, "description": str(error)}
        size = self._interpreter.symbols.size(plain) or 8
        size = number(arguments, "bytes", size if size <= 64 else 8)
        return self._memory_info(hart, at, size, self._interpreter.symbols.name(at))

    def _variable_info(self, value: Value, arguments: Arguments) -> Message:
        """Of a C variable, its place: in a register, only where the hart is."""
        hart, place = value.context.hart, value.place
        if isinstance(place, InRegister) and not value.context.frame.how:
            return self._register_info((X_NAMES + F_NAMES)[place.number], hart)
        if value.address is None or not value.type.size:
            return {"dataId": None, "description": f"{value.path}: it is not in memory"}
        size = number(arguments, "bytes", value.type.size)
        return self._memory_info(hart, value.address, size, value.path)

    def _memory_info(self, hart: int, at: int, size: int, name: str) -> Message:
        return {
            "dataId": f"memory {hart} {at:#x} {size} {name}",
            "description": f"{name} ({size} bytes)",
            "accessTypes": list(_ACCESSES),
            "canPersist": False,
        }

    def _register_info(self, name: str, hart: int) -> Message:
        register = self._interpreter.evaluator.registers.find(name)
        if register is None or register.group not in ("x", "f"):
            return {
                "dataId": None,
                "description": f"${name}: integer and floating-point registers can be watched",
            }
        index = register.index + (_F0 if register.group == "f" else 0)
        return {
            "dataId": f"register {hart} {index} {register.name}",
            "description": f"${register.name} of hart {hart}",
            "accessTypes": ["write"],
            "canPersist": False,
        }

    def _set_data(self, arguments: Arguments) -> Message:
        return self._replace(_DATA, _DATA, tables(arguments, "breakpoints"), self._make_data)

    def _make_data(self, each: Arguments) -> Made:
        given = text(each, "dataId")
        access = text(each, "accessType", "write")
        parts = given.split(maxsplit=4)
        condition = self._condition(each)
        if len(parts) < 4 or parts[0] not in ("memory", "register") or access not in _ACCESSES:
            raise ReplugError(f"{given} {access}: cannot be watched")
        try:
            hart, where = int(parts[1]), int(parts[2], 0)
            length = int(parts[3]) if parts[0] == "memory" else 0
        except ValueError:
            raise ReplugError(f"{given}: cannot be watched") from None
        if not 0 <= hart < self._session.machine.harts or not 0 <= where < 1 << 64:
            raise ReplugError(f"{given}: cannot be watched")
        if parts[0] == "register":
            if access != "write" or where >= 2 * _F0:
                raise ReplugError("of registers, x0 to f31 can be watched, and writes only")
            made = self._session.watch_register(hart, where, text=f"${parts[3]}", owner=OWNER)
            made.condition = condition
        else:
            name = parts[4] if len(parts) > 4 else self._interpreter.symbols.name(where)
            kind = _ACCESSES[access]
            made = self._session.watch(
                where, length, kind, hart=hart, condition=condition, text=name, owner=OWNER
            )
        made.ignore = _passes(each)
        return [made], {}


def _passes(arguments: Arguments) -> int:
    """Hits to pass over: of hitCondition N, all before the Nth."""
    given: Any = text(arguments, "hitCondition", "").strip()
    if not given:
        return 0
    digits = given.removeprefix(">=").removeprefix("==").strip()
    if not digits.isdecimal() or len(digits) > 12 or int(digits) == 0:
        raise ReplugError(f"hit condition {given[:40]}: a number from 1 on, the first hit that stops")
    return int(digits) - 1
