# SPDX-License-Identifier: GPL-2.0-or-later
"""Going back: from a checkpoint in front, the past is run again to where it is wanted."""

from __future__ import annotations

from dataclasses import replace

from emulator.debug.forward import HITS, Forward
from emulator.debug.lanes import Cell, Samples, Window
from emulator.debug.records import Breakpoint, Stop, StopKind
from emulator.engine import Access, Hit
from emulator.errors import ReplugError


class Backwards(Forward):
    """A run that can be gone back in."""

    def goto(self, step: int) -> Stop:
        """The state of that step; forward, no breakpoint stops it, but the end of the run may."""
        return self._stopped(self._goto(step))

    def goto_end(self) -> Stop:
        """The farthest state that is known of: of a recorded run its end, else the head."""
        if self._end_step is not None and self._end_step > self.head.step:
            return self.goto(self._end_step)
        if self._end is not None and self._end > self.head.instructions:
            return self.goto_instruction(self._end)
        return self.goto(self.head.step)

    def goto_instruction(self, instructions: int) -> Stop:
        """The first state in which so many instructions have retired over all harts."""
        if instructions < 0:
            raise ReplugError(f"{instructions}: the run begins at 0")
        self._pausing = False
        if instructions <= self.engine.total_instret:
            self._restore(self.history.before_instruction(instructions))
        self.breakpoints.disarm()
        while (left := instructions - self.engine.total_instret) > 0:
            stop = self._forward(self.engine.steps + left)  # traps are steps as well: it takes a few
            if stop.kind is not StopKind.STEP:
                return self._stopped(stop)
        return self._stopped(self._goto(self.engine.steps))

    def reverse(self, limit: int = 0) -> Stop:
        """Back to the latest state in front of a breakpoint or watched access, or to step `limit`."""
        return self._stopped(self._reverse(None, limit))

    def reverse_step_machine(self, count: int = 1) -> Stop:
        """So many steps back, of whichever harts made them."""
        step = self.engine.steps - count
        if step < 0:
            return self._to_start(self.stop.hart)
        return self._stopped(replace(self._goto_back(step), backwards=True))

    def reverse_step_hart(self, hart: int) -> Stop:
        """To the state in front of what this hart did last."""
        step = self._latest_step_of(hart)
        if step is None:
            return self._to_start(hart)
        return self._stopped(replace(self._goto_back(step), hart=hart, backwards=True))

    def last_hit(self, breakpoints: list[Breakpoint]) -> Stop:
        """To the state in front of the latest hit of any of these, else to the start; they are removed."""
        numbers = frozenset(breakpoint.number for breakpoint in breakpoints)
        try:
            return self._stopped(self._reverse(numbers, 0))
        finally:
            for number in numbers:
                self.breakpoints.remove(number)

    def lanes(self, shown: Window) -> list[list[Cell | None]]:
        """For every hart, what it did in each column; where nobody has looked, the past is run again."""
        samples, head = self.keep_samples(), self._head.step
        samples.keep(self.engine)
        unknown = samples.missing(shown.places(head))
        if unknown:
            self._take_samples(samples, unknown[0], unknown[-1], shown.grid)
        return samples.lanes(shown, head)

    # --- inside ---

    def _take_samples(self, samples: Samples, first: int, last: int, grid: int) -> None:
        """Every so many steps of a part of the run; then the machine stands here again.

        Nothing interrupts that. Not where a device has just met a watchpoint: nothing leads back there.
        """
        if self.stop.hit is not None and self.stop.hit.device:
            return
        here, look = self.engine.steps, self.look
        self.look = lambda: None
        try:
            self._goto(max(first - 1, 0))
            samples.look_closer(grid)
            samples.look(self.engine)
            self._forward(last)
            samples.keep(self.engine)
            samples.look_closer(0)
            self._goto(here)
        finally:
            samples.look_closer(0)
            self.look = look

    def _to_start(self, hart: int) -> Stop:
        self._goto(0)
        return self._stopped(self._made(StopKind.START, hart, backwards=True))

    def _stopped(self, stop: Stop) -> Stop:
        self.stop = stop
        return stop

    def _goto_back(self, step: int) -> Stop:
        """To a step, or in front of it where it is none: an xret and an interrupt behind it are one."""
        stop = self._goto(step)
        while stop.kind is StopKind.STEP and self.engine.steps > step > 0:
            step -= 1
            stop = self._goto(step)
        return stop

    def _reverse(self, only: frozenset[int] | None, limit: int) -> Stop:
        """Back to the latest hit in front of here, interval by interval of the history."""
        self._pausing = False
        end = self.engine.steps
        judged = self.breakpoints.judged(only)
        places = self._written_places(only)
        while end > limit:
            index = self.history.before(end)
            if places is not None:
                changed = self.history.latest_change(index, places)
                if changed is None:
                    break
                if changed < index:
                    index, end = changed, self.history.checkpoints[changed + 1].step
            self._restore(index)
            start = self.engine.steps
            hit = self._latest_hit(max(end, start), only, judged, limit)
            if hit is not None:
                # An interrupt that follows an xret at once has no state of its own in front of it.
                trapped = hit.kind is Access.TRAP
                stop = self._goto_back(hit.step) if trapped else self._goto(hit.step, early=hit.device != 0)
                breakpoint = self.breakpoints.get(hit.number)
                return self._stop_of(hit, breakpoint, stop.position, backwards=True)
            if self._pausing:
                return replace(self._goto(end), kind=StopKind.PAUSED, backwards=True)
            end = start
        stop = self._goto(limit)
        kind = StopKind.START if limit == 0 else StopKind.STEP
        return replace(stop, kind=kind, hart=self.stop.hart, backwards=True)

    def _written_places(self, only: frozenset[int] | None) -> list[tuple[int, int]] | None:
        """What all these breakpoints wait for, if it is nothing but that RAM is written to: address, length.

        Checkpoints know which pages have changed between them, so that many need not be run again.
        """
        chosen = [each for each in self.breakpoints if each.enabled and (only is None or each.number in only)]
        if any(each.kind is not Access.WRITE or not each.physical for each in chosen):
            return None
        return [(each.address, each.length) for each in chosen]

    def _latest_hit(self, end: int, only: frozenset[int] | None, judged: bool, limit: int) -> Hit | None:
        """The last hit from here to a step: first where there may be any, then where they are."""
        for start, stop in reversed(self._sieved(end, only)):
            if start < self.engine.steps:
                self._restore(self.history.at_or_before(start))
            self.breakpoints.disarm()
            self._forward(start)
            hit = self._latest_of(stop, only, judged, limit)
            if hit is not None or self._pausing:
                return hit
        return None

    def _sieved(self, end: int, only: frozenset[int] | None) -> list[tuple[int, int]]:
        """From here to a step: the stretches of the run (from step, to step) in which there may be a hit."""
        engine, found = self.engine, []
        self.breakpoints.disarm()  # a register's value is that of the time when its watchpoint is armed
        self.breakpoints.arm(only)
        engine.scan(True)
        if not engine.sieve(True):
            return [(engine.steps, end)]
        try:
            while engine.steps < end and not self._pausing:
                start, hits = engine.steps, engine.hits
                _, outcome = self._trip(end)
                self._device_hit = None
                if engine.hits > hits:
                    # What a device does behind the last step of a trip comes to light with the next step.
                    found.append((start, min(engine.steps + 1, end)))
                if outcome is not None and not self._goes_on_here():
                    break
        finally:
            engine.sieve(False)
            engine.scan(False)
        return found

    def _latest_of(self, end: int, only: frozenset[int] | None, judged: bool, limit: int) -> Hit | None:
        """The last hit from here to a step, looking at every access."""
        self.breakpoints.disarm()
        self.breakpoints.arm(only)
        self.engine.scan(not judged)
        latest: Hit | None = None
        try:
            while self.engine.steps < end and not self._pausing:
                reason, outcome = self._trip(end)
                if outcome is not None and not self._goes_on_here():
                    break
                found, self._device_hit = self._device_hit, None
                if reason in HITS:
                    found = self.engine.last_hit
                if judged and found is not None:
                    if self._counts(found):
                        latest = found
                    self._pass_over(found)
            if not judged and self.engine.hits:
                latest = self.engine.last_hit
        finally:
            self.engine.scan(False)
        return latest if latest is not None and limit <= latest.step < end else None

    def _latest_step_of(self, hart: int) -> int | None:
        """The step in front of what a hart did last; None: it has done nothing yet."""
        wanted = self.hart_steps(hart)
        here = self.engine.steps
        if wanted == 0:
            return None
        self.breakpoints.disarm()
        self._goto(here - 1)
        if self.hart_steps(hart) < wanted:
            return here - 1
        index = self.history.before(here)
        while True:
            self._restore(index)
            if self.hart_steps(hart) < wanted:
                break
            index = self.history.before(self.engine.steps)
        self._forward(None, hart, wanted)
        return self.engine.steps - 1
