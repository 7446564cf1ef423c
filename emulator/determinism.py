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
    point; difference: the first one found, with its place, None when there was none.
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
) -> Verdict:
    """Run two fresh machines to their end, `chunk` instructions at a time, and compare them after each.

    consoles: what each has written so far (or a digest of that), compared too: machines do not keep it.
    max_instructions: stop after so many; pause: called now and then, may raise an exception.
    """
    number = 0
    while True:
        number += 1
        before = first.engine.total_instret
        left = chunk if max_instructions is None else min(chunk, max_instructions - before)
        end = before + left
        outcomes = run_in_steps(first, end, pause), run_in_steps(second, end, pause)
        difference = _compare(first, second, outcomes, consoles())
        done = first.engine.total_instret
        if difference is not None:
            difference = f"chunk {number} (instructions {before:,} to {done:,}): {difference}"
        ended = outcomes[0].reason != "limit" or (max_instructions is not None and done >= max_instructions)
        if difference is not None or ended:
            return Verdict(outcomes[0], done, first.state_hash(), difference)


def _compare(
    first: Machine, second: Machine, outcomes: tuple[Outcome, Outcome], consoles: tuple[bytes, bytes]
) -> str | None:
    if first.state_hash() != second.state_hash():
        return next(differences(first, second), "the schedule differs")
    if outcomes[0] != outcomes[1]:
        return f"one run ended with {outcomes[0]}, the other with {outcomes[1]}"
    if consoles[0] != consoles[1]:
        return "the consoles' output differs"
    return None


class ConsoleDigest:
    """Takes console output, passes it on if there is somewhere to, and keeps its digest."""

    def __init__(self, following: Console | None = None) -> None:
        self._digest = hashlib.sha256()
        self._following = following

    def __call__(self, data: bytes) -> None:
        self._digest.update(data)
        if self._following is not None:
            self._following(data)

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
