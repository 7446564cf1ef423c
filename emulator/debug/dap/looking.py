# SPDX-License-Identifier: GPL-2.0-or-later
"""Harts as threads, frames, registers as variables, expressions, memory and disassembly.

Clients hold on to numbers of frames and variables only while the machine stands; they are made of the hart
and how deep a frame is, 0 for where the hart is: frame 1 + hart * 256 + depth; variables 1 + hart * 4 + group
of a hart, and 1 << 20 plus the frame for the registers of a caller.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
from collections.abc import Callable

from emulator.debug.commands.interpreter import Interpreter
from emulator.debug.dap.arguments import Arguments, address, number, text
from emulator.debug.dap.messages import Message
from emulator.debug.dap.sources import Sources
from emulator.debug.frames import StackFrame, stack
from emulator.debug.gdb import describe
from emulator.debug.registers import X_NAMES, Register, read, write
from emulator.debug.session import DebugSession
from emulator.errors import ReplugError
from emulator.report import EXCEPTIONS, INTERRUPTS
from toolchain.disassemble import Instruction, disassemble

_GROUPS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("Registers", ("pc", "x"), "registers"),
    ("Floating point", ("f",), "registers"),
    ("CSRs", ("priv", "csr"), "registers"),
)
_MACHINE = 3
_TRAP_CSRS = {False: (0x142, 0x141, 0x143), True: (0x342, 0x341, 0x343)}  # cause, epc, tval; in M-mode
_PLACES = 4  # numbers of variables for each hart
_DEPTHS = 256  # numbers of frames for each hart
_CALLERS = 1 << 20  # from here on, numbers of variables are those of callers
_MOST_MEMORY = 1 << 20
_MOST_INSTRUCTIONS = 1 << 14
_PAGE = 4096
_MEMORY = re.compile(r"(?:\*|u(8|16|32|64)\b)(.+)", re.DOTALL)


def frame_hart(session: DebugSession, arguments: Arguments, default: int) -> int:
    """The hart of the frame that a request is about; ReplugError if there is no such frame."""
    frame = arguments.get("frameId")
    if not frame:
        return default
    return frame_place(session, number(arguments, "frameId"))[0]


def frame_place(session: DebugSession, frame: int) -> tuple[int, int]:
    """(hart, depth) of a frame's number; ReplugError if there is no such hart."""
    hart, depth = divmod(frame - 1, _DEPTHS)
    if not 0 <= hart < session.machine.harts:
        raise ReplugError(f"frame {frame}: there is none")
    return hart, depth


def variable_place(session: DebugSession, reference: int) -> tuple[int, int]:
    """(hart, group) of a reference to variables that are a hart's; ReplugError if there is none."""
    hart, group = divmod(reference - 1, _PLACES)
    if not (0 <= hart < session.machine.harts and group < len(_GROUPS)):
        raise ReplugError(f"variables {reference}: there are none")
    return hart, group


