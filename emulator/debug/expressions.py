# SPDX-License-Identifier: GPL-2.0-or-later
"""Expressions that users type: numbers, symbols, $registers, memory, and C's operators.

$a0 + 8            registers of the hart that is looked at; $pc, $sp, $mstatus, $priv
counter            the address of a symbol
*counter           the word there (8 bytes, 4 on RV32); u8(x), u16(x), u32(x), u64(x): so many bits
$a0 == 3 && *x > 5 comparisons and logic give 1 or 0
hart, instructions, step, time    of the state that is looked at
sum, p->x, here.y, table[i], *p   variables of C programs, by their debug information

A local variable's name is its value, and hides a symbol; `$mhartid` is there where one hides `hart`. Other
names alone are values for `print` and editors, but addresses in larger expressions, as without debug
information.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from emulator.debug.frames import StackFrame
from emulator.debug.registers import Register, Registers, read
from emulator.debug.session import DebugSession
from emulator.debug.symbols import Symbols
from emulator.debug.values import NoValueError, Value
from emulator.debug.variables import Variables, reading
from emulator.errors import ReplugError

_TOKEN = re.compile(
    r"\s*(?:(0[xX][0-9a-fA-F_]+|0[bB][01_]+|[0-9][0-9_]*)|\$([A-Za-z_]\w*)|([A-Za-z_.][\w.$]*)"
    r"|(->|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^~!<>()\[\]]))"
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
Operand = int | Value
"""A number, or what debug information tells the type of."""
_Kind = TypeVar("_Kind")
_SIZES = {"u8": 1, "u16": 2, "u32": 4, "u64": 8}


class Evaluator:
    """Evaluates in the state that the session stands at. Numbers are unsigned, of 64 bits."""

    def __init__(self, session: DebugSession, symbols: Symbols) -> None:
        self._session = session
        self._symbols = symbols
        self.registers = Registers(session.engine)
        self.variables = Variables(session, symbols)

    def value(self, text: str, hart: int, frame: StackFrame | None = None) -> int:
        """Of an expression, as this hart sees registers and memory; ReplugError says what is wrong.

        frame: a caller, whose registers and variables are meant.
        """
        parser = self._parser(text, hart, frame)
        return self._evaluated(text, lambda: _number(parser.whole()) & _MASK)

    def typed(self, text: str, hart: int, frame: StackFrame | None = None) -> Operand:
        """The same, with its type where debug information tells one: also of a variable that is not local."""
        parser = self._parser(text, hart, frame)
        found: Operand | None = self.variables.find(parser.name, hart, frame) if parser.name else None
        if found is None:
            found = self._evaluated(text, parser.whole)
        return found & _MASK if isinstance(found, int) else found

    def check(self, text: str, hart: int, address: int | None = None) -> None:
        """ReplugError says what is wrong with an expression that will be evaluated when a hart is at an
        address; that something has no value now is not."""
        try:
            self.value(text, hart, self.variables.innermost(hart, address))
        except NoValueError:
            return

    def _parser(self, text: str, hart: int, frame: StackFrame | None) -> _Parser:
        return _Parser(
            text,
            lambda kind, word: self._word(kind, word, hart, frame),
            lambda name: self._variable(name, hart, frame),
        )

    def _evaluated(self, text: str, evaluate: Callable[[], _Kind]) -> _Kind:
        try:
            with reading():
                return evaluate()
        except ZeroDivisionError:
            raise NoValueError(f"{text}: division by zero") from None
        except RecursionError:
            raise ReplugError("the expression is nested too deeply") from None

    def register(self, register: Register, hart: int, frame: StackFrame | None = None) -> int:
        """The value of a register of a hart, or of a caller: CSRs are the hart's in all frames."""
        if frame is None or not frame.how or register.group in ("csr", "priv"):
            return read(self._session.engine, hart, register)
        if register.group == "pc":
            return frame.pc
        value = frame.registers.get(register.index) if register.group == "x" else None
        if value is None:
            raise ReplugError(f"${register.name}: what a caller had there is not known")
        return value

    def _variable(self, path: str, hart: int, frame: StackFrame | None) -> Value | None:
        """A variable, or member of one: `here.x`. None: there is no such variable."""
        name, *members = path.split(".")
        found = self.variables.find(name, hart, frame)
        for member in members:
            found = None if found is None else found.member(member)
        return found

    def _word(self, kind: str, word: str | int, hart: int, frame: StackFrame | None) -> Operand:
        session = self._session
        if isinstance(word, int):
            size = _SIZES.get(kind, session.engine.config.xlen // 8)
            data = session.machine.read_virtual(hart, word & _MASK, size)
            if data is None:
                raise NoValueError(f"{word & _MASK:#x}: hart {hart} has no memory there")
            return int.from_bytes(data, "little")
        if kind == "register":
            register = self.registers.find(word)
            if register is None:
                raise ReplugError(f"${word}: there is no such register")
            return self.register(register, hart, frame)
        local = self.variables.local(word, hart, frame)
        if local is not None:
            return local
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
        variable = self._variable(word, hart, frame) if "." in word else None
        if variable is not None:
            return variable
        raise ReplugError(f"{word}: there is no such symbol")


class _Parser:
    def __init__(
        self,
        text: str,
        word: Callable[[str, str | int], Operand],
        variable: Callable[[str], Value | None],
    ) -> None:
        self.text = text
        self._word = word
        self._variable = variable
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

    @property
    def name(self) -> str:
        """The name that is all of the expression, "" if it is another."""
        kind, text = self._tokens[0] if len(self._tokens) == 1 else ("", "")
        return text if kind == "name" else ""

    def whole(self) -> Operand:
        if not self._tokens:
            raise ReplugError("an expression is missing")
        value = self._level(0)
        if self._at < len(self._tokens):
            raise ReplugError(f"{self.text}: `{self._tokens[self._at][1]}` does not belong there")
        return value

    def _operator(self) -> str:
        if self._at < len(self._tokens) and self._tokens[self._at][0] == "operator":
            return self._tokens[self._at][1]
        return ""

    def _level(self, level: int) -> Operand:
        if level == len(_LEVELS):
            return self._unary()
        value = self._level(level + 1)
        while (operator := self._operator()) in _LEVELS[level] and operator:
            self._at += 1
            right = _number(self._level(level + 1)) & _MASK
            value = _LEVELS[level][operator](_number(value) & _MASK, right)
        return value

    def _unary(self) -> Operand:
        if self._at >= len(self._tokens):
            raise ReplugError(f"{self.text}: something is missing at its end")
        kind, text = self._tokens[self._at]
        self._at += 1
        if kind == "number":
            return _literal(text)
        if kind == "operator":
            return self._prefixed(text)
        if kind == "name" and text in _SIZES and self._operator() == "(":
            return self._word(text, _number(self._unary()))
        if kind == "name" and self._operator() in ("->", "["):
            variable = self._variable(text)
            if variable is None:
                raise ReplugError(f"{text}: there is no such variable")
            return self._parts(variable)
        return self._word(kind, text)

    def _prefixed(self, operator: str) -> Operand:
        if operator == "(":
            inside = self._level(0)
            self._expect(")")
            return self._parts(inside)
        unary: dict[str, Callable[[int], int]] = {
            "-": lambda value: -value,
            "+": lambda value: value,
            "~": lambda value: ~value,
            "!": lambda value: int(not value),
        }
        if operator not in unary and operator not in ("*", "&"):
            raise ReplugError(f"{self.text}: `{operator}` does not belong there")
        operand = self._unary()
        if operator == "&":
            return self._address(operand)
        if operator == "*":
            if isinstance(operand, Value) and operand.type.kind in ("pointer", "array"):
                return operand.pointed()
            return self._word("word", _number(operand))
        return unary[operator](_number(operand))

    def _address(self, operand: Operand) -> int:
        if isinstance(operand, int):  # of a symbol, its value is its address
            return operand
        if operand.address is None:
            raise ReplugError(f"{operand.path}: it is not in memory")
        return operand.address

    def _parts(self, operand: Operand) -> Operand:
        """Members and elements of it, as far as they are named."""
        while self._at < len(self._tokens):
            kind, text = self._tokens[self._at]
            if text not in ("->", "[") and not (kind == "name" and text.startswith(".")):
                break
            if isinstance(operand, int):
                raise ReplugError(f"{self.text}: `{text}` belongs behind a variable")
            self._at += 1
            if text == "[":
                index = _number(self._level(0)) & _MASK
                self._expect("]")
                operand = operand.element(index - (1 << 64 if index >> 63 else 0))
                continue
            if text == "->":
                kind, text = self._tokens[self._at] if self._at < len(self._tokens) else ("", "")
                if kind != "name":
                    raise ReplugError(f"{self.text}: a member's name is missing behind `->`")
                self._at += 1
            for member in text.removeprefix(".").split("."):
                operand = operand.member(member)
        return operand

    def _expect(self, operator: str) -> None:
        if self._operator() != operator:
            raise ReplugError(f"{self.text}: a `{operator}` is missing")
        self._at += 1


def _number(operand: Operand) -> int:
    return operand if isinstance(operand, int) else operand.number()


def _literal(text: str) -> int:
    for base in (0, 10):  # 10: with zeros in front
        try:
            return int(text, base)
        except ValueError:
            continue
    raise ReplugError(f"{text[:40]}: not a number")
