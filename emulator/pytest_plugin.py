# SPDX-License-Identifier: GPL-2.0-or-later
"""A pytest plugin: a kernel's own tests boot it on Replug's machine and assert on exact costs.

    def test_read_is_cheap(replug_machine):
        guest = replug_machine("kernel.elf", harts=4, disk=Path("disk.img"))
        guest.run_to("main")
        assert guest.run().status == 0
        guest.assert_path_cost("read", parameters={"bytes": 1}, instructions=118)

Counts are exact and every run is the same, so such a test has no tolerance and cannot fail by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from emulator.cycles.histogram import Spread
from emulator.cycles.models import models_by_name
from emulator.cycles.paths import PathCost, PathWatch, path_label
from emulator.errors import ReplugError
from emulator.machine import Machine, Outcome
from emulator.options import MachineOptions

LOOK_EVERY = 20_000  # steps of run_to between two looks whether the place was passed

Figure = int | tuple[int, int, int]
"""What each call costs, or (min, median, max) over the calls."""


class GuestMachine:
    """A machine with an image, its console captured and its named paths watched.

    Options are those of MachineOptions (harts, memory, quantum, disk, ...); models: names of cost models with
    commas between.  With per_instruction a run can stop at any instruction, but paths are not watched.
    """

    def __init__(
        self,
        image: Path | str,
        *,
        models: str = "ideal,in-order",
        per_instruction: bool = False,
        **options: Any,
    ) -> None:
        try:
            chosen = MachineOptions(**options)
        except TypeError as error:
            raise ReplugError(f"replug_machine: {error}") from None
        self._console = bytearray()
        self._models = models_by_name(models)
        self._per_instruction = per_instruction
        self.machine = Machine(Path(image), chosen, self._console.extend, per_instruction=per_instruction)
        self._watch = None if per_instruction else PathWatch(self.machine, self._models)

    def __enter__(self) -> GuestMachine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.machine.close()

    @property
    def console(self) -> str:
        """What the guest has printed so far."""
        return self._console.decode(errors="replace")

    @property
    def instructions(self) -> int:
        """Retired so far, over all harts."""
        return self.machine.engine.total_instret

    def run(self, max_instructions: int | None = None) -> Outcome:
        """Run to the end, or for so many more instructions (to a block border)."""
        return self.machine.run(max_instructions)

    def run_to(self, place: str | int, max_instructions: int = 100_000_000) -> int:
        """Run until a hart is about to execute a symbol, or a virtual address; the hart's number.

        One that is there already goes on to come there again.  The run goes block by block, and stays the
        same run as without stops: the place has to be a function or another target of jumps.  A place that
        is run into from the instruction above it needs a machine made with per_instruction.  Raises
        ReplugError when the place is not reached, or was passed so.
        """
        address = self._address(place)
        name = place if isinstance(place, str) else f"{place:#x}"
        engine = self.machine.engine
        harts = range(self.machine.harts)
        were_there = {hart: engine.instret(hart) for hart in harts if engine.get_pc(hart) == address}
        physical = self._physical(address)
        passed = self._executions(physical) + len(were_there)
        end = self.instructions + max_instructions
        steps = 0
        while True:
            outcome = self.machine.run(1)
            for hart in harts:
                if engine.get_pc(hart) == address and engine.instret(hart) != were_there.get(hart):
                    return hart
            steps += 1
            over = outcome.reason != "limit" or self.instructions >= end
            if (over or steps % LOOK_EVERY == 0) and self._executions(physical) > passed:
                raise ReplugError(
                    f"{name}: was run into from the instruction above it, where a run by blocks cannot "
                    "stop; make the machine with per_instruction=True"
                )
            if over:
                how = "the limit" if outcome.reason == "limit" else f"{outcome.reason}, {outcome.status}"
                raise ReplugError(
                    f"{name}: not reached: the run ended ({how}) after {self.instructions:,} instructions"
                )

    def _address(self, place: str | int) -> int:
        if isinstance(place, int):
            return place
        symbol = self.machine.image.symbol(place)
        if symbol is None:
            raise ReplugError(f"{self.machine.image.path}: it has no symbol {place}")
        return symbol.address

    def _physical(self, address: int) -> int | None:
        """Where it is in RAM, by the image; None if it is no part of it."""
        segment = self.machine.image.segment_at(address)
        if segment is None:
            return None
        has_physical = any(piece.paddr for piece in self.machine.image.segments)
        return address - segment.vaddr + (segment.paddr if has_physical else segment.vaddr)

    def _executions(self, physical: int | None) -> int:
        if physical is None or self._per_instruction:
            return 0
        return self.machine.engine.counts(physical & ~0xFFF).get(physical, 0)

    def path_costs(self) -> list[PathCost]:
        """What the named paths that ended so far cost; ReplugError on a machine made with per_instruction."""
        if self._watch is None:
            raise ReplugError("paths are not watched on a machine made with per_instruction=True")
        return self._watch.costs()

    def path_cost(
        self, name: str, *, step: str = "", parameters: Mapping[str, int] | None = None
    ) -> PathCost:
        """The one path of that name, step and parameters; AssertionError, with those there are, if none."""
        wanted = dict(parameters or {})
        costs = self.path_costs()
        for cost in costs:
            if (cost.name, cost.step, cost.parameters) == (name, step, wanted):
                return cost
        label = path_label(name, step, wanted)
        known = "".join(f"\n  {cost.full_label}" for cost in costs) or " none"
        raise AssertionError(f"path {label}: no call of it ended; those that did:{known}")

    def assert_path_cost(
        self,
        name: str,
        *,
        step: str = "",
        parameters: Mapping[str, int] | None = None,
        calls: int | None = None,
        instructions: Figure | None = None,
        cycles: Mapping[str, Figure] | None = None,
    ) -> None:
        """AssertionError unless the path cost exactly this; what is not given is not looked at.

        cycles: model name -> figure.
        """
        cost = self.path_cost(name, step=step, parameters=parameters)
        wrong = []
        if calls is not None and calls != cost.calls:
            wrong.append(f"calls: {cost.calls:,}, not {calls:,}")
        if instructions is not None:
            wrong += _wrong("instructions", cost.instructions, instructions)
        for model, figure in (cycles or {}).items():
            if model not in cost.cycles:
                raise ReplugError(f"model {model}: not watched; the machine has {', '.join(cost.cycles)}")
            wrong += _wrong(f"cycles, {model}", cost.cycles[model], figure)
        if wrong:
            raise AssertionError(f"path {cost.full_label}: " + "; ".join(wrong))


def _wrong(what: str, found: Spread, wanted: Figure) -> list[str]:
    ours = (found.min, found.median, found.max)
    theirs = (wanted, wanted, wanted) if isinstance(wanted, int) else wanted
    if ours == theirs:
        return []
    return [f"{what}: {_spelt(ours)}, not {_spelt(theirs)}"]


def _spelt(figures: tuple[int, int, int]) -> str:
    low, median, high = figures
    return f"{low:,}" if low == high else f"{low:,} to {high:,} (median {median:,})"


@pytest.fixture
def replug_machine() -> Iterator[Callable[..., GuestMachine]]:
    """`replug_machine(image, **options)` boots an image (see GuestMachine); closed after the test."""
    made: list[GuestMachine] = []

    def make(image: Path | str, **options: Any) -> GuestMachine:
        made.append(GuestMachine(image, **options))
        return made[-1]

    yield make
    for each in made:
        each.machine.close()
