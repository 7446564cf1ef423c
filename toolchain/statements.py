# SPDX-License-Identifier: GPL-2.0-or-later
"""Splitting assembly text into statements, and giving numeric branch targets one meaning.

Assemblers disagree on what `j 0x80000010` means: an address (GNU) or a distance (LLVM). Here a
numeric target is always an address; a distance is written `. + 16`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from toolchain.errors import ToolchainError

_CONDITIONAL = (
    "beq bne blt bge bltu bgeu bgt ble bgtu bleu beqz bnez blez bgez bltz bgtz c.beqz c.bnez j jal c.j c.jal"
)
BRANCHES = frozenset(_CONDITIONAL.split())
"""Instructions whose last operand is a target."""
FAR_JUMPS = frozenset(("call", "tail", "jump"))
"""Two instructions each; for `jump` the target is the first operand, else the last."""

_TOKEN = re.compile(
    r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'?|/\*.*?\*/|//[^\n]*|#[^\n]*|;|\n|[^"\'/#;\n]+|.', re.DOTALL
)
_PIECE = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])\'?|.', re.DOTALL)
_LABELS = re.compile(r"(?:[A-Za-z_.$][\w.$]*|\d+)[ \t]*:")
_NUMBER = re.compile(r"[+-]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|[0-9]+)")
_ARITHMETIC = re.compile(r"(?!\d+[bf]\b)[-+(~]*\d[\s0-9a-fA-FxX+\-*/()<>~|&^]*")


@dataclass(frozen=True)
class Statement:
    """One statement: its line (from 1), the labels before it, its text without them, and in that the
    mnemonic or directive (lower case) and the operands."""

    line: int
    labels: str
    text: str
    mnemonic: str
    operands: tuple[str, ...]

    @property
    def target_index(self) -> int | None:
        """Which operand is a branch target, None if none."""
        if not self.operands or self.mnemonic not in BRANCHES | FAR_JUMPS:
            return None
        return 0 if self.mnemonic == "jump" else len(self.operands) - 1

    def numeric_target(self) -> int | None:
        """The address that a numeric target names; None if there is no target or it is a symbol.

        Raises ToolchainError for an odd number, and for a negative one or an expression of numbers
        alone: what they are meant to be relative to would be a guess.
        """
        index = self.target_index
        if index is None:
            return None
        operand = self.operands[index]
        if _NUMBER.fullmatch(operand):
            value = _integer(operand, self.line)
            if value < 0:
                raise ToolchainError(
                    f"line {self.line}: {self.text}: a numeric target is an address; "
                    f"write `. - {-value}` for a distance"
                )
            if value % 2:
                raise ToolchainError(
                    f"line {self.line}: {self.text}: no instruction starts at an odd address"
                )
            return value
        if _ARITHMETIC.fullmatch(operand):
            raise ToolchainError(f"line {self.line}: {self.text}: write the target as one number or a label")
        return None

    def with_target(self, target: str) -> "Statement":
        index = self.target_index
        assert index is not None
        operands = (*self.operands[:index], target, *self.operands[index + 1 :])
        return replace(self, operands=operands, text=f"{self.mnemonic} {', '.join(operands)}")


def _integer(text: str, line: int) -> int:
    digits = text.lstrip("+-")
    octal = len(digits) > 1 and digits[0] == "0" and digits.isdecimal()
    try:
        value = int(digits, 8 if octal else 0)
    except ValueError:
        raise ToolchainError(f"line {line}: {text} is not a number") from None
    return -value if text[0] == "-" else value


def split(text: str) -> Iterator[Statement]:
    """The statements of `text` (GNU syntax; comments #, // and /* */; separators newline and `;`)."""
    line = first_line = 1
    current = ""
    for token in _TOKEN.findall(text):
        if token in ("\n", ";"):
            yield from _statement(current, first_line)
            current = ""
            line += token == "\n"
            first_line = line
        elif token.startswith("/*") and len(token) > 1:
            current += " "
            line += token.count("\n")
        elif not token.startswith(("#", "//")):
            if not current.strip():
                first_line = line
            current += token
    yield from _statement(current, first_line)


def _statement(text: str, line: int) -> Iterator[Statement]:
    text = text.strip()
    labels = ""
    while match := _LABELS.match(text):
        labels += match.group()
        text = text[match.end() :].lstrip()
    if not text and not labels:
        return
    mnemonic, _, rest = text.replace("\t", " ").partition(" ")
    yield Statement(line, labels, text, mnemonic.lower(), tuple(_operands(rest)))


def _operands(text: str) -> list[str]:
    """Cut at commas outside of strings, characters and parentheses."""
    pieces = [""]
    depth = 0
    for token in _PIECE.findall(text.strip()):
        depth += (token == "(") - (token == ")")
        if token == "," and not depth:
            pieces.append("")
        else:
            pieces[-1] += token
    return [piece.strip() for piece in pieces if piece.strip()]
