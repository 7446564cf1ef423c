# SPDX-License-Identifier: GPL-2.0-or-later
"""GDB's agent expressions (GDB manual, appendix "The GDB Agent Expression Mechanism").

Conditions of breakpoints come as this bytecode and are judged here, without a trip to GDB for each hit; so do
the commands of `dprintf` (set dprintf-style agent).
"""

from __future__ import annotations

from collections.abc import Callable

_MASK = (1 << 64) - 1
_MOST_STEPS = 10_000
_REFERENCES = {0x17: 1, 0x18: 2, 0x19: 4, 0x1A: 8}
_CONSTANTS = {0x22: 1, 0x23: 2, 0x24: 4, 0x25: 8}


class AgentError(Exception):
    """The expression cannot be evaluated: memory that is not there, a division by zero, bad bytecode."""


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _divide(a: int, b: int) -> int:
    if b == 0:
        raise AgentError("division by zero")
    return int(abs(a) // abs(b)) * (1 if (a < 0) == (b < 0) else -1)


_BINARY: dict[int, Callable[[int, int], int]] = {
    0x02: lambda a, b: a + b,
    0x03: lambda a, b: a - b,
    0x04: lambda a, b: a * b,
    0x05: lambda a, b: _divide(_signed(a), _signed(b)),
    0x06: _divide,
    0x07: lambda a, b: _signed(a) - _signed(b) * _divide(_signed(a), _signed(b)),
    0x08: lambda a, b: a - b * _divide(a, b),
    0x09: lambda a, b: a << min(b, 64),
    0x0A: lambda a, b: _signed(a) >> min(b, 64),
    0x0B: lambda a, b: a >> min(b, 64),
    0x0F: lambda a, b: a & b,
    0x10: lambda a, b: a | b,
    0x11: lambda a, b: a ^ b,
    0x13: lambda a, b: int(a == b),
    0x14: lambda a, b: int(_signed(a) < _signed(b)),
    0x15: lambda a, b: int(a < b),
}


ReadRegister = Callable[[int], int]
"""Of a register's number in target.xml."""
ReadMemory = Callable[[int, int], bytes | None]
"""Of an address and a length; None where there is nothing."""
Print = Callable[[str, list[int]], None]
"""Gets a format of C's printf, its escapes not yet replaced, and the arguments."""


def evaluate(code: bytes, read_register: ReadRegister, read_memory: ReadMemory) -> int:
    """The value that the bytecode leaves on its stack; AgentError when there is none."""
    stack = execute(code, read_register, read_memory, lambda _form, _arguments: None)
    if not stack:
        raise AgentError("the bytecode leaves no value")
    return stack[-1]


def execute(code: bytes, read_register: ReadRegister, read_memory: ReadMemory, say: Print) -> list[int]:
    """The stack that the bytecode leaves; AgentError where it cannot be executed."""
    try:
        return _execute(code, read_register, read_memory, say)
    except IndexError:
        raise AgentError("the bytecode ends too early, or its stack is empty") from None


def _execute(code: bytes, read_register: ReadRegister, read_memory: ReadMemory, say: Print) -> list[int]:
    stack: list[int] = []
    at = 0

    def take(size: int) -> bytes:
        nonlocal at
        if at + size > len(code):
            raise IndexError
        at += size
        return code[at - size : at]

    def operand(size: int) -> int:
        return int.from_bytes(take(size), "big")

    for _ in range(_MOST_STEPS):
        operation = operand(1)
        if operation in _BINARY:
            b, a = stack.pop(), stack.pop()
            stack.append(_BINARY[operation](a, b) & _MASK)
        elif operation in _CONSTANTS:
            stack.append(operand(_CONSTANTS[operation]))
        elif operation in _REFERENCES:
            data = read_memory(stack.pop(), _REFERENCES[operation])
            if data is None:
                raise AgentError("memory that is not mapped")
            stack.append(int.from_bytes(data, "little"))
        elif operation == 0x26:  # reg
            stack.append(read_register(operand(2)) & _MASK)
        elif operation == 0x27:  # end
            return stack
        elif operation == 0x0E:  # log_not
            stack.append(int(stack.pop() == 0))
        elif operation == 0x12:  # bit_not
            stack.append(~stack.pop() & _MASK)
        elif operation == 0x16:  # ext
            bits = operand(1)
            value = stack.pop() & ((1 << bits) - 1)
            stack.append((value - (1 << bits) if bits and value >> (bits - 1) else value) & _MASK)
        elif operation == 0x2A:  # zero_ext
            stack.append(stack.pop() & ((1 << operand(1)) - 1))
        elif operation == 0x20:  # if_goto
            target = operand(2)
            at = target if stack.pop() else at
        elif operation == 0x21:  # goto
            at = operand(2)
        elif operation == 0x28:  # dup
            stack.append(stack[-1])
        elif operation == 0x29:  # pop
            stack.pop()
        elif operation == 0x2B:  # swap
            stack[-1], stack[-2] = stack[-2], stack[-1]
        elif operation == 0x32:  # pick
            stack.append(stack[-1 - operand(1)])
        elif operation == 0x33:  # rot
            stack[-3:] = [stack[-1], stack[-3], stack[-2]]
        elif operation == 0x34:  # printf
            count, length = operand(1), operand(2)
            form = take(length).rstrip(b"\0").decode(errors="replace")
            function_and_channel = 2  # of no meaning here
            taken = [stack.pop() for _ in range(function_and_channel + count)]
            say(form, taken[function_and_channel:])
        else:
            raise AgentError(f"bytecode {operation:#x} is not known")
    raise AgentError("the bytecode does not come to an end")
