# SPDX-License-Identifier: GPL-2.0-or-later
"""What to say of a run that did not end well: which hart, where, why, and its last instructions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from emulator.engine import WildHart
from emulator.machine import Machine, Outcome
from toolchain.disassemble import Instruction, disassemble
from toolchain.errors import ToolchainError
from toolchain.statements import BRANCHES

EXCEPTIONS = {
    0: "instruction address misaligned",
    1: "instruction access fault",
    2: "illegal instruction",
    3: "breakpoint",
    4: "load address misaligned",
    5: "load access fault",
    6: "store or AMO address misaligned",
    7: "store or AMO access fault",
    8: "environment call from user mode",
    9: "environment call from supervisor mode",
    11: "environment call from machine mode",
    12: "instruction page fault",
    13: "load page fault",
    15: "store or AMO page fault",
}
INTERRUPTS = {
    1: "supervisor software interrupt",
    3: "machine software interrupt",
    5: "supervisor timer interrupt",
    7: "machine timer interrupt",
    9: "supervisor external interrupt",
    11: "machine external interrupt",
}
PRIVILEGES = {0: "user", 1: "supervisor", 3: "machine"}

_LAST_BLOCKS = 8
_LAST_INSTRUCTIONS = 16
_LONGEST_BLOCK = 256  # bytes; a block that has not ended by then is shown to there
_ENDS_BLOCK = BRANCHES | frozenset(
    (
        "jalr",
        "jr",
        "c.jr",
        "c.jalr",
        "ret",
        "ecall",
        "ebreak",
        "c.ebreak",
        "mret",
        "sret",
        "wfi",
        "fence.i",
        "sfence.vma",
    )
)
_MIE = 0x304


@dataclass(frozen=True)
class _TrapRegisters:
    """Numbers and the letter of the CSRs of traps of one privilege mode."""

    letter: str
    vector: int
    epc: int
    cause: int
    value: int


_MACHINE_TRAPS = _TrapRegisters("m", 0x305, 0x341, 0x342, 0x343)
_SUPERVISOR_TRAPS = _TrapRegisters("s", 0x105, 0x141, 0x142, 0x143)


def cause_name(cause: int) -> str:
    """The privileged manual's name of a trap; `cause` as in mcause of a 64-bit hart."""
    code = cause & (1 << 63) - 1
    names = INTERRUPTS if cause >> 63 else EXCEPTIONS
    return names.get(code, f"{'interrupt' if cause >> 63 else 'exception'} {code} (reserved or custom)")


def place(machine: Machine, address: int) -> str:
    """An address with what is known of it: `0x80000010 trap_vector+0x4 (kernel/trap.S:12)`."""
    return f"{address:#x}{_known(machine, address)}"


def symbol(machine: Machine, address: int) -> str | None:
    """`name+0x4` (or `name`) of an address of the image or its firmware, None where no symbol is known."""
    found = machine.image.symbol_at(address)
    if found is None and machine.start.firmware is not None:
        found = machine.start.firmware.symbol_at(address)
    if found is None:
        return None
    name, offset = found
    return f"{name}+{offset:#x}" if offset else name


def _known(machine: Machine, address: int) -> str:
    name = symbol(machine, address)
    firmware = machine.start.firmware
    try:
        line = machine.image.line_at(address)
        if line is None and firmware is not None:
            line = firmware.line_at(address)
    except ToolchainError:  # damaged debug information is no reason to say nothing
        line = None
    return (f" {name}" if name else "") + (f" ({line[0]}:{line[1]})" if line else "")


def headline(machine: Machine, outcome: Outcome) -> str:
    """One line: how the run ended."""
    total = f"{machine.engine.total_instret:,} instructions"
    if outcome.reason == "wild" and outcome.wild is not None:
        wild = outcome.wild
        return (
            f"hart {wild.hart} runs wild after {total}: it does nothing but trap ({cause_name(wild.cause)})"
        )
    if outcome.reason == "limit":
        return f"stopped at the limit, after {total}: the guest has not ended by itself"
    if outcome.reason == "idle":
        return f"stopped after {total}: all harts wait (wfi), and nothing will ever wake one"
    if outcome.reason == "left":
        return f"left after {total}"
    return f"the guest ended with status {outcome.status} after {total}"


def describe(machine: Machine, outcome: Outcome) -> str:
    """Headline and report as one text."""
    return "\n".join([headline(machine, outcome), *report(machine, outcome)])


def report(machine: Machine, outcome: Outcome) -> list[str]:
    """The lines under the headline for wild, limit and idle; none if the guest ended by itself."""
    if outcome.reason == "wild" and outcome.wild is not None:
        return [
            *_wild(machine, outcome.wild),
            *_last_instructions(machine, outcome.wild.hart, outcome.wild.pc),
        ]
    if outcome.reason not in ("limit", "idle"):
        return []
    lines = [_hart_line(machine, hart) for hart in range(machine.harts)]
    for hart in range(machine.harts):
        if not machine.engine.is_waiting(hart):
            lines += _last_instructions(machine, hart)
    return lines


