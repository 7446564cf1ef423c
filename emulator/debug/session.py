# SPDX-License-Identifier: GPL-2.0-or-later
"""A run under a debugger, to be moved through in both directions.

    with DebugSession(image, options, console) as session:
        session.break_at(address)              # breakpoints, watchpoints: break_at, watch, watch_register
        stop = session.run()                   # forward, until something stops it
        stop = session.step_hart(hart)         # an instruction or trap of a hart; the others go as scheduled
        stop = session.step_machine()          # of whichever hart's turn it is
        stop = session.reverse_step_hart(hart) # to in front of what the hart did last
        stop = session.reverse()               # back, to the latest breakpoint, watched access, or the start
        session.goto(session.position.step - 1)
        session.last_access(address, 8)        # who wrote there last: goes there
        session.set_x(hart, 10, 0)             # edits; in the past, they begin a new timeline

Every state has a name (Position). The machine stands at exactly the same states whichever way it gets there:
going back restores a checkpoint and runs from there, with what came from outside (timeline.py) repeated.
What leaves the machine happens once: console output of the past is not shown again when it is run again.

Everything here is called from one thread, but `pause`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType

from emulator.debug.breakpoints import Breakpoints
from emulator.debug.history import SPACING, History
from emulator.debug.records import Breakpoint, Position, Stop, StopKind
from emulator.debug.timeline import Edit, External, Input, Switch, Timeline
from emulator.engine import Access, Hit, StopReason
from emulator.errors import ReplugError
from emulator.machine import Machine, Outcome
from emulator.options import MachineOptions
from emulator.token import Token, Typed
from toolchain.image import Image

FIRST_CHUNK = 100_000
"""Steps between two looks at the outside world, to begin with; then as many as take about this long:"""
LOOK_EVERY = 0.02  # seconds
_NEAR = (200_000, 10_000)
"""When the past is run again, checkpoints are taken so many steps before where it stops: the next step back
is quicker."""

Condition = Callable[[Breakpoint, int], bool]
"""Of a breakpoint and a hart: does it hold?"""


class DebugSession:
    """See above. `end_of_run` is why the run cannot go on, where it cannot."""

    def __init__(
        self,
        image: Image | None,
        options: MachineOptions,
        console: Callable[[bytes], None] | None = None,
        token: Token | None = None,
    ) -> None:
        """token: a recorded run, to be repeated."""
        self._console = console or (lambda _data: None)
        self._written = 0  # bytes of console output up to this state
        self._emitted = 0  # the same, handed on to the host so far
        self.machine = Machine(image, options, self._write)
        self.engine = self.machine.engine
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
        self._pausing = False
        self._is_live = False  # goes on, as opposed to having its past run again
        self._typed = b""
        self._end: int | None = None  # instructions after which a recorded run was cut
        if token is not None:
            token.check_machine(self.machine)
            self._end = token.end
            self.timeline.expect([_expected(typed) for typed in token.inputs])
        self.history = History(self.machine)
        self.history.take(0, 0)
        self._head = Position(0, 0)
        self._chunk = FIRST_CHUNK
        self.stop = Stop(StopKind.START, self.position, 0)

    def __enter__(self) -> DebugSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give memory and files back to the host."""
        self.machine.close()

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

    def hart_steps(self, hart: int) -> int:
        """Instructions and traps of one hart since the start."""
        return self.engine.instret(hart) + self.engine.traps(hart)

    # --- breakpoints ---

    def break_at(
        self,
        address: int,
        *,
        harts: frozenset[int] | None = None,
        satp: int | None = None,
        condition: str | None = None,
        temporary: bool = False,
        text: str = "",
        owner: str = "",
    ) -> Breakpoint:
        """Stop in front of the instruction at a virtual address, of any hart and address space by default."""
        breakpoint = Breakpoint(
            self.breakpoints.new_number(),
            Access.EXECUTE,
            address,
            harts=harts,
            satp=satp,
            condition=condition,
            temporary=temporary,
            text=text,
            owner=owner,
        )
        self.breakpoints.add(breakpoint)
        return breakpoint

    def watch(
        self,
        address: int,
        length: int,
        kind: Access = Access.WRITE,
        *,
        hart: int = 0,
        condition: str | None = None,
        text: str = "",
        owner: str = "",
    ) -> Breakpoint:
        """Stop behind accesses to bytes at a virtual address.

        If that leads to RAM as `hart` sees it now, the bytes there are meant, by whichever address they are
        reached; else the virtual address, in any address space.
        """
        physical = self.engine.translate(hart, address)
        in_ram = physical is not None and self.is_ram(physical, length)
        breakpoint = Breakpoint(
            self.breakpoints.new_number(),
            kind,
            physical if physical is not None and in_ram else address,
            length=length,
            physical=in_ram,
            condition=condition,
            text=text,
            owner=owner,
        )
        self.breakpoints.add(breakpoint)
        return breakpoint

    def watch_register(self, hart: int, index: int, *, text: str = "", owner: str = "") -> Breakpoint:
        """Stop behind an instruction that changes x0 to x31 or f0 to f31 (32 to 63) of a hart: slow."""
        breakpoint = Breakpoint(
            self.breakpoints.new_number(),
            Access.REGISTER,
            index,
            harts=frozenset((hart,)),
            text=text,
            owner=owner,
        )
        self.breakpoints.add(breakpoint)
        return breakpoint

    @property
    def is_live(self) -> bool:
        """Whether it runs forward as the user asked for it, rather than having its past run again."""
        return self._is_live

    def rearm(self) -> None:
        """Breakpoints were changed by `look` while it was live: they count at once."""
        if self._is_live:
            self.breakpoints.arm()

    def is_ram(self, physical: int, length: int) -> bool:
        """Whether all of so many bytes from a physical address on are RAM."""
        config = self.engine.config
        return config.ram_base <= physical and physical + length <= config.ram_base + config.ram_size

    # --- forward ---

    def run(self, limit: int | None = None) -> Stop:
        """Go on until something stops it; at most to a step, if `limit` says so."""
        return self._live(lambda: self._forward(limit))

    def step_machine(self, count: int = 1) -> Stop:
        """So many steps of whichever harts have their turn."""
        return self.run(self.engine.steps + count)

    def step_hart(self, hart: int, count: int = 1) -> Stop:
        """So many steps of one hart, the others going on as the schedule has it.

        A hart that waits for an interrupt steps when it is woken.
        """
        return self._live(lambda: self._forward(None, hart, self.hart_steps(hart) + count))

    def step_hart_alone(self, hart: int, count: int = 1) -> Stop:
        """So many steps of one hart while the others stand still: against the schedule.

        Where it was not this hart's turn, that makes another schedule, and of the past a new timeline.
        """
        return self._live(lambda: self._alone(hart, self.hart_steps(hart) + count))

    def type(self, data: bytes) -> None:
        """Characters for the console; they arrive at the next border of a block when the machine runs."""
        self._typed += data

    def pause(self) -> None:
        """From any thread or signal handler: what runs stops soon."""
        self._pausing = True

    # --- back, and anywhere ---

    def goto(self, step: int) -> Stop:
        """The state of that step; forward, no breakpoint stops it, but the end of the run may."""
        return self._stopped(self._goto(step))

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
        return self._stopped(self._made(StopKind.STEP, self.engine.next_hart))

    def reverse(self, limit: int = 0) -> Stop:
        """Back to the latest state in front of a breakpoint or watched access, or to step `limit`."""
        return self._stopped(self._reverse(None, limit))

    def reverse_step_machine(self, count: int = 1) -> Stop:
        """So many steps back, of whichever harts made them."""
        step = self.engine.steps - count
        if step < 0:
            self._goto(0)
            return self._stopped(self._made(StopKind.START, self.stop.hart, backwards=True))
        return self._stopped(replace(self._goto_back(step), backwards=True))

    def reverse_step_hart(self, hart: int) -> Stop:
        """To the state in front of what this hart did last."""
        step = self._latest_step_of(hart)
        if step is None:
            self._goto(0)
            return self._stopped(self._made(StopKind.START, hart, backwards=True))
        return self._stopped(replace(self._goto_back(step), hart=hart, backwards=True))

    def last_access(self, address: int, length: int, kind: Access = Access.WRITE, hart: int = 0) -> Stop:
        """To the state in front of the latest access to these bytes, else to the start."""
        watch = self.watch(address, length, kind, hart=hart)
        try:
            return self._stopped(self._reverse(frozenset((watch.number,)), 0))
        finally:
            self.breakpoints.remove(watch.number)

    def last_execution(self, address: int, harts: frozenset[int] | None = None) -> Stop:
        """To the latest state before now in which a hart is about to execute at a virtual address."""
        breakpoint = self.break_at(address, harts=harts)
        try:
            return self._stopped(self._reverse(frozenset((breakpoint.number,)), 0))
        finally:
            self.breakpoints.remove(breakpoint.number)

    # --- edits ---

    def edit(self, apply: Callable[[Machine], None]) -> None:
        """Change something in the machine as it stands; `apply` will be called again when the past is.

        In the past, a new timeline begins here: what followed is gone.
        """
        self._new_timeline("an edit")
        self.stop = self._made(StopKind.STEP, self.stop.hart)
        apply(self.machine)
        self.timeline.add(Edit(self.engine.steps, apply))

    def set_x(self, hart: int, index: int, value: int) -> None:
        """Write an integer register."""
        self.edit(lambda machine: machine.engine.set_x(hart, index, value))

    def set_f(self, hart: int, index: int, value: int) -> None:
        """Write a floating-point register (its bits)."""
        self.edit(lambda machine: machine.engine.set_f(hart, index, value))

    def set_pc(self, hart: int, value: int) -> None:
        """Let a hart go on elsewhere."""
        self.edit(lambda machine: machine.engine.set_pc(hart, value))

    def set_privilege(self, hart: int, mode: int) -> None:
        """0 user, 1 supervisor, 3 machine; ReplugError for others."""
        if mode not in (0, 1, 3):
            raise ReplugError(f"privilege mode {mode}: 0 (user), 1 (supervisor) and 3 (machine) exist")
        self.edit(lambda machine: machine.engine.set_privilege(hart, mode))

    def set_csr(self, hart: int, number: int, value: int) -> None:
        """Write a CSR as the hart would in M-mode; ReplugError where there is none, or it is read-only."""
        if self.engine.get_csr(hart, number) is None or number >> 10 == 3:
            raise ReplugError(f"CSR {number:#x} cannot be written")
        self.edit(lambda machine: _ignore(machine.engine.set_csr(hart, number, value)))

    def write_physical(self, address: int, data: bytes) -> None:
        """Write RAM; code is what harts fetch at once. ReplugError where it is not all RAM."""
        if not self.is_ram(address, len(data)):
            raise ReplugError(f"{address:#x}: {len(data)} bytes from there are not all RAM")

        def apply(machine: Machine) -> None:
            machine.engine.ram_write(address, data)
            machine.engine.sync_code()

        self.edit(apply)

    def write_virtual(self, hart: int, address: int, data: bytes) -> None:
        """The same by a virtual address as a hart sees it; ReplugError where something is not mapped."""
        pieces = []
        done = 0
        while done < len(data):
            at = address + done
            physical = self.engine.translate(hart, at)
            size = min(len(data) - done, 4096 - at % 4096)
            if physical is None or not self.is_ram(physical, size):
                raise ReplugError(f"{at:#x}: hart {hart} has no RAM there")
            pieces.append((physical, data[done : done + size]))
            done += size
        for physical, piece in pieces:
            self.write_physical(physical, piece)

    # --- names of runs ---

    def token(self) -> Token | None:
        """The run up to the head; None where no token can say what it was (edits, other schedules)."""
        if self.timeline.edited or self.timeline.switches:
            return None
        inputs = tuple(Typed(i.instructions, i.time, i.data, i.channel) for i in self.timeline.inputs)
        return replace(Token.of(self.machine, self._head.instructions), inputs=inputs)

    # --- forward, inside ---

    def _forward(self, limit: int | None, hart: int | None = None, hart_limit: int = 0) -> Stop:
        """Forward to a step, or until a hart has made so many; armed breakpoints stop it."""
        if self.stop.kind.final and self.stop.position.step == self.engine.steps:
            return self.stop
        here = self.stop.kind is StopKind.BREAKPOINT and self.stop.position.step == self.engine.steps
        passed = self.stop.hart if here else self.engine.next_hart
        first = True
        while True:
            if limit is not None and self.engine.steps >= limit:
                return self._made(StopKind.STEP, self.engine.next_hart)
            if hart is not None and self.hart_steps(hart) >= hart_limit:
                return self._made(StopKind.STEP, hart)
            if self._end is not None and self.engine.total_instret >= self._end and not self._typed:
                return self._made(StopKind.END, self.engine.next_hart)
            if self._pausing:
                return self._made(StopKind.PAUSED, self.engine.next_hart)
            if first:
                self.engine.pass_breakpoint(passed)
            first = False
            reason, outcome = self._trip(limit, hart, hart_limit)
            if outcome is not None:
                kind = StopKind.WILD if outcome.reason == "wild" else StopKind.EXIT
                about = outcome.wild.hart if outcome.wild is not None else self.engine.next_hart
                return self._made(kind, about, outcome=outcome)
            if reason in (StopReason.BREAK, StopReason.WATCHPOINT):
                stop = self._judge(self.engine.last_hit)
                if stop is not None:
                    return stop
            if reason is StopReason.IDLE and not self._awaits_external():
                self._goto(self.engine.steps)  # in front of the looking around, where every way leads
                return self._made(StopKind.IDLE, self.engine.next_hart)

    def _trip(
        self, limit: int | None, hart: int | None = None, hart_limit: int = 0
    ) -> tuple[StopReason, Outcome | None]:
        """Once into the engine and out again, with all that is kept up to date by it."""
        self.look()
        before = self.engine.steps
        started = time.monotonic()
        reason, outcome = self._go(limit, hart, hart_limit)
        steps = self.engine.steps
        if steps > self._head.step:
            self._head = self.position
        self._pace(steps - before, time.monotonic() - started)
        if steps - self.history.newest.step >= SPACING:
            self.history.take(self.timeline.passed, self._written)
        return reason, outcome

    def _go(self, limit: int | None, hart: int | None, hart_limit: int) -> tuple[StopReason, Outcome | None]:
        """Forward a little, with what comes from outside."""
        engine = self.engine
        steps = min(self._chunk, self.machine.longest_advance)
        if limit is not None:
            steps = min(steps, limit - engine.steps)
        if self._end is not None:
            steps = min(steps, max(self._end - engine.total_instret, 1))
        if self._is_live and (self._typed or not self.in_the_past):
            self._typed += self.input()
            if self._typed:
                return self._type()
        external = self.timeline.next()
        if external is not None:
            room = self._room_before(external)
            if room == 0:
                return self._external(external)
            steps = min(steps, room)
        left = 0 if hart is None else hart_limit - self.hart_steps(hart)
        return self.machine.advance(lambda: engine.run_steps(steps, hart, left))

    def _pace(self, steps: int, seconds: float) -> None:
        """So many steps that the outside world is looked at often enough."""
        if seconds > 2 * LOOK_EVERY:
            self._chunk = max(self._chunk // 2, 100)
        elif seconds < LOOK_EVERY and steps >= self._chunk:
            self._chunk = min(self._chunk * 2, SPACING)

    # --- what comes from outside ---

    def _awaits_external(self) -> bool:
        if self._is_live:
            self._typed += self.input()
        return self.timeline.next() is not None or (self._is_live and bool(self._typed))

    def _room_before(self, external: External) -> int:
        """Steps that can be made before it has to be looked at."""
        if not isinstance(external, Input):
            return external.step - self.engine.steps
        left = external.instructions - self.engine.total_instret
        return left - 1 if left > 1 else left

    def _external(self, external: External) -> tuple[StopReason, Outcome | None]:
        """It comes here."""
        if isinstance(external, Input):
            return self._repeat_input(external)
        if isinstance(external, Switch):
            self.engine.switch_hart(external.hart)
        else:
            external.apply(self.machine)
        self.timeline.passed += 1
        return StopReason.LIMIT, None

    def _repeat_input(self, external: Input) -> tuple[StopReason, Outcome | None]:
        reason, outcome = StopReason.LIMIT, None
        if external.instructions > 0:
            reason, outcome = self.machine.advance(lambda: self.engine.run(0))
        here = (self.engine.total_instret, self.engine.now)
        if here == (external.instructions, external.time):
            self.machine.accept(external.channel, external.data)
            self.timeline.passed += 1
            return StopReason.LIMIT, outcome
        if outcome is None and (reason is not StopReason.EVENT or here[0] > external.instructions):
            raise ReplugError(
                f"the run does not come by instruction {external.instructions} at {external.time} ns, where "
                "something was typed: it is of another version of Replug"
            )
        return reason, outcome

    def _type(self) -> tuple[StopReason, Outcome | None]:
        """Run to the next border of a block, and type there: a place that any run of the token comes by."""
        self._new_timeline("typing")
        reason, outcome = StopReason.LIMIT, None
        if self.engine.steps > 0:
            reason, outcome = self.machine.advance(lambda: self.engine.run(1))
        if outcome is None and reason in (StopReason.LIMIT, StopReason.IDLE) and not self.engine.in_block:
            data, self._typed = self._typed, b""
            self.machine.type(data)
            instructions, now, *_ = self.machine.inputs[-1]
            self.timeline.add(Input(self.engine.steps, instructions, now, data))
            return StopReason.LIMIT, None
        return reason, outcome

    def _write(self, data: bytes) -> None:
        """Console output: handed on unless it has been, when this was run before."""
        start, self._written = self._written, self._written + len(data)
        if self._written > self._emitted:
            new = data[max(self._emitted - start, 0) :]
            self._emitted = self._written
            self._console(new)

    def _new_timeline(self, what: str) -> None:
        """The future is gone, if this is the past."""
        if self.in_the_past or self.timeline.next() is not None:
            self.notify(
                f"{what} in the past begins a new timeline at instruction {self.position.instructions:,}: "
                f"what followed, up to instruction {self._head.instructions:,}, is gone"
            )
        self.timeline.cut()
        self._head = self.position
        self._emitted = self._written
        self._end = None

    # --- against the schedule ---

    def _would_wake(self, hart: int) -> bool:
        mip, mie = self.engine.get_csr(hart, 0x344), self.engine.get_csr(hart, 0x304)
        return bool((mip or 0) & (mie or 0))

    def _alone(self, hart: int, end: int) -> Stop:
        while self.hart_steps(hart) < end:
            if self.engine.is_waiting(hart) and not self._would_wake(hart):
                return self._made(StopKind.IDLE, hart)
            self._give_turn(hart)
            room = max(self.engine.slice_left, 1)
            stop = self._forward(None, hart, min(end, self.hart_steps(hart) + room))
            if stop.kind is not StopKind.STEP:
                return stop
        return self._made(StopKind.STEP, hart)

    def _give_turn(self, hart: int) -> None:
        if self.engine.next_hart == hart and self.engine.slice_left > 0:
            return
        self._new_timeline("stepping one hart against the schedule")
        self.engine.switch_hart(hart)
        self.timeline.add(Switch(self.engine.steps, hart))

    # --- stops ---

    def _live(self, go: Callable[[], Stop]) -> Stop:
        """Forward as the user asked for it: breakpoints stop it, and input comes."""
        self.breakpoints.arm()
        self._pausing = False
        self._is_live = True
        try:
            return self._stopped(go())
        finally:
            self._is_live = False

    def _made(
        self, kind: StopKind, hart: int, *, outcome: Outcome | None = None, backwards: bool = False
    ) -> Stop:
        return Stop(kind, self.position, hart, outcome=outcome, backwards=backwards)

    def _stopped(self, stop: Stop) -> Stop:
        self.stop = stop
        return stop

    def _judge(self, hit: Hit) -> Stop | None:
        """A hit, going forward: the stop it makes, or None when its condition says to go on."""
        breakpoint = self.breakpoints.get(hit.number)
        assert breakpoint is not None
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
            # The slice has just begun: stand where every way to this step leads, in front of that.
            self._goto(self.engine.steps)
        kind = StopKind.BREAKPOINT if breakpoint.kind is Access.EXECUTE else StopKind.WATCHPOINT
        return Stop(kind, self.position, hit.hart, breakpoint, hit)

    def _counts(self, hit: Hit) -> bool:
        breakpoint = self.breakpoints.get(hit.number)
        assert breakpoint is not None
        return breakpoint.condition is None or self.condition(breakpoint, hit.hart)

    def _pass_over(self, hit: Hit) -> None:
        if hit.kind is Access.EXECUTE:
            self.engine.pass_breakpoint(hit.hart)

    # --- back, inside ---

    def _restore(self, index: int) -> None:
        checkpoint = self.history.restore(index)
        self.timeline.passed = checkpoint.passed
        self._written = checkpoint.written

    def _goto(self, step: int) -> Stop:
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
                    self.history.take(self.timeline.passed, self._written)
        stop = self._forward(step)
        if stop.kind is not StopKind.STEP:
            return stop
        external = self.timeline.next()
        while isinstance(external, Edit) and external.step == self.engine.steps:
            self._external(external)
            external = self.timeline.next()
        return self._made(StopKind.STEP, self.engine.next_hart)

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
        judged = only is None and self.breakpoints.judged
        while end > limit:
            self._restore(self.history.before(end))
            start = self.engine.steps
            hit = self._latest_hit(max(end, start), only, judged, limit)
            if hit is not None:
                stop = self._goto(hit.step)
                breakpoint = self.breakpoints.get(hit.number)
                execute = hit.kind is Access.EXECUTE
                kind = StopKind.BREAKPOINT if execute else StopKind.WATCHPOINT
                return Stop(kind, stop.position, hit.hart, breakpoint, hit, backwards=True)
            if self._pausing:
                return replace(self._goto(end), kind=StopKind.PAUSED, backwards=True)
            end = start
        stop = self._goto(limit)
        kind = StopKind.START if limit == 0 else StopKind.STEP
        return replace(stop, kind=kind, hart=self.stop.hart, backwards=True)

    def _latest_hit(self, end: int, only: frozenset[int] | None, judged: bool, limit: int) -> Hit | None:
        """The last hit from here to a step."""
        self.breakpoints.arm(only)
        self.engine.scan(not judged)
        latest: Hit | None = None
        try:
            while self.engine.steps < end and not self._pausing:
                reason, outcome = self._trip(end)
                if outcome is not None:
                    break
                if reason in (StopReason.BREAK, StopReason.WATCHPOINT):
                    hit = self.engine.last_hit
                    if self._counts(hit):
                        latest = hit
                    self._pass_over(hit)
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


def _expected(typed: Typed) -> Input:
    return Input(None, typed.instructions, typed.time, typed.data, typed.channel)


def _ignore(_value: object) -> None:
    pass
