# SPDX-License-Identifier: GPL-2.0-or-later
"""The instructions of single calls of paths, one by one: the run once more, to the instruction the same."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from emulator.cycles.commit_log import memory_access
from emulator.cycles.paths import Sample
from emulator.cycles.repeat import Recipe, Repetition
from emulator.errors import ReplugError
from emulator.machine import Machine

KINDS = ("load", "store", "branch", "jump", "lock", "fence", "csr", "other")
"""What an instruction is to a comparison; lock: LR, SC and AMO."""


@dataclass(frozen=True)
class Step:
    """An instruction of a call: its virtual address and its bytes."""

    pc: int
    bits: int

    @property
    def kind(self) -> str:
        return kind_of(self.bits)


def kind_of(bits: int) -> str:
    """One of KINDS."""
    if bits & 3 != 3:
        access = memory_access(bits)
        if access is not None:
            return "load" if access[2] is None else "store"
        quadrant, function = bits & 3, bits >> 13
        if quadrant == 1 and function in (6, 7):
            return "branch"
        is_jump = (quadrant == 1 and function == 5) or (
            quadrant == 2 and function == 4 and not bits >> 2 & 31 and bool(bits >> 7 & 31)
        )
        return "jump" if is_jump else "other"
    opcode = bits & 0x7F
    return {
        0x03: "load", 0x07: "load", 0x23: "store", 0x27: "store", 0x63: "branch", 0x67: "jump", 0x6F: "jump",
        0x2F: "lock", 0x0F: "fence", 0x73: "csr" if bits >> 12 & 7 else "other",
    }.get(opcode, "other")  # fmt: skip


def trace_calls(
    recipe: Recipe, calls: Sequence[Sample], progress: Callable[[int], None] | None = None
) -> list[list[Step]]:
    """The instructions of each call of a run."""
    if not calls:
        return []
    schedule, last = _schedule(recipe, calls)
    result: list[list[Step]] = [[] for _ in calls]
    with recipe.again(per_instruction=True) as run:
        run.machine.engine.follow_schedule(schedule)
        _walk(run, calls, result, last, progress)
    return result


def _schedule(recipe: Recipe, calls: Sequence[Sample]) -> tuple[array[int], int]:
    """The slices of the run until all calls are over, and how many instructions that is in all."""
    with recipe.again() as run:
        engine = run.machine.engine
        engine.record_schedule()
        while True:
            left = max(call.end - engine.instret(call.hart) for call in calls)
            if left < 0:
                break
            if run.run(max(left, 1)).reason != "limit":
                break
        run.run(
            run.machine.harts * recipe.options.quantum * 2
        )  # slices that have begun are recorded when they end
        return engine.schedule(), engine.total_instret


def _walk(
    run: Repetition,
    calls: Sequence[Sample],
    result: list[list[Step]],
    last: int,
    progress: Callable[[int], None] | None,
) -> None:
    """Run to each call, and through it by single steps."""
    machine, engine = run.machine, run.machine.engine
    open_calls = set(range(len(calls)))
    while open_calls:
        retired = [engine.instret(hart) for hart in range(machine.harts)]
        open_calls = {each for each in open_calls if retired[calls[each].hart] < calls[each].end}
        if not open_calls:
            return
        if engine.total_instret > last:
            raise ReplugError("the run that was to be looked at did not come again")
        # So many more in all cannot take a hart past where its next call begins.
        ahead = min(max(calls[each].begin - retired[calls[each].hart], 0) for each in open_calls)
        if ahead > 1:
            if run.run(ahead).reason != "limit":
                return
        else:
            _step(run, calls, open_calls, retired, result)
        if progress is not None:
            progress(engine.total_instret)


def _step(
    run: Repetition,
    calls: Sequence[Sample],
    open_calls: set[int],
    retired: list[int],
    result: list[list[Step]],
) -> None:
    machine, engine = run.machine, run.machine.engine
    looked_at = {}
    for each in open_calls:
        hart = calls[each].hart
        if retired[hart] >= calls[each].begin and hart not in looked_at:
            pc = engine.get_pc(hart)
            looked_at[hart] = pc, _fetch(machine, hart, pc), engine.traps(hart)
    run.run(1)
    for hart, (pc, bits, traps) in looked_at.items():
        if engine.instret(hart) == retired[hart]:
            continue
        step = Step(pc, bits)
        if engine.traps(hart) != traps:  # what has retired is the first instruction of the handler
            vector = engine.get_csr(hart, 0x305 if engine.get_privilege(hart) == 3 else 0x105) or 0
            step = Step(vector & ~3, _fetch(machine, hart, vector & ~3))
        for each in open_calls:
            call = calls[each]
            if call.hart == hart and call.begin <= retired[hart] < call.end:
                result[each].append(step)


def _fetch(machine: Machine, hart: int, pc: int) -> int:
    first = machine.read_virtual(hart, pc, 2)
    bits = int.from_bytes(first or b"", "little")
    if bits & 3 != 3:
        return bits
    return bits | int.from_bytes(machine.read_virtual(hart, pc + 2, 2) or b"", "little") << 16
