# SPDX-License-Identifier: GPL-2.0-or-later
"""The constants of the guest's include files: offsets of its structures, for those who look at its memory."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

INCLUDE = Path(__file__).resolve().parent / "include"

_DEFINE = re.compile(r"^#define[ \t]+(\w+)[ \t]+(.+?)[ \t]*(?://.*|/\*.*\*/[ \t]*)?$", re.MULTILINE)
_OPERATORS: Mapping[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.LShift: operator.lshift,
    ast.BitOr: operator.or_,
}


def _value(node: ast.expr, texts: Mapping[str, str]) -> int:
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return node.value
    if isinstance(node, ast.Name):
        return _value(ast.parse(texts[node.id], mode="eval").body, texts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, texts)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_value(node.left, texts), _value(node.right, texts))
    raise ValueError("not a constant")


@cache
def constants() -> Mapping[str, int]:
    """Every constant of include/*.inc whose value is a number, by its name."""
    texts: dict[str, str] = {}
    for path in sorted(INCLUDE.glob("*.inc")):
        texts.update(_DEFINE.findall(path.read_text()))
    values = {}
    for name, text in texts.items():
        try:
            values[name] = _value(ast.parse(text, mode="eval").body, texts)
        except (ValueError, SyntaxError, KeyError):
            continue  # a macro, or nothing
    return values
