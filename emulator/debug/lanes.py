# SPDX-License-Identifier: GPL-2.0-or-later
"""What every hart was doing when: samples of the run, and lanes of them for as many columns as a screen has.

Samples are taken at exact steps, at multiples of a power of two, so that they are the same whichever way
the run came by. Going forward, few enough are kept for any length of run: when there are too many, every
other one goes. Where a closer look needs more, that part of the past is run again (Backwards.lanes).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from emulator.engine import Engine

FIRST_GRID = 16384
"""Steps between two samples to begin with: a stop for one takes some ten microseconds."""
_MOST_COARSE, _MOST_FINE = 1024, 4096  # samples that are kept of the whole run, and of closer looks


class HartSample(NamedTuple):
    """Of a hart at a step. mode: 0 user, 1 supervisor, 3 machine; instructions, traps: since the start; path:
    the named one that is open innermost in its thread, "" for none."""

    pc: int
    mode: int
    waits: bool
    instructions: int
    traps: int
    path: str


Sample = tuple[HartSample, ...]


class Samples:
    """Samples of a run by step; grid: how far apart those are that are taken as it goes on."""

    def __init__(self, paths: tuple[str, ...] = ()) -> None:
        """paths: names of those that the engine follows, the first of them its number 1."""
        self._paths = ("", *paths)
        self.grid = FIRST_GRID
        self._coarse: dict[int, Sample] = {}
        self._fine: dict[int, Sample] = {}
        self._newest = -1  # step of the last one that was taken going forward
        self._asked = 0  # grid of a closer look that is being taken; 0: none

    def __len__(self) -> int:
        return len(self._coarse) + len(self._fine)

    def room(self, step: int) -> int:
        """Steps from this one until the run has to be looked at."""
        if self._asked:
            return self._asked - step % self._asked
        farthest = max(self._newest, step)
        return farthest + self.grid - farthest % self.grid - step

    def look(self, engine: Engine) -> None:
        """The machine stands at a step: keep what it does, if that is a step to be kept."""
        step = engine.steps
        if step % self.grid == 0:
            if step not in self._coarse:
                self._coarse[step] = self._sample(engine)
                self._newest = max(self._newest, step)
                self._thin()
        elif self._asked and step % self._asked == 0 and step not in self._fine:
            self._fine[step] = self._sample(engine)

    def look_closer(self, grid: int) -> None:
        """From here on, samples are wanted so many steps apart; 0: no longer."""
        self._asked = grid
        if not grid:
            self._thin_fine()

    def path(self, engine: Engine, hart: int) -> str:
        """The named path that is open innermost in the thread that a hart runs now, "" for none."""
        return self._paths[engine.open_path(hart)]

    def keep(self, engine: Engine) -> None:
        """What the machine does here, where nothing was asked for: it costs nothing to know."""
        step = engine.steps
        if self.at(step) is None:
            self._thin_fine()
            self._fine[step] = self._sample(engine)

    def at(self, step: int) -> Sample | None:
        """What was seen at a step, if anything."""
        found = self._coarse.get(step)
        return self._fine.get(step) if found is None else found

    def missing(self, steps: Iterable[int]) -> list[int]:
        """Those of some steps that nobody has looked at."""
        return [step for step in steps if self.at(step) is None]

    def lanes(self, shown: Window, head: int) -> list[list[Cell | None]]:
        """For every hart, what it did in each column; None: nobody has looked, or it did not get there."""
        places = shown.places(head)
        found = [self.at(step) for step in places]
        ends: list[Sample | None] = []  # what was seen next behind each
        following = None
        for sample in reversed(found):
            ends.insert(0, following or sample)
            following = sample or following
        harts = next((len(sample) for sample in found if sample is not None), 0)
        return [
            [
                None if sample is None or end is None else Cell.between(step, sample[hart], end[hart])
                for step, sample, end in list(zip(places, found, ends, strict=True))[: shown.columns]
            ]
            for hart in range(harts)
        ]

    def cut(self, step: int) -> None:
        """The run goes another way from this step on."""
        self._coarse = {at: sample for at, sample in self._coarse.items() if at < step}
        self._fine = {at: sample for at, sample in self._fine.items() if at < step}
        self._newest = max(self._coarse, default=-1)

    def _sample(self, engine: Engine) -> Sample:
        return tuple(
            HartSample(
                engine.get_pc(hart),
                engine.get_privilege(hart),
                engine.is_waiting(hart),
                engine.instret(hart),
                engine.traps(hart),
                self.path(engine, hart),
            )
            for hart in range(engine.config.harts)
        )

    def _thin_fine(self) -> None:
        while len(self._fine) > _MOST_FINE:
            del self._fine[next(iter(self._fine))]  # the one that was taken first

    def _thin(self) -> None:
        if len(self._coarse) > _MOST_COARSE:
            self.grid *= 2
            self._coarse = {step: each for step, each in self._coarse.items() if step % self.grid == 0}


@dataclass(frozen=True)
class Cell:
    """What a hart did in a column. seen: how it began; ran: instructions, traps: taken, in the column."""

    step: int
    seen: HartSample
    ran: int
    traps: int

    @classmethod
    def between(cls, step: int, here: HartSample, then: HartSample) -> Cell:
        """From one sample to another."""
        return cls(step, here, then.instructions - here.instructions, then.traps - here.traps)


@dataclass(frozen=True)
class Window:
    """Steps from `start` up to `end`, in so many columns of a screen (of a step at least)."""

    start: int
    end: int
    columns: int

    def step(self, column: int) -> int:
        """The first step of a column."""
        return self.start + column * (self.end - self.start) // self.columns

    def column(self, step: int) -> int:
        """The column of a step, which may lie outside."""
        return (step - self.start) * self.columns // max(self.end - self.start, 1)

    @property
    def grid(self) -> int:
        """The widest distance of samples, a power of two, that has one for each column."""
        return 1 << max(((self.end - self.start) // self.columns).bit_length() - 1, 0)

    def places(self, head: int) -> list[int]:
        """The step whose sample each column shows, as far as the run has got; then the one that ends it."""
        grid = self.grid
        steps = (-(-self.step(column) // grid) * grid for column in range(self.columns + 1))
        found = [step for step in steps if step <= head]
        return found if head >= self.end or head in found else [*found, head]


def window(length: int, columns: int, per_column: int | None, around: int) -> Window:
    """What is to be seen of so many steps. per_column: steps; None: all of the run fits in.

    The window moves by halves, so that what is looked at (around) moves in it most of the time.
    """
    columns = max(columns, 1)
    if per_column is None or per_column * columns >= length:
        return Window(0, max(length, 1), max(min(columns, length), 1))
    span = per_column * columns
    half = max(span // 2, 1)
    start = min(max((around // half) * half - half // 2, 0), max(length - span, 0))
    return Window(start, start + span, columns)
