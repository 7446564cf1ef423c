# SPDX-License-Identifier: GPL-2.0-or-later
"""The stack of a hart: from function to caller, and across traps, as far as that is known for certain.

In this order, frame by frame: what debug information says (DWARF CFI); what the function's own instructions
have done (prologue.py), if a symbol tells where it begins; where no symbol does, the chain of frame pointers
in s0 as Linux and xv6 keep it. A caller counts only if a call instruction stands in front of the return
address; where none does, the stack ends, and `Stack.end` says why. At the trap vector, what the hart was
doing follows: at the sepc (mepc) that the vector has saved, else at what that CSR holds now, once.
"""

from __future__ import annotations

from dataclasses import dataclass

from emulator.debug.prologue import NUMBERS, Frame, Value, analyse
from emulator.debug.registers import X_NAMES
from emulator.debug.session import DebugSession
from emulator.debug.symbols import Symbols
from toolchain.disassemble import disassemble
from toolchain.dwarf_unwind import Kept, UnwindRow

MOST = 64
"""Frames, unless more are asked for."""
_LONGEST_FUNCTION = 1 << 14  # bytes that are read to find what it has done
_LARGEST_FRAME = 1 << 20
_RA, _SP, _FP = 1, 2, 8
_SCRATCHED = [1, *range(5, 8), *range(10, 18), *range(28, 32)]  # a call need not keep them
_STVEC, _SEPC, _SCAUSE, _MTVEC, _MEPC, _MCAUSE = 0x105, 0x141, 0x142, 0x305, 0x341, 0x342
_MACHINE = 3


@dataclass(frozen=True)
class StackFrame:
    """pc: where the function is; within: an address in the instruction that it executes (of a caller, the
    call). registers: values of x registers in it, by number, as far as they are known. how: what led here:
    "" for the innermost, "CFI", "prologue", "frame pointer" or "trap"."""

    pc: int
    within: int
    registers: dict[int, int]
    how: str

    @property
    def sp(self) -> int | None:
        """Its stack pointer."""
        return self.registers.get(_SP)


@dataclass(frozen=True)
class Stack:
    """Innermost frame first. end: why there are no more."""

    frames: tuple[StackFrame, ...]
    end: str


def stack(session: DebugSession, symbols: Symbols, hart: int, limit: int = MOST) -> Stack:
    """The frames of a hart as it stands."""
    return _Unwinder(session, symbols, hart).run(limit)


