# SPDX-License-Identifier: GPL-2.0-or-later
"""Registers as variables: of a hart all, of a caller those whose values are known."""

from __future__ import annotations

import re
import struct

from emulator.debug.commands.interpreter import Interpreter
from emulator.debug.dap.messages import Message
from emulator.debug.dap.places import Places
from emulator.debug.registers import X_NAMES, Register, read, write
from emulator.errors import ReplugError

_GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Registers", ("pc", "x")),
    ("Floating point", ("f",)),
    ("CSRs", ("priv", "csr")),
)
_DECIMAL = re.compile(r"[-+]?[0-9]+\.[0-9]*(?:[eE][-+]?[0-9]+)?")


class RegisterVariables:
    """Of a machine's harts and their frames."""

    def __init__(self, interpreter: Interpreter, places: Places) -> None:
        self._interpreter = interpreter
        self._session = interpreter.session
        self._symbols = interpreter.symbols
        self._registers = interpreter.evaluator.registers
        self._places = places

    def scopes(self, hart: int, depth: int) -> list[Message]:
        """Of a frame."""
        if depth:
            return [_scope("Registers of the caller", self._places.caller_number(hart, depth), False)]
        return [
            _scope(name, self._places.registers_number(hart, group), group > 0)
            | {"namedVariables": len(self._of_group(group))}
            for group, (name, _) in enumerate(_GROUPS)
        ]

    def _of_group(self, group: int) -> list[Register]:
        kinds = _GROUPS[group][1]
        chosen = [each for each in self._registers.all if each.group in kinds]
        return sorted(chosen, key=lambda each: kinds.index(each.group))

    def all(self, reference: int) -> list[Message]:
        """The protocol's `Variable`s of a scope."""
        caller = self._places.caller(reference)
        if caller is not None:
            return self._of_caller(*caller)
        hart, group = self._places.registers(reference)
        engine = self._session.engine
        return [self.described(each, read(engine, hart, each)) for each in self._of_group(group)]

    def _of_caller(self, hart: int, depth: int) -> list[Message]:
        frame = self._places.stack_frame(hart, depth)
        known = {"pc": frame.pc} | {X_NAMES[n]: v for n, v in sorted(frame.registers.items())}
        read_only = {"presentationHint": {"attributes": ["readOnly"]}}
        registers = ((self._registers.find(name), value) for name, value in known.items())
        return [self.described(each, value) | read_only for each, value in registers if each is not None]

    def described(self, register: Register, value: int) -> Message:
        """The protocol's `Variable`."""
        body: Message = {
            "name": register.name,
            "value": self._shown(register, value),
            "type": f"{register.bits} bits",
            "evaluateName": f"${register.name}",
            "variablesReference": 0,
        }
        return body | ({"memoryReference": f"{value:#x}"} if register.group in ("x", "pc") else {})

    def _shown(self, register: Register, value: int) -> str:
        shown = f"{value:#0{register.bits // 4 + 2}x}"
        if register.group == "f":
            return f"{shown} ({struct.unpack('<d', value.to_bytes(8, 'little'))[0]:g})"
        if register.group in ("x", "pc") and value and self._symbols.at(value) is not None:
            return f"{shown} <{self._symbols.name(value)}>"
        return shown

    def set(self, reference: int, name: str, given: str) -> Message:
        """Set one of a scope."""
        if self._places.caller(reference) is not None:
            raise ReplugError("registers of a caller cannot be changed")
        hart, group = self._places.registers(reference)
        register = self._registers.find(name)
        if register is None or register not in self._of_group(group):
            raise ReplugError(f"{name}: there is no such register")
        return self.set_register(hart, register, given)

    def set_register(self, hart: int, register: Register, given: str) -> Message:
        """To the value of an expression, or to what was shown, edited a little; gives what is there now."""
        given = given.partition(" <")[0].strip()
        if register.group == "f" and _DECIMAL.fullmatch(given):
            value = int.from_bytes(struct.pack("<d", float(given)), "little")
        else:
            value = self._interpreter.evaluator.value(given.partition(" (")[0], hart)
        write(self._session, hart, register, value)
        shown = self.described(register, read(self._session.engine, hart, register))
        return {name: shown[name] for name in ("value", "type", "variablesReference")}


def _scope(name: str, reference: int, expensive: bool) -> Message:
    return {
        "name": name,
        "presentationHint": "registers",
        "variablesReference": reference,
        "expensive": expensive,
    }
