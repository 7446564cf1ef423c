# SPDX-License-Identifier: GPL-2.0-or-later
"""Variables of C programs: those of a frame, taken apart as far as the client asks."""

from __future__ import annotations

from dataclasses import dataclass

from emulator.debug.commands.interpreter import Interpreter
from emulator.debug.dap.messages import Message
from emulator.debug.dap.places import Places
from emulator.debug.records import Position
from emulator.debug.values import Value
from emulator.debug.variables import reading
from emulator.errors import ReplugError

_FIRST = 1 << 24  # from here on, numbers of variables are those of C variables
_MOST_PARTS = 1 << 12
_OPTIMIZED_AWAY = "(optimized away)"


@dataclass(frozen=True)
class _Scope:
    """All variables of a kind that a frame can name."""

    hart: int
    depth: int
    is_local: bool


class Values:
    """What has parts gets a number, which holds until the machine moves."""

    def __init__(self, interpreter: Interpreter, places: Places) -> None:
        self._interpreter = interpreter
        self._session = interpreter.session
        self._variables = interpreter.evaluator.variables
        self._places = places
        self._held: list[_Scope | Value] = []
        self._position: Position | None = None

    def scopes(self, hart: int, depth: int) -> list[Message]:
        """Of a frame; none where no debug information tells of variables."""
        frame = self._places.stack_frame(hart, depth) if depth else None
        found: list[Message] = []
        local = self._variables.locals(hart, frame)
        if local:
            found.append(
                {
                    "name": "Locals",
                    "presentationHint": "locals",
                    "variablesReference": self._hold(_Scope(hart, depth, True)),
                    "namedVariables": len(local),
                    "expensive": False,
                }
            )
        if self._variables.globals(hart, frame):
            found.append(
                {
                    "name": "Globals",
                    "variablesReference": self._hold(_Scope(hart, depth, False)),
                    "expensive": True,
                }
            )
        return found

    def _hold(self, what: _Scope | Value) -> int:
        if self._position != self._session.position:
            self._held.clear()
            self._position = self._session.position
        self._held.append(what)
        return _FIRST + len(self._held) - 1

    def holds(self, reference: int) -> bool:
        """Whether it is a number of these."""
        return reference >= _FIRST

    def parts(self, reference: int, kind: str, start: int, count: int) -> list[Message]:
        """The protocol's `Variable`s there. kind: "indexed" (elements of arrays), "named" or "" (both);
        count: 0 for all."""
        held = self._get(reference)
        with reading():
            if isinstance(held, _Scope):
                named = [
                    {"name": name, "value": _OPTIMIZED_AWAY, "variablesReference": 0}
                    if value is None
                    else self.described(name, value)
                    for name, value in self._all(held)
                ]
                return [] if kind == "indexed" else named[start : start + count if count else None]
            if kind and (kind == "indexed") != (held.type.kind == "array"):
                return []
            parts = held.parts(start, min(count, _MOST_PARTS) if count else _MOST_PARTS)
            return [self.described(name, value) for name, value in parts]

    def part(self, reference: int, name: str) -> Value:
        """One of them, by its name; ReplugError if there is none."""
        held = self._get(reference)
        with reading():
            parts = self._all(held) if isinstance(held, _Scope) else self._named_part(held, name)
            for each, value in parts:
                if each == name and value is not None:
                    return value
        raise ReplugError(f"{name}: there is no such variable, or it is nowhere now")

    def _named_part(self, held: Value, name: str) -> list[tuple[str, Value | None]]:
        if held.type.kind == "array" and name[1:-1].isdecimal() and len(name) < 20:
            return [*held.parts(int(name[1:-1]), 1)]
        return [*held.parts()]

    def _get(self, reference: int) -> _Scope | Value:
        index = reference - _FIRST
        if self._position != self._session.position or not 0 <= index < len(self._held):
            raise ReplugError(f"variables {reference}: there are none any more")
        return self._held[index]

    def _all(self, scope: _Scope) -> list[tuple[str, Value | None]]:
        frame = self._places.stack_frame(scope.hart, scope.depth) if scope.depth else None
        if scope.is_local:
            return self._variables.locals(scope.hart, frame)
        return [*self._variables.globals(scope.hart, frame)]

    def described(self, name: str, value: Value) -> Message:
        """The protocol's `Variable`."""
        with reading():
            parts = value.has_parts and (value.type.kind != "pointer" or _points(value))
            body: Message = {
                "name": name,
                "value": value.text(),
                "type": value.type.name,
                "evaluateName": value.path,
                "variablesReference": self._hold(value) if parts else 0,
            }
            if value.type.kind == "array" and parts:
                body["indexedVariables"] = value.type.count
            at = value.number() if value.type.kind == "pointer" and parts else value.address
            return body if at is None else body | {"memoryReference": f"{at:#x}"}

    def assign(self, value: Value, given: str) -> Message:
        """Set it to the value of an expression; gives what is there now."""
        frame = value.context.frame if value.context.frame.how else None
        with reading():
            shown = value.type.enumerators.items() if value.type.kind == "enum" else ()
            number = next((number for number, name in shown if name == given.strip()), None)
            if number is None:
                plain = given.partition(" <")[0].partition(" = ")[0]  # as it was shown, edited a little
                number = self._interpreter.evaluator.value(plain, value.context.hart, frame)
            value.assign(number)
            described = self.described("", value)
        return {each: described[each] for each in ("value", "type", "variablesReference")}


def _points(value: Value) -> bool:
    """Whether a pointer leads somewhere."""
    try:
        number = value.number()
    except ReplugError:
        return False
    return number != 0 and value.context.load(number, 1) is not None
