# SPDX-License-Identifier: GPL-2.0-or-later
"""What a frame shows under "Variables": those of C programs, and registers."""

from __future__ import annotations

from collections.abc import Callable

from emulator.debug.dap.arguments import Arguments, number, text
from emulator.debug.dap.messages import Message
from emulator.debug.dap.places import Places
from emulator.debug.dap.registers import RegisterVariables
from emulator.debug.dap.values import Values


class Variables:
    """Handlers of these requests, by their names in `table`."""

    def __init__(self, values: Values, registers: RegisterVariables, places: Places) -> None:
        self._values = values
        self._registers = registers
        self._places = places
        self.table: dict[str, Callable[[Arguments], Message | None]] = {
            "scopes": self._scopes,
            "variables": self._variables,
            "setVariable": self._set_variable,
        }

    def _scopes(self, arguments: Arguments) -> Message:
        hart, depth = self._places.select(arguments)
        return {"scopes": self._values.scopes(hart, depth) + self._registers.scopes(hart, depth)}

    def _variables(self, arguments: Arguments) -> Message:
        reference, kind = number(arguments, "variablesReference"), text(arguments, "filter", "")
        start, count = max(number(arguments, "start", 0), 0), max(number(arguments, "count", 0), 0)
        if self._values.holds(reference):
            return {"variables": self._values.parts(reference, kind, start, count)}
        shown = [] if kind == "indexed" else self._registers.all(reference)
        return {"variables": shown[start : start + count if count else None]}

    def _set_variable(self, arguments: Arguments) -> Message:
        reference, name = number(arguments, "variablesReference"), text(arguments, "name")
        given = text(arguments, "value")
        if self._values.holds(reference):
            return self._values.assign(self._values.part(reference, name), given)
        return self._registers.set(reference, name, given)
