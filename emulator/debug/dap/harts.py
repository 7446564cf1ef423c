# SPDX-License-Identifier: GPL-2.0-or-later
"""Harts as threads, their frames, what trapped last, and the files that symbols come from."""

from __future__ import annotations

from collections.abc import Callable

from emulator.debug.commands.interpreter import Interpreter
from emulator.debug.dap.arguments import Arguments, number
from emulator.debug.dap.messages import Message
from emulator.debug.dap.places import Places
from emulator.debug.frames import StackFrame
from emulator.debug.gdb import describe
from emulator.debug.sources import Sources
from emulator.report import EXCEPTIONS, INTERRUPTS

_MACHINE = 3
_TRAP_CSRS = {False: (0x142, 0x141, 0x143), True: (0x342, 0x341, 0x343)}  # cause, epc, tval; in M-mode


class Harts:
    """Handlers of these requests, by their names in `table`."""

    def __init__(self, interpreter: Interpreter, sources: Sources, places: Places) -> None:
        self._interpreter = interpreter
        self._session = interpreter.session
        self._machine = interpreter.session.machine
        self._symbols = interpreter.symbols
        self._sources = sources
        self._places = places
        self.table: dict[str, Callable[[Arguments], Message | None]] = {
            "stackTrace": self._stack,
            "modules": self._modules,
            "loadedSources": lambda _arguments: {"sources": sources.all()},
            "exceptionInfo": self._exception,
        }

    def threads(self, running: bool) -> Message:
        """A thread for each hart; while the machine runs without what it does."""
        return {
            "threads": [
                {
                    "id": hart + 1,
                    "name": f"hart {hart}"
                    + ("" if running else f": {describe.state(self._session, self._symbols, hart)}"),
                }
                for hart in range(self._machine.harts)
            ]
        }

    def _modules(self, arguments: Arguments) -> Message:
        """The files that symbols come from."""
        made: list[Message] = []
        for image, offset in self._symbols.files:
            made.append(
                {
                    "id": str(image.path),
                    "name": image.path.name,
                    "path": str(image.path.resolve()),
                    "addressRange": f"{image.segments[0].vaddr + offset:#x}",
                    "symbolStatus": f"{len(image.symbols)} symbols",
                }
            )
        start = number(arguments, "startModule", 0)
        count = number(arguments, "moduleCount", 0) or len(made)
        return {"modules": made[start : start + count], "totalModules": len(made)}

    def _stack(self, arguments: Arguments) -> Message:
        """The functions that a hart is in, as frames.py finds them."""
        hart = self._interpreter.hart = self._places.hart(arguments)
        frames = self._places.stack(hart)
        start = max(number(arguments, "startFrame", 0), 0)
        levels = number(arguments, "levels", 0) or len(frames)
        told = [
            self._frame(self._places.frame_number(hart, depth), frames[depth])
            for depth in range(start, min(start + levels, len(frames)))
        ]
        return {"stackFrames": told, "totalFrames": len(frames)}

    def _frame(self, identifier: int, frame: StackFrame) -> Message:
        name = self._symbols.name(frame.pc)
        body: Message = {
            "id": identifier,
            "name": f"{name} (a trap came here)" if frame.how == "trap" else name,
            "line": 0,
            "column": 0,
            "instructionPointerReference": f"{frame.pc:#x}",
        }
        module, line = self._symbols.module(frame.within), self._symbols.line(frame.within)
        if module is not None:
            body["moduleId"] = module
        if line is not None:
            body |= {"source": self._sources.described(line[0]), "line": line[1], "column": 1}
        return body

    def _exception(self, arguments: Arguments) -> Message:
        """The latest trap that the mode which the hart is in has taken."""
        hart = self._places.hart(arguments)
        engine = self._session.engine
        cause, epc, value = _TRAP_CSRS[engine.get_privilege(hart) == _MACHINE]
        number_ = engine.get_csr(hart, cause) or 0
        top = engine.config.xlen - 1
        at, told = engine.get_csr(hart, epc) or 0, engine.get_csr(hart, value) or 0
        names, code = (INTERRUPTS, number_ & (1 << top) - 1) if number_ >> top & 1 else (EXCEPTIONS, number_)
        what = names.get(code, f"cause {code}") if engine.traps(hart) else "no trap so far"
        place = f"at {self._symbols.name(at)}, trap value {told:#x}"
        return {
            "exceptionId": what,
            "description": f"{what}, {place}; trap {engine.traps(hart)} of hart {hart}",
            "breakMode": "always",
        }
