# SPDX-License-Identifier: GPL-2.0-or-later
"""A run with its past: the machine, what came to it from outside, and checkpoints to go back to.

What comes from outside is repeated here, or added; forward.py lets the machine run.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from emulator.debug.breakpoints import Breakpoints
from emulator.debug.history import History
from emulator.debug.lanes import Samples
from emulator.debug.outside import Cable, Outside
from emulator.debug.records import Breakpoint, Position, Stop, StopKind
from emulator.debug.timeline import Timeline
from emulator.engine import Hit, StopReason
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

    # --- what comes from outside ---

    def _advance(self, go: Callable[[], StopReason]) -> tuple[StopReason, Outcome | None]:
        before = self.engine.steps
        reason, outcome = self.machine.advance(go)
        exact = reason not in (StopReason.EVENT, StopReason.IDLE, StopReason.SLEEP)
        self._settled = exact and (self._settled or self.engine.steps > before)
        return reason, outcome

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
