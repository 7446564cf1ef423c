# SPDX-License-Identifier: GPL-2.0-or-later
"""A log of the instructions that retired, in the form of Spike's `--log-commits`.

    core   0: 3 0x0000000080000004 (0x02828613) x12 0x0000000000001028
    core   0: 3 0x0000000080000010 (0x0182b283) x5  0x0000000080000000 mem 0x0000000080001018

Hart, privilege (0 user, 1 supervisor, 3 machine), pc, instruction, the register that it wrote, the address
that it loaded from or stored to (a store with its value).  Not told, unlike Spike: writes of CSRs.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator

from emulator.cycles.repeat import Recipe, Repetition

_LOAD, _STORE, _AMO = 0x03, 0x23, 0x2F
_FLOAT_LOAD, _FLOAT_STORE, _FLOAT = 0x07, 0x27, 0x53
_NO_RESULT = {0x23, 0x27, 0x63, 0x0F}


def commit_log(
    recipe: Recipe,
    *,
    start: int = 0,
    length: int = 100_000,
    progress: Callable[[int], None] | None = None,
) -> Iterator[str]:
    """Lines of `length` instructions of a run, from when `start` have retired over all harts."""
    schedule = _schedule(recipe, start + length)
    with recipe.again(per_instruction=True) as run:
        engine = run.machine.engine
        engine.follow_schedule(schedule)
        if start:
            run.run(start)
        end = engine.total_instret + length
        logger = _Logger(run)
        while engine.total_instret < end:
            outcome = logger.step()
            yield from logger.lines
            if progress is not None:
                progress(engine.total_instret)
            if outcome != "limit":
                return


def _schedule(recipe: Recipe, until: int) -> array[int]:
    """The slices of the run: they end at the borders of blocks, which a run by instruction does not know."""
    with recipe.again() as run:
        run.machine.engine.record_schedule()
        run.run(until)
        return run.machine.engine.schedule()


class _Logger:
    def __init__(self, run: Repetition) -> None:
        self._run = run
        self._machine = run.machine
        self._engine = run.machine.engine
        self.lines: list[str] = []
        self._harts = range(run.machine.harts)
        self._before = [self._look(hart) for hart in self._harts]

    def _look(self, hart: int) -> tuple[int, int, int, int]:
        engine = self._engine
        pc = engine.get_pc(hart)
        return engine.instret(hart), pc, engine.get_privilege(hart), engine.traps(hart)

    def step(self) -> str:
        """One instruction, or what is instead of it; leaves its lines in `lines`."""
        self.lines = []
        engine = self._engine
        codes = [self._fetch(hart, self._before[hart][1]) for hart in self._harts]
        operands = [self._operands(hart, codes[hart]) for hart in self._harts]
        outcome = self._run.run(1)
        for hart in self._harts:
            retired, pc, privilege, traps = self._before[hart]
            now = self._look(hart)
            self._before[hart] = now
            code, operand = codes[hart], operands[hart]
            if now[3] != traps:
                cause = engine.get_csr(hart, 0x342 if now[2] == 3 else 0x142) or 0
                kind = "interrupt" if cause >> 63 else "exception"
                line = f"core {hart:3}: {kind} {cause & 0x3F}, epc {pc:#018x}"
                self.lines.append(line)
                # What has retired is the first instruction of the handler.
                pc, privilege, operand = self._vector(hart, now[2], cause), now[2], None
                code = self._fetch(hart, pc)
            if now[0] != retired and code is not None:
                self.lines.append(self._line(hart, pc, privilege, code, operand))
        return outcome.reason

    def _vector(self, hart: int, privilege: int, cause: int) -> int:
        vector = self._engine.get_csr(hart, 0x305 if privilege == 3 else 0x105) or 0
        return (vector & ~3) + (4 * (cause & 0x3F) if cause >> 63 and vector & 1 else 0)

    def _fetch(self, hart: int, pc: int) -> int | None:
        first = self._machine.read_virtual(hart, pc, 2)
        if first is None:
            return None
        bits = int.from_bytes(first, "little")
        if bits & 3 != 3:
            return bits
        rest = self._machine.read_virtual(hart, pc + 2, 2)
        return None if rest is None else bits | int.from_bytes(rest, "little") << 16

    def _operands(self, hart: int, bits: int | None) -> tuple[int, str] | None:
        """Address of the access to memory, and the value if it is a store."""
        if bits is None:
            return None
        access = memory_access(bits)
        if access is None:
            return None
        base, offset, source, width = access
        address = (self._engine.get_x(hart, base) + offset) & ((1 << 64) - 1)
        if source is None:
            return address, ""
        value = self._engine.get_f(hart, source - 32) if source >= 32 else self._engine.get_x(hart, source)
        return address, f" {value & ((1 << 8 * width) - 1):#0{2 + 2 * width}x}"

    def _line(self, hart: int, pc: int, privilege: int, bits: int, operands: tuple[int, str] | None) -> str:
        width = 6 if bits & 3 != 3 else 10
        line = f"core {hart:3}: {privilege} {pc:#018x} ({bits:#0{width}x})"
        written = written_register(bits)
        if written is not None:
            name = f"f{written - 32}" if written >= 32 else f"x{written}"
            value = (
                self._engine.get_f(hart, written - 32) if written >= 32 else self._engine.get_x(hart, written)
            )
            line += f" {name:<3} {value:#018x}"
        if operands is not None:
            line += f" mem {operands[0]:#018x}{operands[1]}"
        return line


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) & 1 else value


def memory_access(bits: int) -> tuple[int, int, int | None, int] | None:
    """(base register, offset, register that is stored or None for a load, width in bytes) of an access to
    memory by an RV64 instruction; f registers are 32 to 63.
    """
    if bits & 3 != 3:
        return _compressed_access(bits)
    opcode, function, base = bits & 0x7F, bits >> 12 & 7, bits >> 15 & 31
    width = 1 << (function & 3)
    if opcode in (_LOAD, _FLOAT_LOAD):
        return base, _signed(bits >> 20, 12), None, width
    if opcode in (_STORE, _FLOAT_STORE):
        source = (bits >> 20 & 31) + (32 if opcode == _FLOAT_STORE else 0)
        return base, _signed(bits >> 25 << 5 | bits >> 7 & 31, 12), source, width
    if opcode == _AMO:
        load_reserved = bits >> 27 == 2
        return base, 0, None if load_reserved else bits >> 20 & 31, width
    return None


def _compressed_access(bits: int) -> tuple[int, int, int | None, int] | None:
    quadrant, function = bits & 3, bits >> 13
    if quadrant == 0 and function & 3:
        base, other = 8 + (bits >> 7 & 7), 8 + (bits >> 2 & 7)
        high = (bits >> 10 & 7) << 3
        narrow = function & 3 == 2
        offset = high | (bits >> 6 & 1) << 2 | (bits >> 5 & 1) << 6 if narrow else high | (bits >> 5 & 3) << 6
        floating = 32 if function & 3 == 1 else 0
        return base, offset, other + floating if function & 4 else None, 4 if narrow else 8
    if quadrant == 2 and function & 3:
        narrow = function & 3 == 2
        floating = 32 if function & 3 == 1 else 0
        if function & 4:
            middle = bits >> 7 & 0x3F
            offset = (middle & 0x3C | (middle & 3) << 6) if narrow else (middle & 0x38 | (middle & 7) << 6)
            return 2, offset, (bits >> 2 & 31) + floating, 4 if narrow else 8
        low = bits >> 2 & 31
        high = (bits >> 12 & 1) << 5
        offset = high | (low & 0x1C) | (low & 3) << 6 if narrow else high | (low & 0x18) | (low & 7) << 6
        return 2, offset, None, 4 if narrow else 8
    return None


def written_register(bits: int) -> int | None:
    """The register that an RV64 instruction writes, x0 excepted; f registers are 32 to 63."""
    if bits & 3 != 3:
        return _compressed_written(bits)
    opcode, rd = bits & 0x7F, bits >> 7 & 31
    if opcode in _NO_RESULT:
        return None
    if opcode == _FLOAT_LOAD or opcode in (0x43, 0x47, 0x4B, 0x4F):
        return rd + 32
    if opcode == _FLOAT:
        to_integer = bits >> 27 in (
            0x14,
            0x18,
            0x1C,
        )  # comparisons, conversions to integers, moves and classes
        return (rd or None) if to_integer else rd + 32
    if opcode == 0x73 and bits >> 12 & 7 == 0:
        return None
    return rd or None


def _compressed_written(bits: int) -> int | None:
    quadrant, function, full = bits & 3, bits >> 13, bits >> 7 & 31
    low = 8 + (bits >> 2 & 7)
    middle = 8 + (bits >> 7 & 7)
    if quadrant == 0:
        return {0: low, 1: low + 32, 2: low, 3: low}.get(function)
    if quadrant == 1:
        return {0: full or None, 1: full or None, 2: full or None, 3: full or None, 4: middle}.get(function)
    if function == 4:
        rs2, link = bits >> 2 & 31, bits >> 12 & 1
        if rs2 == 0:
            return 1 if link and full else None
        return full or None
    return {0: full or None, 1: full + 32, 2: full or None, 3: full or None}.get(function)
