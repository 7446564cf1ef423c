# SPDX-License-Identifier: GPL-2.0-or-later
"""Checkpoints: places in the run from which the past can be run again.

They are the engine's stack of page layers (snapshot.c): each holds the pages that changed until the next one.
Going back to one drops those behind it. They are thinned so that they stand dense near the present and sparse
far back: a few dozen for any length of run. A budget of memory bounds them for guests that write to much of
their RAM over and over as well: then they are fewer, down to the start of the run alone.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace

from emulator.debug.outside import Left
from emulator.engine import PAGE_SIZE
from emulator.machine import Machine, Snapshot

SPACING = 1_000_000
"""Steps between two checkpoints near the present: some thousandths of a second of running again."""
DENSITY = 8
"""Far back, the distance between two is at most this part of the distance to the present."""
BUDGET = 160 << 20
"""Bytes of pages and device state that checkpoints may hold."""
_LAYERS = 8
"""Of the budget, what may change behind the newest checkpoint before there is another one is this part."""


@dataclass(frozen=True)
class Checkpoint:
    """A state to go back to. passed: externals before it; left: what had left the machine (outside.py);
    paths: those that were open."""

    step: int
    instructions: int
    snapshot: Snapshot
    passed: int
    left: Left
    paths: bytes


class History:
    """The checkpoints of a machine, oldest first; the oldest is the start of the run and stays."""

    def __init__(self, machine: Machine, budget: int | None = None) -> None:
        budget = BUDGET if budget is None else budget
        self._machine = machine
        self._budget = budget * (_LAYERS - 1) // _LAYERS
        self._layer = max(budget // _LAYERS // PAGE_SIZE, 1)
        self._checkpoints: list[Checkpoint] = []
        machine.engine.limit_snapshot(self._layer)

    def __len__(self) -> int:
        return len(self._checkpoints)

    @property
    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """Oldest first."""
        return tuple(self._checkpoints)

    @property
    def newest(self) -> Checkpoint:
        return self._checkpoints[-1]

    @property
    def bytes(self) -> int:
        """Host memory that they hold: pages and device state."""
        states = {id(state): len(state) for each in self._checkpoints for state in _states(each.snapshot)}
        return self._machine.engine.snapshot_bytes + sum(states.values())

    @property
    def is_full(self) -> bool:
        """Whether so much has changed since the newest checkpoint that there should be another one."""
        return self._machine.engine.snapshot_pages(self.newest.snapshot.number) >= self._layer

    def take(self, passed: int, left: Left) -> None:
        """A checkpoint of the machine as it is now, unless there is one."""
        engine = self._machine.engine
        step = engine.steps
        if self._checkpoints and self.newest.step == step and self.newest.passed == passed:
            return
        snapshot = self._machine.snapshot()
        if self._checkpoints:
            snapshot = _sharing(snapshot, self.newest.snapshot)
        paths = engine.save_open_paths()
        self._checkpoints.append(Checkpoint(step, engine.total_instret, snapshot, passed, left, paths))
        self._thin()

    def before(self, step: int) -> int:
        """Index of the newest checkpoint in front of a step."""
        return max(bisect_left(self._checkpoints, step, key=lambda checkpoint: checkpoint.step) - 1, 0)

    def at_or_before(self, step: int) -> int:
        """Index of the newest checkpoint at a step or in front of it."""
        return max(bisect_left(self._checkpoints, step + 1, key=lambda checkpoint: checkpoint.step) - 1, 0)

    def before_instruction(self, instructions: int) -> int:
        """Index of the newest checkpoint with fewer instructions."""
        place = bisect_left(self._checkpoints, instructions, key=lambda checkpoint: checkpoint.instructions)
        return max(place - 1, 0)

    def latest_change(self, index: int, places: list[tuple[int, int]]) -> int | None:
        """The last checkpoint, up to this index, behind which a page of any of these bytes of RAM (physical
        address, length) has changed before the next one; None: none."""
        holds = self._machine.engine.snapshot_holds
        for candidate in range(index, -1, -1):
            number = self._checkpoints[candidate].snapshot.number
            if any(holds(number, address, length) for address, length in places):
                return candidate
        return None

    def restore(self, index: int) -> Checkpoint:
        """The machine as it was at a checkpoint; those behind it are gone."""
        checkpoint = self._checkpoints[index]
        self._machine.restore(checkpoint.snapshot)
        self._machine.engine.restore_open_paths(checkpoint.paths)
        del self._checkpoints[index + 1 :]
        return checkpoint

    # --- thinning ---

    def _thin(self) -> None:
        end = self.newest.step
        index = 1
        while index < len(self._checkpoints) - 1:
            gap = self._checkpoints[index + 1].step - self._checkpoints[index - 1].step
            if gap * DENSITY <= end - self._checkpoints[index + 1].step:
                self._forget(index)
            else:
                index += 1
        while len(self._checkpoints) > 2 and self.bytes > self._budget:
            self._forget(self._least_useful())

    def _least_useful(self) -> int:
        """The one whose gap, without it, is smallest for how far back it is."""
        end = self.newest.step

        def badness(index: int) -> float:
            gap = self._checkpoints[index + 1].step - self._checkpoints[index - 1].step
            return gap / (end - self._checkpoints[index].step + SPACING)

        return min(range(1, len(self._checkpoints) - 1), key=badness)

    def _forget(self, index: int) -> None:
        number = self._checkpoints[index].snapshot.number
        self._machine.engine.merge_snapshot(number)
        del self._checkpoints[index]
        for later in range(index, len(self._checkpoints)):
            checkpoint = self._checkpoints[later]
            moved = replace(checkpoint.snapshot, number=checkpoint.snapshot.number - 1)
            self._checkpoints[later] = replace(checkpoint, snapshot=moved)


def _states(snapshot: Snapshot) -> tuple[bytes, ...]:
    return (snapshot.harts, snapshot.events, *snapshot.devices.values())


def _sharing(snapshot: Snapshot, before: Snapshot) -> Snapshot:
    """The same, with the state of devices that has not changed held once: a disk's may be large."""
    devices = {
        name: before.devices[name] if before.devices.get(name) == state else state
        for name, state in snapshot.devices.items()
    }
    return replace(snapshot, devices=devices)
