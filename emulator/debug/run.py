# SPDX-License-Identifier: GPL-2.0-or-later
"""A run with its past: the machine, what came to it from outside, and checkpoints to go back to.

This part goes forward, with externals repeated or added, until something stops it. Where it stops, the
machine is in the one state that bears the name of that step: as if it had been run there exactly, with all
that came at that step.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from emulator.debug.breakpoints import Breakpoints
from emulator.debug.history import SPACING, History
from emulator.debug.lanes import Samples
from emulator.debug.outside import Cable, Outside
from emulator.debug.records import Breakpoint, Position, Stop, StopKind
from emulator.debug.timeline import Timeline
from emulator.engine import Access, Hit, StopReason
from emulator.errors import ReplugError
from emulator.generated import GeneratedNames
from emulator.machine import Machine, Outcome
from emulator.options import MachineOptions
from emulator.snapshot import save_machine
from emulator.token import CONSOLE, NETWORK, Edit, External, Switch, Token, Typed
from toolchain.image import PATH_BEGIN, PATH_END, PATH_THREAD, Image

FIRST_CHUNK = 100_000
"""Steps between two looks at the outside world, to begin with; then as many as take about this long:"""
LOOK_EVERY = 0.02  # seconds
_NEAR = (200_000, 10_000)
"""When the past is run again, checkpoints are taken so many steps before where it stops: the next step back
is quicker."""

HITS = (StopReason.BREAK, StopReason.WATCHPOINT, StopReason.CATCH)
"""Something that a user waits for has been met."""

Condition = Callable[[Breakpoint, int], bool]
"""Of a breakpoint and a hart: does it hold?"""


class Run:
    """See above; DebugSession (session.py) is what is used."""

    def __init__(
        self,
        image: Image | None,
        options: MachineOptions,
        console: Callable[[bytes], None] | None = None,
        token: Token | None = None,
    ) -> None:
        """token: a recorded run, to be repeated."""
        self._outside = Outside(console or (lambda _data: None))
        self.machine = Machine(image, options, self._outside.write)
        self.engine = self.machine.engine
        self._outside.surround(self.machine)
        numbers: dict[str, int] = {}
        self.generated = GeneratedNames(
            self.engine, self.machine.image, lambda name: numbers.setdefault(name, len(numbers) + 1)
        )
        """The code that the guest has generated up to the present state."""
        self.breakpoints = Breakpoints(self.engine)
        self.timeline = Timeline()
        self.notify: Callable[[str], None] = lambda _message: None
        """Gets remarks for the user, such as that a new timeline has begun."""
        self.input: Callable[[], bytes] = lambda: b""
        """Asked now and then while the present (not the past) runs: what has been typed."""
        self.look: Callable[[], None] = lambda: None
        """Called now and then while something runs; it may call `pause`, or raise an exception."""
        self.condition: Condition = lambda _breakpoint, _hart: True
        """Judges conditions of breakpoints."""
        self.samples: Samples | None = None
        """What harts did, if somebody wants to see that (keep_samples)."""
        self._pausing = False
        self._is_live = False  # goes on, as opposed to having its past run again
        self._settled = True  # it is in the state that the step's name means
        self._settling = False  # it is on its way there, and will not be kept from it
        self._device_hit: Hit | None = None  # of a watchpoint, and no step has been made since
        self._typed = b""
        self._frames: list[bytes] = []
        self._end: int | None = None  # instructions after which a recorded run was cut
        self._end_step: int | None = None  # or the step at which a debugger has left it
        if token is not None:
            token.check_machine(self.machine)
            self._end, self._end_step = token.end, token.step
            self.timeline.expect(token.inputs)
        self.history = History(self.machine)
        self.history.take(0, self._outside.left)
        self._head = Position(0, 0)
        self._chunk = FIRST_CHUNK
        self.stop = Stop(StopKind.START, self.position, 0)

    # --- where ---

    @property
    def position(self) -> Position:
        """The name of the state that the machine is in."""
        return Position(self.engine.steps, self.engine.total_instret)

    @property
    def head(self) -> Position:
        """The farthest state of this timeline that has been reached."""
        return self._head

    @property
    def in_the_past(self) -> bool:
        """Whether the machine stands before the head."""
        return self.engine.steps < self._head.step

    @property
    def is_live(self) -> bool:
        """Whether it runs forward as the user asked for it, rather than having its past run again."""
        return self._is_live

    def hart_steps(self, hart: int) -> int:
        """Instructions and traps of one hart since the start."""
        return self.engine.instret(hart) + self.engine.traps(hart)

    def token(self) -> Token:
        """The run up to the head, with all that was done to it."""
        token = Token.of(self.machine, step=self._head.step)
        return replace(token, inputs=self.timeline.reached)

    def save(self, path: Path) -> None:
        """Write the machine as it stands to a file, for Machine.load or `boot --from-snapshot` to go on from.

        ReplugError when that cannot be written, or for a run that was edited or stepped against the schedule:
        a token keeps that, a snapshot does not.
        """
        came = self.timeline.so_far
        if not all(isinstance(each, Typed) for each in came):
            raise ReplugError("a snapshot holds no edits, nor turns against the schedule: `token` does")
        token = Token.of(self.machine, self.engine.total_instret)
        save_machine(self.machine, path, replace(token, inputs=came))

    def keep_samples(self) -> Samples:
        """From now on it is kept what harts do; best called at the start of the run."""
        if self.samples is None:
            self.samples = Samples(self._follow_paths())
            self.samples.look(self.engine)
        return self.samples

    def _follow_paths(self) -> tuple[str, ...]:
        """Let the engine know where the image's named paths begin and end; their names, from number 1 on."""
        image = self.machine.image
        numbers: dict[str, int] = {}
        for note in image.notes if image is not None else ():
            if note.kind in (PATH_BEGIN, PATH_END, PATH_THREAD):
                name = numbers.setdefault(note.name, len(numbers) + 1)
                register = note.register if note.kind == PATH_THREAD else 0
                with contextlib.suppress(ReplugError):  # it is not in RAM: no hart comes there
                    self.engine.mark(image.physical(note.address), note.kind, name, 0, register)
        if numbers:
            self.engine.follow_paths()
        return tuple(numbers)

    def connect(self, cable: Cable) -> None:
        """The guest's network leads there: what comes is input of the run, what leaves it leaves it once."""
        self._outside.connect(self.machine, cable)

    # --- forward ---

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

    def _advance(self, go: Callable[[], StopReason]) -> tuple[StopReason, Outcome | None]:
        before = self.engine.steps
        reason, outcome = self.machine.advance(go)
        exact = reason not in (StopReason.EVENT, StopReason.IDLE, StopReason.SLEEP)
        self._settled = exact and (self._settled or self.engine.steps > before)
        return reason, outcome

    def _pace(self, steps: int, seconds: float) -> None:
        """So many steps that the outside world is looked at often enough."""
        if seconds > 2 * LOOK_EVERY:
            self._chunk = max(self._chunk // 2, 100)
        elif seconds < LOOK_EVERY and steps >= self._chunk:
            self._chunk = min(self._chunk * 2, SPACING)

    # --- what comes from outside ---

    def _listen(self) -> None:
        self._typed += self.input()
        self._frames += self._outside.frames()

    def _awaits_external(self) -> bool:
        if self._is_live:
            self._listen()
            if self._outside.connected and self.machine.listens and not self._pausing:
                self._outside.wait(LOOK_EVERY)
                return True  # whoever is at the other end may send something at any time
        return self.timeline.next() is not None or (self._is_live and bool(self._typed or self._frames))

    def _room_before(self, external: External) -> int:
        """Steps that can be made before it has to be looked at."""
        if not isinstance(external, Typed):
            return external.step - self.engine.steps
        left = external.instructions - self.engine.total_instret
        return left - 1 if left > 1 else left

    def _external(self, external: External) -> tuple[StopReason, Outcome | None]:
        """It comes here."""
        if isinstance(external, Typed):
            return self._repeat_input(external)
        self.machine.act(external)
        self._arrived()
        return StopReason.LIMIT, None

    def _arrived(self) -> None:
        self.timeline.arrived(self.engine.steps)
        self._settled = True

    def _repeat_input(self, external: Typed) -> tuple[StopReason, Outcome | None]:
        reason, outcome = StopReason.LIMIT, None
        if external.instructions > 0:
            reason, outcome = self._advance(lambda: self.engine.run(0))
        here = (self.engine.total_instret, self.engine.now)
        if here == (external.instructions, external.time):
            self.machine.accept(external.channel, external.data)
            self._arrived()
            return StopReason.LIMIT, outcome
        on_the_way = reason in (StopReason.EVENT, StopReason.REQUEST) and here[0] <= external.instructions
        if outcome is None and not on_the_way:
            raise ReplugError(
                f"the run does not come by instruction {external.instructions} at {external.time} ns, where "
                "something was typed: it is of another version of Replug"
            )
        return reason, outcome

    def _type(self) -> tuple[StopReason, Outcome | None]:
        """Run to the next border of a block, and let in there what has come: a place that any run of the
        token comes by."""
        self._new_timeline("typing")
        reason, outcome = StopReason.LIMIT, None
        if self.engine.steps > 0:
            reason, outcome = self._advance(lambda: self.engine.run(1))
        if outcome is None and reason in (StopReason.LIMIT, StopReason.IDLE) and not self.engine.in_block:
            came = [(CONSOLE, self._typed)] if self._typed else []
            came += [(NETWORK, frame) for frame in self._frames]
            self._typed, self._frames = b"", []
            for channel, data in came:
                self.timeline.add(
                    Typed(self.engine.total_instret, self.engine.now, data, channel, self.engine.steps)
                )
                self.machine.accept(channel, data)
            self._settled = True
            return StopReason.LIMIT, None
        return reason, outcome

    def _do(self, external: Switch | Edit, what: str) -> None:
        """Against the run; in the past, a new timeline begins here."""
        self._new_timeline(what)
        self.breakpoints.disarm()  # what a user does to a register is no change that a watchpoint waits for
        self.machine.act(external)
        self.timeline.add(external)

    def _new_timeline(self, what: str) -> None:
        """The future is gone, if this is the past."""
        if self.in_the_past or self.timeline.next() is not None:
            self.notify(
                f"{what} in the past begins a new timeline at instruction {self.position.instructions:,}: "
                f"what followed, up to instruction {self._head.instructions:,}, is gone"
                + self._outside.undone
            )
        self.timeline.cut()
        self._head = self.position
        if self.samples is not None:
            self.samples.cut(self.engine.steps)
        self._outside.forget_future()
        self._end = self._end_step = None

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
