# SPDX-License-Identifier: GPL-2.0-or-later
"""Variables of C programs in the frames of a hart, by their debug information."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from emulator.debug.frames import StackFrame
from emulator.debug.registers import X_NAMES
from emulator.debug.session import DebugSession
from emulator.debug.symbols import Symbols
from emulator.debug.values import Context, NoValueError, Value
from emulator.errors import ReplugError
from toolchain.dwarf_location import Frame
from toolchain.dwarf_variables import Variable, VariableTable
from toolchain.errors import ToolchainError


@contextmanager
def reading() -> Iterator[None]:
    """In here, whatever is raised about damaged debug information becomes a ReplugError: it is read when it
    is needed, types as late as when a value is shown."""
    try:
        yield
    except (ReplugError, ZeroDivisionError, RecursionError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ReplugError(f"the debug information is damaged ({reason})") from error


class Variables:
    """Of the program that a session debugs."""

    def __init__(self, session: DebugSession, symbols: Symbols) -> None:
        self._session = session
        self._symbols = symbols

    def locals(self, hart: int, frame: StackFrame | None = None) -> list[tuple[str, Value | None]]:
        """(name, value) of all that the code of a frame could name, parameters first, then those of inner
        blocks first; None: it is nowhere at this instruction, such as optimized away.

        frame: where the hart is, unless a caller is given.
        """
        context = self._context(hart, frame)
        with reading():
            for table, moved in self._tables():
                found = table.at(context.frame.within - moved)
                if found:
                    found.sort(key=lambda each: not each.is_parameter)
                    return [(each.name, self._value(each, context, moved)) for each in found]
        return []

    def globals(self, hart: int, frame: StackFrame | None = None) -> list[tuple[str, Value]]:
        """(name, value) of all that is not local, by name; those of the frame's own file hide others."""
        context = self._context(hart, frame)
        chosen: dict[str, Value] = {}
        with reading():
            for table, moved in self._tables():
                for name, each in table.globals(context.frame.within - moved).items():
                    value = None if name in chosen else self._value(each, context, moved)
                    if value is not None:
                        chosen[name] = value
        return sorted(chosen.items())

    def find(self, name: str, hart: int, frame: StackFrame | None = None) -> Value | None:
        """A variable that the code of a frame can name, None if there is none; ReplugError if it has no value
        at this instruction."""
        found = self.local(name, hart, frame)
        if found is not None:
            return found
        context = self._context(hart, frame)
        with reading():
            for table, moved in self._tables():
                variable = table.globals(context.frame.within - moved).get(name)
                if variable is not None:
                    return self._value(variable, context, moved)
        return None

    def local(self, name: str, hart: int, frame: StackFrame | None = None) -> Value | None:
        """The same, of local ones."""
        mask = (1 << self._session.engine.config.xlen) - 1
        at = frame.within if frame is not None else self._session.engine.get_pc(hart) & mask
        with reading():
            for table, moved in self._tables():
                for each in table.at(at - moved):
                    if each.name == name:
                        value = self._value(each, self._context(hart, frame), moved)
                        if value is None:
                            raise NoValueError(f"{name}: optimized away at this instruction")
                        return value
        return None

    def _tables(self) -> Iterator[tuple[VariableTable, int]]:
        """And how far each file is moved; those that cannot be read have none."""
        for image, moved in self._symbols.files:
            try:
                table = image.variables
            except ToolchainError:
                continue
            if table is not None:
                yield table, moved

    def _context(self, hart: int, frame: StackFrame | None) -> Context:
        chosen = self.innermost(hart) if frame is None else frame
        return Context(self._session, self._symbols, hart, chosen)

    def innermost(self, hart: int, address: int | None = None) -> StackFrame:
        """Where a hart is; address: if its pc were that."""
        engine = self._session.engine
        mask = (1 << engine.config.xlen) - 1
        registers = {number: engine.get_x(hart, number) & mask for number in range(len(X_NAMES))}
        pc = (engine.get_pc(hart) if address is None else address) & mask
        return StackFrame(pc, pc, registers, "")

    def _value(self, variable: Variable, context: Context, moved: int) -> Value | None:
        def cfa() -> int | None:
            row = self._symbols.unwind(context.frame.within)
            base = None if row is None else context.frame.registers.get(row.cfa_register)
            return None if row is None or base is None else base + row.cfa_offset

        frame = Frame(context.register, cfa, context.load, moved)
        place = variable.place(context.frame.within - moved, frame)
        return None if place is None else Value(context, variable.type, place, variable.name)
