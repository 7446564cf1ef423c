# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a slice may end, said once more and independently of the engine (emulator/engine/borders.c)."""

from __future__ import annotations

BRANCH, JALR, JAL, SYSTEM, MISC_MEM, AMO, OP_FP = 0x63, 0x67, 0x6F, 0x73, 0x0F, 0x2F, 0x53
OP_IMM, OP_IMM_32, OP, OP_32 = 0x13, 0x1B, 0x33, 0x3B
LR, SC, MIN_MAX = 2, 3, 5
PAGE = 4096


def length(bits: int) -> int:
    """Bytes of an instruction."""
    return 4 if bits & 3 == 3 else 2


def _compressed(bits: int, xlen: int) -> bool:
    quadrant, function = bits & 3, bits >> 13 & 7
    if quadrant == 1:
        return function >= 5 or (function == 1 and xlen == 32)  # c.j, c.beqz, c.bnez, c.jal
    return quadrant == 2 and function == 4 and bits >> 2 & 31 == 0 and bits >> 7 & 31 != 0  # c.jr, c.jalr


def _base(bits: int, xlen: int) -> bool:
    """Of the opcodes of integer arithmetic: is it one of I or M, and of no other extension?"""
    opcode, function, upper = bits & 0x7F, bits >> 12 & 7, bits >> 25
    if opcode in (OP, OP_32):
        return upper in (0, 1) or (upper == 0x20 and function in (0, 5))
    if function not in (1, 5):
        return True
    if xlen == 64 and opcode == OP_IMM:
        upper &= ~1  # shifts by 32 and more
    return upper == 0 or (upper == 0x20 and function == 5)


def ends_stretch(bits: int, xlen: int) -> bool:
    """Is there a border behind this instruction, if it retires, wherever it is?"""
    if bits & 3 != 3:
        return _compressed(bits & 0xFFFF, xlen)
    opcode = bits & 0x7F
    if opcode in (BRANCH, JALR, JAL, SYSTEM):
        return True
    if opcode == MISC_MEM:
        return bits >> 12 & 7 == 1  # fence.i
    if opcode == AMO:
        return bits >> 27 in (LR, SC)
    if opcode == OP_FP:
        return bits >> 27 == MIN_MAX and bits >> 12 & 7 < 2 and bits >> 25 & 3 < 2
    return opcode in (OP_IMM, OP_IMM_32, OP, OP_32) and not _base(bits, xlen)


def same_page(pc: int, bits: int) -> bool:
    """Does what follows begin in the page in which the instruction does?"""
    return pc // PAGE == (pc + length(bits)) // PAGE
