# SPDX-License-Identifier: GPL-2.0-or-later
"""Expressions that users type: numbers, symbols, $registers, memory, and C's operators.

$a0 + 8            registers of the hart that is looked at; $pc, $sp, $mstatus, $priv
counter            the address of a symbol
*counter           the word there (8 bytes, 4 on RV32); u8(x), u16(x), u32(x), u64(x): so many bits
$a0 == 3 && *x > 5 comparisons and logic give 1 or 0
hart, instructions, step, time    of the state that is looked at
"""

from __future__ import annotations

import re
from collections.abc import Callable

from emulator.debug.frames import StackFrame
from emulator.debug.registers import Register, Registers, read
from emulator.debug.session import DebugSession
from emulator.debug.symbols import Symbols
from emulator.errors import ReplugError

_TOKEN = re.compile(
    r"\s*(?:(0[xX][0-9a-fA-F_]+|0[bB][01_]+|[0-9][0-9_]*)|\$([A-Za-z_]\w*)|([A-Za-z_.][\w.$]*)"
    r"|(<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^~!<>()]))"
)
_MASK = (1 << 64) - 1
_LEVELS: tuple[dict[str, Callable[[int, int], int]], ...] = (
    {"||": lambda a, b: int(bool(a) or bool(b))},
    {"&&": lambda a, b: int(bool(a) and bool(b))},
    {"|": lambda a, b: a | b},
    {"^": lambda a, b: a ^ b},
    {"&": lambda a, b: a & b},
    {"==": lambda a, b: int(a == b), "!=": lambda a, b: int(a != b)},
    {
        "<": lambda a, b: int(a < b),
        ">": lambda a, b: int(a > b),
        "<=": lambda a, b: int(a <= b),
        ">=": lambda a, b: int(a >= b),
    },
    {"<<": lambda a, b: a << min(b, 64), ">>": lambda a, b: a >> min(b, 64)},
    {"+": lambda a, b: a + b, "-": lambda a, b: a - b},
    {"*": lambda a, b: a * b, "/": lambda a, b: a // b, "%": lambda a, b: a % b},
)
_SIZES = {"u8": 1, "u16": 2, "u32": 4, "u64": 8}


class Evaluator:
    """Evaluates in the state that the session stands at. Numbers are unsigned, of 64 bits."""

    def __init__(self, session: DebugSession, symbols: Symbols) -> None:
        self._session = session
        self._symbols = symbols
        self.registers = Registers(session.engine)

    def value(self, text: str, hart: int, frame: StackFrame | None = None) -> int:
        """Of an expression, as this hart sees registers and memory; ReplugError says what is wrong.

        frame: a caller, whose registers are meant.
        """
        parser = _Parser(text, lambda kind, word: self._word(kind, word, hart, frame))
        try:
            return parser.whole() & _MASK
        except ZeroDivisionError:
            raise ReplugError(f"{text}: division by zero") from None
        except RecursionError:
            raise ReplugError("the expression is nested too deeply") from None

    def register(self, register: Register, hart: int, frame: StackFrame | None = None) -> int:
        """The value of a register of a hart, or of a caller: CSRs are the hart's in all frames."""
        if frame is None or register.group in ("csr", "priv"):
            return read(self._session.engine, hart, register)
        if register.group == "pc":
            return frame.pc
        value = frame.registers.get(register.index) if register.group == "x" else None
        if value is None:
            raise ReplugError(f"${register.name}: what a caller had there is not known")
        return value

    def _word(self, kind: str, word: str | int, hart: int, frame: StackFrame | None) -> int:
        session = self._session
        if isinstance(word, int):
            size = _SIZES.get(kind, session.engine.config.xlen // 8)
            data = session.machine.read_virtual(hart, word & _MASK, size)
            if data is None:
                raise ReplugError(f"{word & _MASK:#x}: hart {hart} has no memory there")
            return int.from_bytes(data, "little")
        if kind == "register":
            register = self.registers.find(word)
            if register is None:
                raise ReplugError(f"${word}: there is no such register")
            return self.register(register, hart, frame)
        special = {
            "hart": lambda: hart,
            "instructions": lambda: session.position.instructions,
            "step": lambda: session.position.step,
            "time": lambda: session.engine.now,
        }
        address = self._symbols.address(word)
        if address is not None:
            return address
        if word in special:
            return special[word]()
        raise ReplugError(f"{word}: there is no such symbol")


class _Parser:
    def __init__(self, text: str, word: Callable[[str, str | int], int]) -> None:
        self._text = text
        self._word = word
        self._tokens: list[tuple[str, str]] = []
        position = 0
        stripped = text.rstrip()
        while position < len(stripped):
            found = _TOKEN.match(stripped, position)
            if found is None:
                raise ReplugError(f"{text}: cannot be understood from `{stripped[position:].strip()}` on")
            kinds = ("number", "register", "name", "operator")
            kind = next(name for name, group in zip(kinds, found.groups(), strict=True) if group is not None)
            self._tokens.append((kind, next(group for group in found.groups() if group is not None)))
            position = found.end()
        self._at = 0

    def whole(self) -> int:
        if not self._tokens:
            raise ReplugError("an expression is missing")
        value = self._level(0)
        if self._at < len(self._tokens):
            raise ReplugError(f"{self._text}: `{self._tokens[self._at][1]}` does not belong there")
        return value

    def _operator(self) -> str:
        if self._at < len(self._tokens) and self._tokens[self._at][0] == "operator":
            return self._tokens[self._at][1]
        return ""

    def _level(self, level: int) -> int:
        if level == len(_LEVELS):
            return self._unary()
        value = self._level(level + 1)
        while (operator := self._operator()) in _LEVELS[level] and operator:
            self._at += 1
            value = _LEVELS[level][operator](value & _MASK, self._level(level + 1) & _MASK)
        return value

    def _unary(self) -> int:
        if self._at >= len(self._tokens):
            raise ReplugError(f"{self._text}: something is missing at its end")
        kind, text = self._tokens[self._at]
        self._at += 1
        if kind == "number":
            return _number(text)
        if kind == "operator":
            return self._prefixed(text)
        if kind == "name" and text in _SIZES and self._operator() == "(":
            return self._word(text, self._unary())
        return self._word(kind, text)

    def _prefixed(self, operator: str) -> int:
        if operator == "(":
            value = self._level(0)
            if self._operator() != ")":
                raise ReplugError(f"{self._text}: a `)` is missing")
            self._at += 1
            return value
        unary: dict[str, Callable[[int], int]] = {
            "-": lambda value: -value,
            "+": lambda value: value,
            "~": lambda value: ~value,
            "!": lambda value: int(not value),
            "*": lambda value: self._word("word", value),
        }
        if operator not in unary:
            raise ReplugError(f"{self._text}: `{operator}` does not belong there")
        return unary[operator](self._unary())


def _number(text: str) -> int:
    for base in (0, 10):  # 10: with zeros in front
        try:
            return int(text, base)
        except ValueError:
            continue
    raise ReplugError(f"{text[:40]}: not a number")
