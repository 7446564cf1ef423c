# SPDX-License-Identifier: GPL-2.0-or-later
"""Going forward, until something stops it, or to any state.

Where it stops, the machine is in the one state that bears the name of that step: as if it had been run there
exactly, with all that came at that step.
"""

from __future__ import annotations

import time

from emulator.debug.history import SPACING
from emulator.debug.records import Breakpoint, Position, Stop, StopKind
from emulator.debug.run import LOOK_EVERY, Run
from emulator.engine import Access, Hit, StopReason
from emulator.errors import ReplugError
from emulator.machine import Outcome
from emulator.token import Edit, Typed

HITS = (StopReason.BREAK, StopReason.WATCHPOINT, StopReason.CATCH)
"""Something that a user waits for has been met."""

_NEAR = (200_000, 10_000)
"""When the past is run again, checkpoints are taken so many steps before where it stops: the next step back
is quicker."""


class Forward(Run):
    """A run that can be gone on with."""

    def _forward(
        self, limit: int | None, hart: int | None = None, hart_limit: int = 0, *, alone: bool = False
    ) -> Stop:
        """Forward to a step, or until a hart has made so many; armed breakpoints stop it.

        alone: or until the slice that runs is over.
        """
        if self.stop.kind.final and self.stop.position.step == self.engine.steps:
            return self.stop
        here = self.stop.kind is StopKind.BREAKPOINT and self.stop.position.step == self.engine.steps
        passed = self.stop.hart if here else self.engine.next_hart
        first = True
        while True:
            stop = self._stands(limit, hart, hart_limit)
            if stop is not None:
                return stop
            if first:
                self.engine.pass_breakpoint(passed)
            first = False
            before = self.engine.steps
            reason, outcome = self._trip(limit, hart, hart_limit, alone=alone)
            if outcome is not None and not self._goes_on_here():
                kind = StopKind.WILD if outcome.reason == "wild" else StopKind.EXIT
                about = outcome.wild.hart if outcome.wild is not None else self.engine.next_hart
                return self._made(kind, about, outcome=outcome)
            if reason in HITS:
                stop = self._judge(self.engine.last_hit)
                if stop is not None:
                    return stop
            if reason is StopReason.IDLE and not self._awaits_external():
                self._settle()  # in front of the looking around
                return self._made(StopKind.IDLE, self.engine.next_hart)
            if alone and self.engine.steps == before and reason is StopReason.LIMIT:
                return self._made(StopKind.STEP, self.engine.next_hart)

    def _stands(self, limit: int | None, hart: int | None, hart_limit: int) -> Stop | None:
        """Why it does not go on from here."""
        steps = self.engine.steps
        if self._device_hit is not None and steps > self._device_hit.step:
            hit, self._device_hit = self._device_hit, None
            stop = self._judge(hit)
            if stop is not None:
                return stop
        if limit is not None and steps >= limit:
            return self._made(StopKind.STEP, self.engine.next_hart)
        if hart is not None and self.hart_steps(hart) >= hart_limit:
            return self._made(StopKind.STEP, hart)
        if self._is_at_end() and not self._typed:
            return self._made(StopKind.END, self.engine.next_hart)
        if self._pausing and not self._settling:
            self._settle()
            return self._made(StopKind.PAUSED, self.engine.next_hart)
        return None

    def _is_at_end(self) -> bool:
        if self._end is not None and self.engine.total_instret >= self._end:
            return True
        there = self._end_step is not None and self.engine.steps >= self._end_step
        return there and self.timeline.next() is None

    def _goes_on_here(self) -> bool:
        """Whether a user has changed something behind the end of the run, and let it go on."""
        external = self.timeline.next()
        return external is not None and external.step == self.engine.steps

    def _trip(
        self, limit: int | None, hart: int | None = None, hart_limit: int = 0, *, alone: bool = False
    ) -> tuple[StopReason, Outcome | None]:
        """Once into the engine and out again, with all that is kept up to date by it."""
        self.look()
        before = self.engine.steps
        started = time.monotonic()
        reason, outcome = self._go(limit, hart, hart_limit, alone)
        steps = self.engine.steps
        if self.engine.take_device_hit() and self._device_hit is None:
            self._device_hit = self.engine.last_hit
        if steps > self._head.step:
            self._head = self.position
        if self.samples is not None:
            self.samples.look(self.engine)
        if self._is_live and not self.in_the_past:
            self._outside.settle()
        self._pace(steps - before, time.monotonic() - started)
        due = steps - self.history.newest.step >= SPACING or (
            reason is StopReason.REQUEST and self.history.is_full
        )
        if steps > before and due and self._settled:
            self.history.take(self.timeline.passed, self._outside.left)
        return reason, outcome

    def _go(
        self, limit: int | None, hart: int | None, hart_limit: int, alone: bool
    ) -> tuple[StopReason, Outcome | None]:
        """Forward a little, with what comes from outside."""
        engine = self.engine
        steps = min(self._chunk, self.machine.longest_advance)
        if self._device_hit is not None:
            steps = 1  # to the first state behind it that has a name
        if self.samples is not None:
            steps = min(steps, self.samples.room(engine.steps))
        for end in (limit, self._end_step):
            if end is not None:
                steps = min(steps, max(end - engine.steps, 1))
        if self._end is not None:
            steps = min(steps, max(self._end - engine.total_instret, 1))
        if self._is_live and (self._typed or not self.in_the_past):
            self._listen()
            if self._typed or self._frames:
                return self._type()
        external = self.timeline.next()
        if external is not None:
            room = self._room_before(external)
            if room == 0:
                return self._external(external)
            steps = min(steps, room)
        left = 0 if hart is None else hart_limit - self.hart_steps(hart)
        live = self._is_live and not self.in_the_past and external is None
        engine.set_horizon(self._outside.horizon(engine.now, live))
        reason, outcome = self._advance(lambda: engine.run_steps(steps, hart, left, alone=alone))
        if reason is StopReason.SLEEP:
            self._outside.wait(LOOK_EVERY)
        return reason, outcome

    def _pace(self, steps: int, seconds: float) -> None:
        """So many steps that the outside world is looked at often enough."""
        if seconds > 2 * LOOK_EVERY:
            self._chunk = max(self._chunk // 2, 100)
        elif seconds < LOOK_EVERY and steps >= self._chunk:
            self._chunk = min(self._chunk * 2, SPACING)

    # --- stops ---

    def _made(
        self, kind: StopKind, hart: int, *, outcome: Outcome | None = None, backwards: bool = False
    ) -> Stop:
        return Stop(kind, self.position, hart, outcome=outcome, backwards=backwards)

    def _judge(self, hit: Hit) -> Stop | None:
        """A hit, going forward: the stop it makes, or None when its condition says to go on."""
        breakpoint = self.breakpoints.get(hit.number)
        if breakpoint is None:
            return None  # removed since
        if not self._counts(hit):
            self._pass_over(hit)
            return None
        breakpoint.hits += 1
        if breakpoint.ignore > 0:
            breakpoint.ignore -= 1
            self._pass_over(hit)
            return None
        if breakpoint.temporary:
            self.breakpoints.remove(breakpoint.number)
        if self.engine.slice_left == self.engine.config.quantum:
            self._settled = False  # the slice has just begun: stand in front of that
        self._settle()
        return self._stop_of(hit, breakpoint, self.position)

    def _stop_of(
        self, hit: Hit, breakpoint: Breakpoint | None, position: Position, *, backwards: bool = False
    ) -> Stop:
        kinds = {Access.EXECUTE: StopKind.BREAKPOINT, Access.TRAP: StopKind.CATCHPOINT}
        kind = kinds.get(hit.kind, StopKind.WATCHPOINT)
        writer = self.machine.bus.device_name(hit.device) if hit.device else ""
        return Stop(kind, position, hit.hart, breakpoint, hit, writer=writer, backwards=backwards)

    def _counts(self, hit: Hit) -> bool:
        breakpoint = self.breakpoints.get(hit.number)
        assert breakpoint is not None
        return breakpoint.condition is None or self.condition(breakpoint, hit.hart)

    def _pass_over(self, hit: Hit) -> None:
        if hit.kind is Access.EXECUTE:
            self.engine.pass_breakpoint(hit.hart)

    # --- to any state ---

    def _settle(self) -> None:
        """Stand where every way to this step leads, if it is not there: in front of all that is no step."""
        if self._settled:
            return
        self._settling = True
        try:
            self._goto(self.engine.steps)
        finally:
            self._settling = False

    def _restore(self, index: int) -> None:
        checkpoint = self.history.restore(index)
        self.timeline.passed = checkpoint.passed
        self._outside.back_to(checkpoint.left)
        self._settled = True
        self._device_hit = None
        self.engine.take_device_hit()

    def _goto(self, step: int, *, early: bool = False) -> Stop:
        """The state of that step, exactly; early: without what came at it."""
        if step < 0:
            raise ReplugError(f"{step}: the run begins at 0")
        self._is_live = self._pausing = False
        self.breakpoints.disarm()
        # From the same step again as well: the machine may stand somewhere behind the state of that name.
        if step <= self.engine.steps:
            self._restore(self.history.at_or_before(step))
            for near in _NEAR:
                if step - self.engine.steps > 2 * near:
                    self._forward(step - near)
                    self.history.take(self.timeline.passed, self._outside.left)
        stop = self._forward(step)
        if stop.kind is not StopKind.STEP:
            return stop
        external = self.timeline.next()
        while not early and isinstance(external, Edit | Typed) and external.step == self.engine.steps:
            self._external(external)
            external = self.timeline.next()
        return self._made(StopKind.STEP, self.engine.next_hart)
