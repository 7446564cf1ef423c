# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory and disassembly, as the hart that is looked at sees them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable

from emulator.debug.commands.interpreter import Interpreter
from emulator.debug.dap.arguments import Arguments, address, number, text
from emulator.debug.dap.messages import Message
from emulator.debug.sources import Sources
from emulator.errors import ReplugError
from toolchain.disassemble import Instruction, disassemble

_MOST_MEMORY = 1 << 20
_MOST_INSTRUCTIONS = 1 << 14
_PAGE = 4096


class Memory:
    """Handlers of these requests, by their names in `table`."""

    def __init__(self, interpreter: Interpreter, sources: Sources) -> None:
        self._interpreter = interpreter
        self._session = interpreter.session
        self._machine = interpreter.session.machine
        self._symbols = interpreter.symbols
        self._sources = sources
        self.table: dict[str, Callable[[Arguments], Message | None]] = {
            "readMemory": self._read_memory,
            "writeMemory": self._write_memory,
            "disassemble": self._disassemble,
        }

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
