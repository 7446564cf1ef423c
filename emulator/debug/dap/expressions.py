# SPDX-License-Identifier: GPL-2.0-or-later
"""Expressions: their values in a frame, what they name set, and what may be typed next."""

from __future__ import annotations

import re
from collections.abc import Callable

from emulator.debug.commands.interpreter import Interpreter
from emulator.debug.dap.arguments import Arguments, number, text
from emulator.debug.dap.messages import Message
from emulator.debug.dap.places import Places
from emulator.debug.dap.registers import RegisterVariables
from emulator.debug.dap.values import Values
from emulator.debug.frames import StackFrame
from emulator.debug.values import Value
from emulator.errors import ReplugError

_MEMORY = re.compile(r"(?:\*|u(8|16|32|64)\b)(.+)", re.DOTALL)


class Expressions:
    """Handlers of these requests, by their names in `table`; `evaluate` has its own: the debugger's console
    knows commands, too (adapter.py)."""

    def __init__(
        self, interpreter: Interpreter, values: Values, registers: RegisterVariables, places: Places
    ) -> None:
        self._interpreter = interpreter
        self._session = interpreter.session
        self._machine = interpreter.session.machine
        self._symbols = interpreter.symbols
        self._registers = interpreter.evaluator.registers
        self._values = values
        self._shown = registers
        self._places = places
        self.table: dict[str, Callable[[Arguments], Message | None]] = {
            "setExpression": self._set_expression,
            "completions": self._completions,
        }

    def evaluate(self, arguments: Arguments) -> Message:
        """The value of an expression, as the frame sees it."""
        hart, depth = self._places.select(arguments)
        expression = text(arguments, "expression").strip()
        frame = self._places.stack_frame(hart, depth) if depth else None
        register = self._registers.find(expression.removeprefix("$"))
        evaluator = self._interpreter.evaluator
        if register is None or not expression.startswith("$"):
            try:
                value = evaluator.typed(expression, hart, frame)
            except ReplugError:
                if register is None:
                    raise
            else:
                if isinstance(value, Value):
                    return _result(self._values.described("", value))
                return self._number(hart, value, text(arguments, "context", "") == "hover")
        # `a0`, as it stands in the source, is a register, too
        return _result(self._shown.described(register, evaluator.register(register, hart, frame)))

    def _number(self, hart: int, value: int, with_memory: bool) -> Message:
        result = f"{value:#x} ({value})"
        if self._symbols.at(value) is not None:
            result = f"{value:#x} <{self._symbols.name(value)}>"
            data = self._machine.read_virtual(hart, value, 8) if with_memory else None
            if data is not None:
                result += f": {int.from_bytes(data, 'little'):#x}"
        return {"result": result, "variablesReference": 0, "memoryReference": f"{value:#x}"}

    def _set_expression(self, arguments: Arguments) -> Message:
        """$REGISTER, a variable or part of one, or memory as *ADDRESS (8 bytes), u8(ADDRESS) and so on."""
        hart, depth = self._places.select(arguments)
        frame = self._places.stack_frame(hart, depth) if depth else None
        expression, given = text(arguments, "expression").strip(), text(arguments, "value")
        variable = self._variable(expression, hart, frame)
        if variable is not None:
            return self._values.assign(variable, given)
        register = self._registers.find(expression.removeprefix("$"))
        if register is not None:
            if depth:
                raise ReplugError("registers of a caller cannot be changed")
            return self._shown.set_register(hart, register, given)
        found = _MEMORY.fullmatch(expression)
        if found is None:
            raise ReplugError(
                f"{expression}: registers, variables, and memory as *ADDRESS or u32(ADDRESS), can be set"
            )
        size = int(found[1] or 64) // 8
        value = self._interpreter.evaluator.value(given, hart, frame) & ((1 << 8 * size) - 1)
        at = self._interpreter.evaluator.value(found[2], hart, frame)
        self._session.write_virtual(hart, at, value.to_bytes(size, "little"))
        return {"value": f"{value:#x}", "variablesReference": 0}

    def _variable(self, expression: str, hart: int, frame: StackFrame | None) -> Value | None:
        try:
            found = self._interpreter.evaluator.typed(expression, hart, frame)
        except ReplugError:
            return None
        return found if isinstance(found, Value) else None

    def _completions(self, arguments: Arguments) -> Message:
        typed = text(arguments, "text")[: max(number(arguments, "column") - 1, 0)]
        found = self._interpreter.complete(typed)
        length = len(typed) - found.start
        return {"targets": [{"label": each, "start": found.start, "length": length} for each in found.texts]}


def _result(variable: Message) -> Message:
    """Of a `Variable`, what the response to `evaluate` has."""
    left = {name: told for name, told in variable.items() if name not in ("name", "value", "evaluateName")}
    return {"result": variable["value"]} | left
