# SPDX-License-Identifier: GPL-2.0-or-later
"""What lets the machine run: each packet leaves in `resume` what is to be done, and the stop is its reply."""

from __future__ import annotations

from collections.abc import Callable

from emulator.debug.gdb.packets import Handler
from emulator.debug.gdb.threads import Threads
from emulator.debug.records import Stop, StopKind
from emulator.debug.session import DebugSession
from emulator.debug.traps import over_traps

Resume = Callable[[], Stop]
"""Lets the machine run until it stops."""


class Running:
    """keeps_schedule: a step of one hart alone is one of the schedule, too (see lldb.py)."""

    def __init__(self, session: DebugSession, threads: Threads) -> None:
        self._session = session
        self._threads = threads
        self.resume: Resume | None = None
        self.keeps_schedule = False
        self.table: dict[str, Handler] = {
            "vCont?": lambda _rest: b"vCont;c;C;s;S;r",
            "vCont;": self._vcont,
            "c": lambda _rest: self._run(session.run),
            "s": lambda _rest: self._run(lambda: session.step_hart(threads.running)),
            "bs": lambda _rest: self._run(lambda: session.reverse_step_hart(threads.running)),
            "bc": lambda _rest: self._run(session.reverse),
        }

    def _run(self, resume: Resume) -> None:
        self.resume = resume

    def _vcont(self, rest: str) -> None:
        """Actions by thread: the first that fits a hart counts; one without a thread is for all the rest."""
        harts = range(self._session.machine.harts)
        actions: dict[int, str] = {}
        for part in rest.split(";"):
            action, _, thread = part.partition(":")
            if action[:1] not in ("c", "C", "s", "S", "r"):
                raise ValueError
            for hart in harts if thread in ("", "-1") else (self._threads.hart(thread),):
                actions.setdefault(hart, action)
        stepping = [hart for hart, action in actions.items() if action[0] in "sSr"]
        alone = len(actions) < len(harts) and len(harts) > 1 and not self.keeps_schedule
        if not stepping:
            self._run(self._some(sorted(actions)) if alone else self._session.run)
            return
        hart = stepping[0]
        session = self._session
        step = session.step_hart_alone if alone and len(actions) == 1 else session.step_hart
        action = actions[hart]
        if action[0] == "r":
            start, end = (int(part, 16) for part in action[1:].split(","))
            over = step if step == session.step_hart_alone else lambda hart: over_traps(session, hart)
            self._run(lambda: self._range(over, hart, start, end))
        else:
            self._run(lambda: step(hart))

    def _range(self, step: Callable[[int], Stop], hart: int, start: int, end: int) -> Stop:
        """Step until the hart has left the range, as GDB does to finish a line: interrupts and calls of the
        kernel do not leave it, or `next` would end in their handlers."""
        while True:
            stop = step(hart)
            if stop.kind is not StopKind.STEP or stop.hart != hart:
                return stop
            if not start <= self._session.engine.get_pc(hart) < end:
                return stop

    def _some(self, harts: list[int]) -> Resume:
        """Only these run, slice by slice; the others stand still."""

        def run() -> Stop:
            waiting = 0
            while waiting < len(harts):
                waiting = 0
                for hart in harts:
                    stop = self._session.step_hart_alone(hart, self._session.engine.config.quantum)
                    if stop.kind is StopKind.IDLE:
                        waiting += 1
                    elif stop.kind is not StopKind.STEP:
                        return stop
            return stop

        return run
