# SPDX-License-Identifier: GPL-2.0-or-later
"""What a function without debug information has done to the stack: by reading its instructions.

From its first instruction to where it stands, as if none of its branches were taken; behind a jump that never
comes back, the function goes on as it stood with its frame made. Values are named by what they were when it
was entered: `sp - 32`, or where a trap vector has exchanged registers with CSRs, `sscratch + 0`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from toolchain.disassemble import Instruction

_NAMES = ["zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1"]
_NAMES += [f"a{i}" for i in range(8)] + [f"s{i}" for i in range(2, 12)] + [f"t{i}" for i in range(3, 7)]
NUMBERS = {name: number for number, name in enumerate(_NAMES)} | {"fp": 8}
_SP = "sp"
_SAVED = {"zero", "sp", "gp", "tp", *(f"s{i}" for i in range(12))}
_STORES = {"sd", "c.sd", "c.sdsp", "sw", "c.sw", "c.swsp"}
_LOADS = {"ld", "c.ld", "c.ldsp", "lw", "c.lw", "c.lwsp"}
_ADDS = {"addi", "c.addi", "c.addi16sp", "c.addi4spn"}
_MOVES = {"c.mv", "mv"}
_GONE = {"ret", "c.jr", "jr", "j", "c.j", "mret", "sret", "tail"}
_CALLS = {"jal", "jalr", "c.jalr", "c.jal", "call"}
_NO_RESULT = {
    "sb",
    "sh",
    "fsd",
    "fsw",
    "c.fsd",
    "c.fsdsp",
    "fence",
    "fence.i",
    "ecall",
    "ebreak",
    "wfi",
    "nop",
}
_NO_RESULT |= {"c.nop", "sfence.vma", "beq", "bne", "blt", "bge", "bltu", "bgeu", "beqz", "bnez", "c.beqz"}
_NO_RESULT |= {"c.bnez", "blez", "bgez", "bltz", "bgtz", "bgt", "ble", "bgtu", "bleu"}
_PLACE = re.compile(r"(-?\w+)\((\w+)\)")

Value = tuple[str, int] | None
"""(register or CSR as it was at the entry, plus so much); None: not known."""


@dataclass
class Frame:
    """registers: what each holds now; slots: what memory holds, by the name and offset of its address."""

    registers: dict[str, Value] = field(default_factory=dict)
    slots: dict[tuple[str, int], Value] = field(default_factory=dict)

    def get(self, name: str) -> Value:
        """What a register or CSR holds."""
        return self.registers.get(name, (name, 0))

    def copy(self) -> Frame:
        """As it is now."""
        return Frame(dict(self.registers), dict(self.slots))

    @property
    def depth(self) -> int:
        """Bytes of its frame so far."""
        sp = self.get(_SP)
        return -sp[1] if sp is not None and sp[0] == _SP else 0


def analyse(instructions: Iterable[Instruction]) -> Frame:
    """The frame behind these instructions, the first of which is the function's."""
    frame = Frame()
    body = frame.copy()
    for each in instructions:
        gone = _execute(frame, each)
        if frame.depth > body.depth or (frame.depth == body.depth and len(frame.slots) > len(body.slots)):
            body = frame.copy()
        if gone:
            frame = body.copy()
    return frame


def _number(text: str) -> int | None:
    try:
        return int(text, 0)
    except ValueError:
        return None


def _added(value: Value, more: int | None) -> Value:
    return None if value is None or more is None else (value[0], value[1] + more)


def _execute(frame: Frame, each: Instruction) -> bool:
    """One instruction; whether it jumps away for good."""
    name = each.mnemonic
    words = [word.strip() for word in each.operands.split(",")] if each.operands else []
    if name in _CALLS and not (name in ("jal", "jalr") and words and words[0] == "zero"):
        for register in _NAMES:
            if register not in _SAVED:
                frame.registers[register] = None
        return False
    if name in _GONE or name in ("jal", "jalr"):
        return True
    if name in _STORES or name in _LOADS:
        _access(frame, name in _STORES, words)
    elif name in _ADDS and len(words) in (2, 3):
        frame.registers[words[0]] = _added(frame.get(words[-2]), _number(words[-1]))
    elif name in _MOVES and len(words) == 2:
        frame.registers[words[0]] = frame.get(words[1])
    elif name.startswith("csr"):
        _csr(frame, name, words)
    elif name not in _NO_RESULT and words:
        frame.registers[words[0]] = None
    return False


def _access(frame: Frame, store: bool, words: list[str]) -> None:
    found = _PLACE.fullmatch(words[-1]) if len(words) == 2 else None
    if found is None:
        return
    place = _added(frame.get(found[2]), _number(found[1]))
    if store:
        if place is not None:
            frame.slots.setdefault(place, frame.get(words[0]))  # the first word there is what was saved
    else:
        frame.registers[words[0]] = frame.slots.get(place) if place is not None else None


def _csr(frame: Frame, name: str, words: list[str]) -> None:
    """csrr rd, csr; csrw csr, rs; csrrw rd, csr, rs; all others leave something that is not known."""
    if name in ("csrr", "csrw") and len(words) == 2:
        frame.registers[words[0]] = frame.get(words[1])
    elif name == "csrrw" and len(words) == 3:
        old, new = frame.get(words[1]), frame.get(words[2])
        frame.registers[words[1]] = new
        if words[0] != "zero":
            frame.registers[words[0]] = old
    elif words:
        frame.registers[words[0]] = None
        if len(words) == 3:
            frame.registers[words[1]] = None
