# SPDX-License-Identifier: GPL-2.0-or-later
"""DWARF location expressions (DWARF 5, sections 2.5 and 2.6): where a variable is, in a function at an
instruction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from elftools.dwarf.dwarf_expr import DWARFExprOp

_MASK = (1 << 64) - 1
_MOST_STEPS = 1000


@dataclass(frozen=True)
class InMemory:
    """At a virtual address."""

    address: int


@dataclass(frozen=True)
class InRegister:
    """In a register, by DWARF number: x0 to x31 are 0 to 31, f0 to f31 are 32 to 63."""

    number: int


@dataclass(frozen=True)
class Known:
    """Nowhere, but its value is known: the compiler has put it in no place."""

    value: int


Place = InMemory | InRegister | Known


@dataclass(frozen=True)
class Frame:
    """What expressions need of a function's frame; None is what is not known.

    register: of a DWARF number. cfa: of the frame. load: (address, bytes) of memory, little-endian. moved:
    how far the program is loaded above where it was linked.
    """

    register: Callable[[int], int | None]
    cfa: Callable[[], int | None]
    load: Callable[[int, int], int | None]
    moved: int = 0


class _UnknownError(Exception):
    """The value is not to be had: it was optimized away, or nobody here evaluates this operation."""


def locate(
    operations: Sequence[DWARFExprOp], base: Sequence[DWARFExprOp], frame: Frame, bits: int
) -> Place | None:
    """The place that an expression gives; None if there is none. base: the function's DW_AT_frame_base."""
    if not operations:
        return None
    name = operations[0].op_name
    if len(operations) == 1 and name.startswith("DW_OP_reg"):
        return InRegister(operations[0].args[0] if name == "DW_OP_regx" else int(name[len("DW_OP_reg") :]))
    try:
        stack, is_value = _run(operations, base, frame, bits)
    except (_UnknownError, IndexError):
        return None
    return Known(stack[-1]) if is_value else InMemory(stack[-1])


def _known(value: int | None) -> int:
    if value is None:
        raise _UnknownError
    return value


def _run(
    operations: Sequence[DWARFExprOp], base: Sequence[DWARFExprOp], frame: Frame, bits: int
) -> tuple[list[int], bool]:
    """(stack, whether its top is the value itself)"""
    mask = (1 << bits) - 1
    stack: list[int] = []
    for operation in operations[:_MOST_STEPS]:
        name, arguments = operation.op_name.removeprefix("DW_OP_"), operation.args
        if name == "stack_value":
            return stack, True
        if name == "fbreg":
            stack.append(_frame_base(base, frame, bits) + arguments[0])
        elif name == "call_frame_cfa":
            stack.append(_known(frame.cfa()))
        elif name == "bregx":
            stack.append(_known(frame.register(arguments[0])) + arguments[1])
        elif name.startswith("breg"):
            stack.append(_known(frame.register(int(name[4:]))) + arguments[0])
        elif name.startswith("lit"):
            stack.append(int(name[3:]))
        elif name == "addr":
            stack.append(arguments[0] + frame.moved)
        elif name.startswith("const"):
            stack.append(int(arguments[0]))
        elif name == "plus_uconst":
            stack.append(stack.pop() + arguments[0])
        elif name == "deref":
            stack.append(_known(frame.load(stack.pop(), bits // 8)))
        elif name == "deref_size":
            stack.append(_known(frame.load(stack.pop(), arguments[0])))
        elif name in _BINARY:
            right, left = stack.pop(), stack.pop()
            stack.append(_BINARY[name](left, right))
        elif name in _UNARY:
            stack.append(_UNARY[name](stack.pop()))
        elif name != "nop":
            raise _UnknownError  # pieces, entry values, types, branches
        stack[-1:] = [value & mask for value in stack[-1:]]
    return stack, False


def _frame_base(base: Sequence[DWARFExprOp], frame: Frame, bits: int) -> int:
    """A register there means what it holds, not itself as the place (DWARF 5, section 3.3.5)."""
    if any(operation.op_name == "DW_OP_fbreg" for operation in base):
        raise _UnknownError
    place = locate(base, (), frame, bits)
    if isinstance(place, InRegister):
        return _known(frame.register(place.number))
    if place is None:
        raise _UnknownError
    return place.address if isinstance(place, InMemory) else place.value


_BINARY: dict[str, Callable[[int, int], int]] = {
    "plus": lambda a, b: a + b,
    "minus": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "xor": lambda a, b: a ^ b,
    "shl": lambda a, b: a << min(b, 64),
    "shr": lambda a, b: a >> min(b, 64),
}
_UNARY: dict[str, Callable[[int], int]] = {"neg": lambda a: -a, "not": lambda a: ~a}