def _wild(machine: Machine, wild: WildHart) -> list[str]:
    """The trap that a hart repeats; its CSRs are those of the mode that took it."""
    engine, hart = machine.engine, wild.hart
    privilege = engine.get_privilege(hart)
    registers = _MACHINE_TRAPS if privilege == 3 else _SUPERVISOR_TRAPS
    epc = engine.get_csr(hart, registers.epc) or 0
    vector = engine.get_csr(hart, registers.vector) or 0
    kind = "interrupt " if wild.cause >> 63 else ""
    facts = [
        ("pc", place(machine, wild.pc)),
        ("cause", f"{kind}{wild.cause & (1 << 63) - 1}: {cause_name(wild.cause)}"),
        (f"{registers.letter}tval", f"{wild.value:#x}"),
        (f"{registers.letter}epc", place(machine, epc)),
        (f"{registers.letter}tvec", place(machine, vector)),
        ("privilege", PRIVILEGES.get(privilege, str(privilege))),
        ("retired", f"{machine.instret(hart):,} instructions, {engine.traps(hart):,} traps"),
    ]
    return [f"  hart {hart}", *(f"    {name:<9}  {text}" for name, text in facts)]


def _hart_line(machine: Machine, hart: int) -> str:
    engine = machine.engine
    doing = "waits at" if engine.is_waiting(hart) else "runs at"
    line = (
        f"  hart {hart}: {doing} {place(machine, engine.get_pc(hart))}, "
        f"{PRIVILEGES.get(engine.get_privilege(hart), '?')} mode, "
        f"{machine.instret(hart):,} instructions, {engine.traps(hart):,} traps"
    )
    if engine.is_waiting(hart):
        enabled = engine.get_csr(hart, _MIE) or 0
        names = [name for code, name in INTERRUPTS.items() if enabled >> code & 1]
        line += f"; wakes on: {', '.join(names) or 'nothing'}"
    return line


# --- the last instructions ---


def _last_instructions(machine: Machine, hart: int, trap: int | None = None) -> list[str]:
    """What a hart ran last, oldest first: about its last eight blocks and sixteen instructions.

    trap: address of the instruction that trapped, if that is where it ended.
    """
    engine = machine.engine
    turns = [(start, len(list(same))) for start, same in groupby(engine.recent_blocks(hart))][-_LAST_BLOCKS:]
    if not turns:
        return [f"  hart {hart} has run nothing"]
    lines: list[str] = []
    left = _LAST_INSTRUCTIONS
    following = engine.get_pc(hart) if trap is None else None
    entries = _trap_entries(machine, hart)
    for start, times in reversed(turns):
        if left == 0:
            break
        block = list(_block(machine, hart, start, following, trap))
        shown = block[-left:]
        left -= len(shown)
        heading = f"    {place(machine, start)}{f', {times} times' if times > 1 else ''}:"
        lines[:0] = [heading, *(["      ..."] if len(shown) < len(block) else []), *shown]
        following, trap = start, entries.get(start)
    return [f"  last instructions of hart {hart}:", *lines]


def _trap_entries(machine: Machine, hart: int) -> dict[int, int]:
    """Where traps are entered, and the instruction whose trap that was the last time."""
    entries = {}
    for registers in (_SUPERVISOR_TRAPS, _MACHINE_TRAPS):
        vector = machine.engine.get_csr(hart, registers.vector) or 0
        entries[vector & ~3] = machine.engine.get_csr(hart, registers.epc) or 0
    return entries


def _block(machine: Machine, hart: int, start: int, following: int | None, trap: int | None) -> Iterator[str]:
    """The instructions of a block: to its end, to the block `following` it, or to the one that trapped."""
    code = _code(machine, hart, start)
    if not code:
        yield "      (not mapped any more)"
        return
    for instruction in disassemble(code, start, bits=machine.image.bits):
        if instruction.address == following and following > start:
            return
        here = instruction.address == trap
        at = "  <- trap" if here else ""
        yield f"      {instruction.address:x}:  {instruction}{_target(machine, instruction)}{at}"
        if here or instruction.mnemonic in _ENDS_BLOCK or instruction.mnemonic.startswith("csr"):
            return


def _target(machine: Machine, instruction: Instruction) -> str:
    target = instruction.target()
    name = symbol(machine, target) if target is not None else None
    return f" <{name}>" if name else ""


def _code(machine: Machine, hart: int, start: int) -> bytes:
    """Bytes of a block as the hart sees them now; else of the image, if that is not mapped any more."""
    for length in (_LONGEST_BLOCK, 4096 - start % 4096, 4, 2):
        data = machine.read_virtual(hart, start, min(length, _LONGEST_BLOCK))
        if data:
            return data
    segment = machine.image.segment_at(start)
    if segment is None:
        return b""
    return segment.data[start - segment.vaddr :][:_LONGEST_BLOCK]