class Looking:
    """Handlers that show and edit the state that the machine stands in."""

    def __init__(self, interpreter: Interpreter, sources: Sources) -> None:
        self._interpreter = interpreter
        self._session = interpreter.session
        self._machine = interpreter.session.machine
        self._symbols = interpreter.symbols
        self._registers = interpreter.evaluator.registers
        self._sources = sources
        self.table: dict[str, Callable[[Arguments], Message | None]] = {
            "stackTrace": self._stack,
            "scopes": self._scopes,
            "variables": self._variables,
            "setVariable": self._set_variable,
            "setExpression": self._set_expression,
            "completions": self._completions,
            "readMemory": self._read_memory,
            "writeMemory": self._write_memory,
            "disassemble": self._disassemble,
            "modules": self._modules,
            "exceptionInfo": self._exception,
        }

    # --- harts, modules and frames ---

    def hart(self, thread: int) -> int:
        """Of a thread: they count from 1. ReplugError if there is none."""
        if not 1 <= thread <= self._machine.harts:
            raise ReplugError(f"thread {thread}: the machine has harts 0 to {self._machine.harts - 1}")
        return thread - 1

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
        hart = self.hart(number(arguments, "threadId"))
        self._interpreter.hart = hart
        frames = [
            self._frame(1 + hart * _DEPTHS + depth, each) for depth, each in enumerate(self._stack_of(hart))
        ]
        start = number(arguments, "startFrame", 0)
        levels = number(arguments, "levels", 0) or len(frames)
        return {"stackFrames": frames[start : start + levels], "totalFrames": len(frames)}

    def _stack_of(self, hart: int) -> tuple[StackFrame, ...]:
        return stack(self._session, self._symbols, hart, _DEPTHS - 1).frames

    def _frame(self, identifier: int, frame: StackFrame) -> Message:
        name = self._symbols.name(frame.pc)
        body: Message = {
            "id": identifier,
            "name": f"{name} (a trap came here)" if frame.how == "trap" else name,
            "line": 0,
            "column": 0,
            "instructionPointerReference": f"{frame.pc:#x}",
            "moduleId": self._symbols.module(frame.within),
        }
        line = self._symbols.line(frame.within)
        if line is not None:
            body |= {"source": self._sources.described(line[0]), "line": line[1], "column": 1}
        return body

    def select_frame(self, arguments: Arguments) -> int:
        """The hart of the frame that a request is about: it is looked at from now on."""
        self._interpreter.hart = frame_hart(self._session, arguments, self._interpreter.hart)
        return self._interpreter.hart

    def _exception(self, arguments: Arguments) -> Message:
        """The latest trap that the mode which the hart is in has taken."""
        hart = self.hart(number(arguments, "threadId"))
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

    # --- registers ---

    def _scopes(self, arguments: Arguments) -> Message:
        """Of a hart all registers; of a caller those whose values are known."""
        hart, depth = frame_place(self._session, number(arguments, "frameId"))
        self.select_frame(arguments)
        if depth:
            scope = {
                "name": "Registers of the caller",
                "presentationHint": "registers",
                "variablesReference": _CALLERS + number(arguments, "frameId"),
                "expensive": False,
            }
            return {"scopes": [scope]}
        return {
            "scopes": [
                {
                    "name": name,
                    "presentationHint": hint,
                    "variablesReference": 1 + hart * _PLACES + group,
                    "namedVariables": len(self._of_group(group)),
                    "expensive": group > 0,
                }
                for group, (name, _, hint) in enumerate(_GROUPS)
            ]
        }

    def _of_group(self, group: int) -> list[Register]:
        kinds = _GROUPS[group][1]
        chosen = [each for each in self._registers.all if each.group in kinds]
        return sorted(chosen, key=lambda each: kinds.index(each.group))

    def _variables(self, arguments: Arguments) -> Message:
        reference = number(arguments, "variablesReference")
        if reference > _CALLERS:
            return {"variables": self._of_caller(*frame_place(self._session, reference - _CALLERS))}
        hart, group = variable_place(self._session, reference)
        start, count = number(arguments, "start", 0), number(arguments, "count", 0)
        chosen = self._of_group(group)[start:]
        if text(arguments, "filter", "named") == "indexed":
            return {"variables": []}
        return {"variables": [self._variable(hart, each) for each in (chosen[:count] if count else chosen)]}

    def _of_caller(self, hart: int, depth: int) -> list[Message]:
        frames = self._stack_of(hart)
        if depth >= len(frames):
            raise ReplugError(f"frame {depth} of hart {hart}: there is none")
        known = {"pc": frames[depth].pc} | {X_NAMES[n]: v for n, v in sorted(frames[depth].registers.items())}
        made = []
        for name, value in known.items():
            register = self._registers.find(name)
            assert register is not None
            body: Message = {"name": name, "value": self._shown(register, value), "variablesReference": 0}
            made.append(
                body | {"memoryReference": f"{value:#x}", "presentationHint": {"attributes": ["readOnly"]}}
            )
        return made

    def _variable(self, hart: int, register: Register) -> Message:
        value = read(self._session.engine, hart, register)
        shown: Message = {
            "name": register.name,
            "value": self._shown(register, value),
            "type": f"{register.bits} bits",
            "evaluateName": f"${register.name}",
            "variablesReference": 0,
        }
        return shown | ({"memoryReference": f"{value:#x}"} if register.group in ("x", "pc") else {})

    def _shown(self, register: Register, value: int) -> str:
        shown = f"{value:#0{register.bits // 4 + 2}x}"
        if register.group == "f":
            return f"{shown} ({struct.unpack('<d', value.to_bytes(8, 'little'))[0]:g})"
        if register.group in ("x", "pc") and value and self._symbols.at(value) is not None:
            return f"{shown} <{self._symbols.name(value)}>"
        return shown

    def _set_variable(self, arguments: Arguments) -> Message:
        hart, group = variable_place(self._session, number(arguments, "variablesReference"))
        name = text(arguments, "name")
        register = self._registers.find(name)
        if register is None or register not in self._of_group(group):
            raise ReplugError(f"{name}: there is no such register")
        return self._set_register(hart, register, text(arguments, "value"))

    def _set_register(self, hart: int, register: Register, given: str) -> Message:
        given = given.partition(" <")[0].strip()  # as it was shown, edited a little
        if register.group == "f" and re.fullmatch(r"[-+]?[0-9]+\.[0-9]*(?:[eE][-+]?[0-9]+)?", given):
            value = int.from_bytes(struct.pack("<d", float(given)), "little")
        else:
            value = self._interpreter.evaluator.value(given.partition(" (")[0], hart)
        write(self._session, hart, register, value)
        shown = self._variable(hart, register)
        return {"value": shown["value"], "type": shown["type"], "variablesReference": 0}

    # --- expressions ---

    def evaluate(self, arguments: Arguments) -> Message:
        """The value of an expression, as the frame's hart sees it."""
        hart = self.select_frame(arguments)
        expression = text(arguments, "expression").strip()
        register = self._registers.find(expression.removeprefix("$"))
        if register is not None and expression.startswith("$"):
            frame = number(arguments, "frameId", 0) or 1
            depth = frame_place(self._session, frame)[1]
            return (
                self._evaluated(hart, register) if depth == 0 else self._evaluated_in(hart, depth, register)
            )
        try:
            value = self._interpreter.evaluator.value(expression, hart)
        except ReplugError:
            if register is None:
                raise
            return self._evaluated(hart, register)  # `a0`, as it stands in the source
        result = f"{value:#x} ({value})"
        if self._symbols.at(value) is not None:
            result = f"{value:#x} <{self._symbols.name(value)}>"
            data = self._machine.read_virtual(hart, value, 8)
            if data is not None and text(arguments, "context", "") == "hover":
                result += f": {int.from_bytes(data, 'little'):#x}"
        return {"result": result, "variablesReference": 0, "memoryReference": f"{value:#x}"}

    def _evaluated(self, hart: int, register: Register) -> Message:
        shown = self._variable(hart, register)
        body = {"result": shown["value"], "type": shown["type"], "variablesReference": 0}
        return body | {name: shown[name] for name in ("memoryReference",) if name in shown}

    def _evaluated_in(self, hart: int, depth: int, register: Register) -> Message:
        for each in self._of_caller(hart, depth):
            if each["name"] == register.name:
                return {"result": each["value"], "variablesReference": 0}
        raise ReplugError(f"${register.name}: what a caller had there is not known")

    def _set_expression(self, arguments: Arguments) -> Message:
        """$REGISTER, or memory as *ADDRESS (8 bytes), u8(ADDRESS) and so on."""
        hart = self.select_frame(arguments)
        expression, given = text(arguments, "expression").strip(), text(arguments, "value")
        register = self._registers.find(expression.removeprefix("$"))
        if register is not None:
            return self._set_register(hart, register, given)
        found = _MEMORY.fullmatch(expression)
        if found is None:
            raise ReplugError(f"{expression}: registers, and memory as *ADDRESS or u32(ADDRESS), can be set")
        size = int(found[1] or 64) // 8
        value = self._interpreter.evaluator.value(given, hart) & ((1 << 8 * size) - 1)
        at = self._interpreter.evaluator.value(found[2], hart)
        self._session.write_virtual(hart, at, value.to_bytes(size, "little"))
        return {"value": f"{value:#x}", "variablesReference": 0}

    def _completions(self, arguments: Arguments) -> Message:
        typed = text(arguments, "text")[: max(number(arguments, "column") - 1, 0)]
        word = re.split(r"[^\w.-]", typed)[-1]
        return {
            "targets": [
                {"label": each, "start": len(typed) - len(word), "length": len(word)}
                for each in self._interpreter.complete(typed)
            ]
        }

    # --- memory ---

    def _read_memory(self, arguments: Arguments) -> Message:
        start = address(arguments, "memoryReference") + number(arguments, "offset", 0)
        count = number(arguments, "count")
        if not 0 <= count <= _MOST_MEMORY:
            raise ReplugError(f"{count} bytes: 0 to {_MOST_MEMORY} can be read at once")
        data = self._bytes(start, count)
        body: Message = {"address": f"{start:#x}", "data": base64.b64encode(data).decode()}
        return body | ({"unreadableBytes": count - len(data)} if len(data) < count else {})

    def _bytes(self, start: int, count: int) -> bytes:
        """As many from there as the hart that is looked at has."""
        data = b""
        while len(data) < count and 0 <= start + len(data) < 1 << 64:
            at = start + len(data)
            piece = self._machine.read_virtual(
                self._interpreter.hart, at, min(_PAGE - at % _PAGE, count - len(data))
            )
            if piece is None:
                break
            data += piece
        return data

    def _write_memory(self, arguments: Arguments) -> Message:
        start = address(arguments, "memoryReference") + number(arguments, "offset", 0)
        try:
            data = base64.b64decode(text(arguments, "data"), validate=True)
        except (binascii.Error, ValueError):
            raise ReplugError("`data` is not base64") from None
        if not 0 <= start < 1 << 64:
            raise ReplugError(f"{start:#x}: not an address")
        self._session.write_virtual(self._interpreter.hart, start, data)
        return {"offset": 0, "bytesWritten": len(data)}

    # --- disassembly ---

    def _disassemble(self, arguments: Arguments) -> Message:
        """Exactly as many as asked for: where there are none, placeholders stand."""
        at = address(arguments, "memoryReference") + number(arguments, "offset", 0)
        first, count = number(arguments, "instructionOffset", 0), number(arguments, "instructionCount")
        if not 0 <= count <= _MOST_INSTRUCTIONS or abs(first) > _MOST_INSTRUCTIONS:
            raise ReplugError(f"at most {_MOST_INSTRUCTIONS} instructions can be disassembled at once")
        shown: list[Message] = []
        if first < 0:
            before = self._before(at, -first)
            shown += [_nowhere(max(at - 4 * n, 0)) for n in range(-first, len(before), -1)]
            shown += [self._line(each) for each in before]
        need = max(first, 0) + count - len(shown)
        if need > 0:
            code = self._decoded(at, self._bytes(at, 4 * need))[:need]
            end = code[-1].address + len(code[-1].bytes) if code else at
            ahead = [self._line(each) for each in code]
            ahead += [_nowhere(end + 4 * n) for n in range(need - len(code))]
            shown += ahead[max(first, 0) :]
        return {"instructions": shown[:count]}

    def _decoded(self, at: int, code: bytes) -> list[Instruction]:
        return list(disassemble(code, at, bits=self._session.engine.config.xlen))

    def _before(self, at: int, count: int) -> list[Instruction]:
        """Up to so many instructions that end at an address.

        From a symbol on it is known where instructions begin; without one, the start is guessed.
        """
        start = max(at - 4 * count, 0)
        symbol = self._symbols.at(start)
        if symbol is not None and symbol[1] < _PAGE:
            start -= symbol[1]
        else:
            while start < at and self._symbols.at(start) is None and not self._bytes(start, 2):
                start = min(start - start % _PAGE + _PAGE, at)
        code = self._bytes(start, at - start)
        return self._decoded(start, code)[-count:] if len(code) == at - start else []

    def _line(self, each: Instruction) -> Message:
        body: Message = {
            "address": f"{each.address:#x}",
            "instructionBytes": each.bytes.hex(" "),
            "instruction": str(each),
        }
        symbol, line = self._symbols.at(each.address), self._symbols.line(each.address)
        if symbol is not None and symbol[1] == 0:
            body["symbol"] = symbol[0]
        if line is not None:
            body |= {"location": self._sources.described(line[0]), "line": line[1]}
        return body


def _nowhere(at: int) -> Message:
    return {"address": f"{at:#x}", "instruction": "(no memory)", "presentationHint": "invalid"}