class _Unwinder:
    def __init__(self, session: DebugSession, symbols: Symbols, hart: int) -> None:
        self._session = session
        self._machine = session.machine
        self._engine = session.engine
        self._symbols = symbols
        self._hart = hart
        self._bits = session.engine.config.xlen
        self._word = self._bits // 8
        self._mask = (1 << self._bits) - 1
        self._trapped = False
        self._end = ""

    def run(self, limit: int) -> Stack:
        engine, hart = self._engine, self._hart
        registers = {number: engine.get_x(hart, number) & self._mask for number in range(len(X_NAMES))}
        pc = engine.get_pc(hart) & self._mask
        frames = [StackFrame(pc, pc, registers, "")]
        while len(frames) < limit:
            caller = self._caller(frames[-1])
            if caller is None:
                break
            frames.append(caller)
        else:
            self._end = f"only {limit} frames are shown"
        return Stack(tuple(frames), self._end)

    def _caller(self, frame: StackFrame) -> StackFrame | None:
        if self._machine.read_virtual(self._hart, frame.pc, 2) is None:  # somebody jumped to nowhere
            return self._returning(frame, self._kept(frame), frame.registers.get(_RA), "prologue")
        row = self._symbols.unwind(frame.within)
        if row is not None:
            return self._by_row(frame, row)
        function = self._function(frame)
        if function is not None:
            return self._by_prologue(frame, *function)
        return self._by_chain(frame)

    def _ended(self, why: str) -> StackFrame | None:
        self._end = why
        return None

    # --- DWARF ---

    def _by_row(self, frame: StackFrame, row: UnwindRow) -> StackFrame | None:
        base = frame.registers.get(row.cfa_register)
        if base is None:
            return self._ended("the frame's base register is not known")
        cfa = (base + row.cfa_offset) & self._mask
        registers = self._kept(frame)
        for number, (kept, argument) in row.registers.items():
            value = self._kept_value(frame, cfa, kept, argument)
            if value is None:
                registers.pop(number, None)
                if number == row.return_register and kept is Kept.UNDEFINED:
                    return self._ended("the outermost function")
            else:
                registers[number] = value
        registers[_SP] = cfa
        if row.return_register not in row.registers and frame.registers.get(_RA) is not None:
            registers[_RA] = frame.registers[_RA]  # still there
        return self._returning(frame, registers, registers.get(row.return_register), "CFI")

    def _kept_value(self, frame: StackFrame, cfa: int, kept: Kept, argument: int) -> int | None:
        if kept is Kept.AT:
            return self._load(cfa + argument)
        if kept is Kept.IS:
            return (cfa + argument) & self._mask
        if kept is Kept.IN:
            return frame.registers.get(argument)
        return None

    # --- instructions ---

    def _function(self, frame: StackFrame) -> tuple[int, int] | None:
        """(start, bytes) of the function that a symbol names."""
        found = self._symbols.function(frame.within)
        return found if found is not None and frame.within - found[0] <= _LONGEST_FUNCTION else None

    def _by_prologue(self, frame: StackFrame, start: int, size: int) -> StackFrame | None:
        done = self._done(start, frame.pc)
        if done is None:
            return self._ended("the function's code cannot be read")
        sp, here = done.get("sp"), frame.registers.get(_SP)
        bases: dict[str, int] = {}  # what values were at the function's entry
        if sp is not None and here is not None:
            bases[sp[0]] = (here - sp[1]) & self._mask
        fp, fp_here = done.get("s0"), frame.registers.get(_FP)
        if fp is not None and fp[0] != "s0" and fp_here is not None:
            bases.setdefault(fp[0], (fp_here - fp[1]) & self._mask)
        registers = self._kept(frame)
        for (root, offset), value in done.slots.items():
            if value is not None and value[1] == 0 and value[0] in NUMBERS and root in bases:
                loaded = self._load(bases[root] + offset)
                if loaded is not None:
                    registers[NUMBERS[value[0]]] = loaded
        if "sp" in bases:
            registers[_SP] = bases["sp"]
        if self._is_vector(start) and self._has_trapped():
            return self._interrupted(registers, self._saved_epc(done, bases))
        entered: tuple[Value, Value] = (("ra", 0), ("sp", 0))
        is_saved = ("ra", 0) in done.slots.values()
        if done.get("ra") == entered[0] and (not is_saved or done.get("sp") == entered[1]):
            registers.pop(_RA, None)
            if frame.registers.get(_RA) is not None:
                registers[_RA] = frame.registers[_RA]  # not saved yet, or back already
        if start < registers.get(_RA, 0) <= start + size and not self._saves_ra(start, size):
            return self._ended("the function has called others, and keeps no return address")
        return self._returning(frame, registers, registers.get(_RA), "prologue")

    def _saves_ra(self, start: int, size: int) -> bool:
        """Whether the function does that anywhere."""
        done = self._done(start, start + min(size, _LONGEST_FUNCTION))
        return done is not None and ("ra", 0) in done.slots.values()

    def _done(self, start: int, pc: int) -> Frame | None:
        code = self._machine.read_virtual(self._hart, start, pc - start) if pc > start else b""
        return None if code is None else analyse(disassemble(code, start, bits=self._bits))

    # --- frame pointers ---

    def _by_chain(self, frame: StackFrame) -> StackFrame | None:
        fp, sp = frame.registers.get(_FP), frame.registers.get(_SP)
        if fp is None or sp is None or fp % self._word or not sp < fp <= sp + _LARGEST_FRAME:
            return self._ended("no symbol tells where the function begins, and s0 is no frame pointer")
        registers = self._kept(frame)
        ra, before = self._load(fp - self._word), self._load(fp - 2 * self._word)
        if before is not None:
            registers[_FP] = before
        registers[_SP] = fp
        return self._returning(frame, registers, ra, "frame pointer")

    # --- callers ---

    def _kept(self, frame: StackFrame) -> dict[int, int]:
        """What a call keeps."""
        return {number: value for number, value in frame.registers.items() if number not in _SCRATCHED}

    def _returning(
        self, frame: StackFrame, registers: dict[int, int], ra: int | None, how: str
    ) -> StackFrame | None:
        if ra is None:
            return self._ended("the return address is not known")
        if ra == 0:
            return self._ended("the outermost function")
        length = self._call_in_front(ra)
        if not length:
            return self._ended(f"no call leads to the return address {self._symbols.name(ra)}")
        if ra == frame.pc and registers.get(_SP) == frame.sp:
            return self._ended("the frame is its own caller")
        sp, before = registers.get(_SP), frame.sp
        if sp is not None and before is not None and sp < before and frame.how != "trap":
            return self._ended("the caller's stack is not above the function's")
        registers.pop(_RA, None)  # the call has overwritten it
        return StackFrame(ra, ra - length, registers, how)

    def _call_in_front(self, address: int) -> int:
        """Bytes of the call instruction that returns there; 0: there is none."""
        code = self._machine.read_virtual(self._hart, address - 4, 4) or bytes(4)
        whole, half = int.from_bytes(code, "little"), int.from_bytes(code[2:], "little")
        if whole & 0x7F in (0x6F, 0x67) and whole >> 7 & 0x1F in (1, 5):  # jal, jalr with ra (or t0)
            return 4
        if half & 0xF07F == 0x9002 and half >> 7 & 0x1F:  # c.jalr
            return 2
        return 2 if half & 0xE003 == 0x2001 and self._bits == 32 else 0  # c.jal

    # --- traps ---

    def _is_vector(self, start: int) -> bool:
        return any(self._vector(number) == start for number in (_STVEC, _MTVEC))

    def _vector(self, number: int) -> int:
        return (self._engine.get_csr(self._hart, number) or 0) & ~3 & self._mask

    def _saved_epc(self, done: Frame, bases: dict[str, int]) -> int | None:
        for (root, offset), value in done.slots.items():
            if value is not None and value[0] in ("sepc", "mepc") and root in bases:
                loaded = self._load(bases[root] + offset)
                if loaded is not None:
                    return (loaded - value[1]) & self._mask
        return None

    def _interrupted(self, registers: dict[int, int], saved: int | None) -> StackFrame | None:
        """What the hart did when the trap came whose vector has led here. saved: its address, if known."""
        if saved is None:
            if self._trapped:
                return self._ended(
                    "a trap inside a trap: where the outer one came from, no CSR says any more"
                )
            self._trapped = True
            saved = self._epc()
        return StackFrame(saved, saved, registers, "trap")

    def _epc(self) -> int:
        machine = self._engine.get_privilege(self._hart) == _MACHINE
        return (self._engine.get_csr(self._hart, _MEPC if machine else _SEPC) or 0) & self._mask

    def _has_trapped(self) -> bool:
        """Some start programs at their trap vector, without a trap: no cause, and no place."""
        machine = self._engine.get_privilege(self._hart) == _MACHINE
        return bool(self._epc() or self._engine.get_csr(self._hart, _MCAUSE if machine else _SCAUSE))

    def _load(self, address: int) -> int | None:
        data = self._machine.read_virtual(self._hart, address & self._mask, self._word)
        return None if data is None else int.from_bytes(data, "little")
