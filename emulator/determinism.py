# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the same run come out the same twice?  Two machines, stepped side by side, compared on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from emulator.engine import PAGE_SIZE, PAGE_TOUCHED
from emulator.machine import Machine, Outcome
from emulator.stepping import Pause, run_in_steps

CHUNK = 5_000_000
"""Instructions, over all harts, between two comparisons."""

Console = Callable[[bytes], None]


@dataclass(frozen=True)
class Verdict:
    """What came out.

    outcome: how the first run ended; instructions: how many it ran; state_hash: of the first machine at that
    point; difference: the first one found, with its place, None when there was none. The machines then stand
    where it came up, if it came up again when they were run again from before.
    """

    outcome: Outcome
    instructions: int
    state_hash: str
    difference: str | None

    @property
    def deterministic(self) -> bool:
        return self.difference is None


def check_determinism(
    first: Machine,
    second: Machine,
    consoles: Callable[[], tuple[bytes, bytes]],
    max_instructions: int | None = None,
    chunk: int = CHUNK,
    pause: Pause | None = None,
    again: Callable[[], object] = lambda: None,
) -> Verdict:
    """Run two fresh machines to their end, `chunk` instructions at a time, and compare them after each.

    consoles: what each has written so far (or a digest of that), compared too: machines do not keep it.
    max_instructions: stop after so many; pause: called now and then, may raise an exception.
    again: called before a part is run again to find the place of a difference: its output has been there.
    """
    if first.state_hash() != second.state_hash():
        difference = f"before the first instruction: {_difference(first, second)}"
        return Verdict(Outcome("limit", 0), first.engine.total_instret, first.state_hash(), difference)
    while True:
        start = _Both(first, second)
        before = first.engine.total_instret
        left = chunk if max_instructions is None else min(chunk, max_instructions - before)
        end = before + left
        outcomes = run_in_steps(first, end, pause), run_in_steps(second, end, pause)
        found = _compare(first, second, outcomes, consoles())
        done = first.engine.total_instret
        if found is not None:
            found = f"instructions {before:,} to {done:,}: {found}"
            if first.state_hash() != second.state_hash():
                again()
                found = (
                    start.narrow(end, pause) or f"{found} (which did not come again, run again from there)"
                )
        ended = outcomes[0].reason != "limit" or (max_instructions is not None and done >= max_instructions)
        if found is not None or ended:
            return Verdict(outcomes[0], first.engine.total_instret, first.state_hash(), found)


class _Both:
    """Two machines whose states are equal, and the way back to there."""

    def __init__(self, first: Machine, second: Machine) -> None:
        self._machines = first, second
        self._keep()

    def _keep(self) -> None:
        for machine in self._machines:
            machine.engine.drop_snapshots()
        self._snapshots = [machine.snapshot() for machine in self._machines]

    def _equal_at(self, end: int, pause: Pause | None) -> bool:
        """Whether they are at `end` when they come there from the last place where they were."""
        for machine, snapshot in zip(self._machines, self._snapshots, strict=True):
            machine.restore(snapshot)
            run_in_steps(machine, end, pause)
        first, second = self._machines
        return first.state_hash() == second.state_hash()

    def narrow(self, end: int, pause: Pause | None) -> str | None:
        """Run to the first difference up to `end`, which it names; None when there is none this time."""
        if self._equal_at(end, pause):
            return None
        first, second = self._machines
        for machine, snapshot in zip(self._machines, self._snapshots, strict=True):
            machine.restore(snapshot)
        equal = first.engine.total_instret
        while end - equal > 1:
            middle = (equal + end) // 2
            if self._equal_at(middle, pause):
                equal = first.engine.total_instret
                self._keep()
            else:
                end = middle
        if self._equal_at(end, pause):
            return None
        return f"instructions {equal:,} to {first.engine.total_instret:,}: {_difference(first, second)}"


def _difference(first: Machine, second: Machine) -> str:
    return next(differences(first, second), "the schedule differs")


def _compare(
    first: Machine, second: Machine, outcomes: tuple[Outcome, Outcome], consoles: tuple[bytes, bytes]
) -> str | None:
    if first.state_hash() != second.state_hash():
        return _difference(first, second)
    if outcomes[0] != outcomes[1]:
        return f"one run ended with {outcomes[0]}, the other with {outcomes[1]}"
    if consoles[0] != consoles[1]:
        return "the consoles' output differs"
    return None


class ConsoleDigest:
    """Takes console output, passes it on if there is somewhere to (until `mute`), and keeps its digest."""

    def __init__(self, following: Console | None = None) -> None:
        self._digest = hashlib.sha256()
        self._following = following

    def __call__(self, data: bytes) -> None:
        self._digest.update(data)
        if self._following is not None:
            self._following(data)

    def mute(self) -> None:
        """Pass nothing on any more."""
        self._following = None

    def value(self) -> bytes:
        return self._digest.digest()


def differences(first: Machine, second: Machine) -> Iterator[str]:
    """What differs between two machines with the same options, one line each: harts, time, RAM, devices."""
    for hart in range(first.harts):
        for name, one, other in _hart_pairs(first, second, hart):
            if one != other:
                yield f"hart {hart}: {name} is {_shown(one)} in one run and {_shown(other)} in the other"
    if first.engine.now != second.engine.now:
        yield f"virtual time is {first.engine.now} ns in one run and {second.engine.now} ns in the other"
    yield from _memory_differences(first, second)
    for one_device, other_device in zip(first.bus.devices, second.bus.devices, strict=True):
        if one_device.save() != other_device.save():
            yield f"device {one_device.name} differs"
    if first.bus.events.save() != second.bus.events.save():
        yield "the events that devices wait for differ"


def _hart_pairs(
    first: Machine, second: Machine, hart: int
) -> Iterator[tuple[str, int | bool | None, int | bool | None]]:
    one, other = first.engine, second.engine
    yield "pc", one.get_pc(hart), other.get_pc(hart)
    yield "its count of instructions", one.instret(hart), other.instret(hart)
    yield "its count of traps", one.traps(hart), other.traps(hart)
    yield "its privilege mode", one.get_privilege(hart), other.get_privilege(hart)
    yield "its waiting (wfi)", one.is_waiting(hart), other.is_waiting(hart)
    for index in range(32):
        yield f"x{index}", one.get_x(hart, index), other.get_x(hart, index)
        yield f"f{index}", one.get_f(hart, index), other.get_f(hart, index)
    for number in range(4096):
        yield f"CSR {number:#05x}", one.get_csr(hart, number), other.get_csr(hart, number)


def _shown(value: int | bool | None) -> str:
    return f"{value:#x}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _memory_differences(first: Machine, second: Machine) -> Iterator[str]:
    flags = zip(first.engine.page_flags.tobytes(), second.engine.page_flags.tobytes(), strict=True)
    base = first.engine.config.ram_base
    for page, (one_flags, other_flags) in enumerate(flags):
        if not (one_flags | other_flags) & PAGE_TOUCHED:
            continue
        span = slice(page * PAGE_SIZE, (page + 1) * PAGE_SIZE)
        one, other = first.engine.ram[span].tobytes(), second.engine.ram[span].tobytes()
        if one != other:
            place = next(i for i, (a, b) in enumerate(zip(one, other, strict=True)) if a != b)
            yield (
                f"RAM page {base + span.start:#x} differs, first at {base + span.start + place:#x}: "
                f"{one[place]:#04x} in one run and {other[place]:#04x} in the other"
            )
