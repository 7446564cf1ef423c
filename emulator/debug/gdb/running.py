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
            "vCont": self._vcont,
            "c": lambda rest: self._from_there(rest, session.run),
            "C": lambda rest: self._from_there(_behind_signal(rest), session.run),
            "s": lambda rest: self._from_there(rest, self._step),
            "S": lambda rest: self._from_there(_behind_signal(rest), self._step),
            "bs": lambda _rest: self._run(lambda: session.reverse_step_hart(threads.running)),
            "bc": lambda _rest: self._run(session.reverse),
        }

    def _run(self, resume: Resume) -> None:
        self.resume = resume

    def _from_there(self, address: str, resume: Resume) -> None:
        """Packets older than vCont may say where to go on."""
        if address:
            self._session.set_pc(self._threads.running, int(address, 16))
        self._run(resume)

    def _step(self) -> Stop:
        return self._session.step_hart(self._threads.running)

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
        moving = sorted(actions)
        some_stand = len(actions) < len(harts) and not self.keeps_schedule
        stepping = [hart for hart, action in actions.items() if action[0] in "sSr"]
        if not stepping:
            self._run((lambda: self._some(moving)) if some_stand else self._session.run)
            return
        hart, session = stepping[0], self._session
        action = actions[hart]
        if action[0] == "r":
            start, end = (int(part, 16) for part in action[1:].split(","))
            # Where others stand, they may be needed to come back from a trap.
            step = (lambda: self._some(moving, hart)) if some_stand else lambda: over_traps(session, hart)
            self._run(lambda: self._range(step, hart, start, end))
        else:
            self._run(lambda: self._some(moving, hart) if some_stand else session.step_hart(hart))

    def _range(self, step: Resume, hart: int, start: int, end: int) -> Stop:
        """Step until the hart has left the range, as GDB does to finish a line. Interrupts and calls of the
        kernel do not leave it, or `next` would end in their handlers."""
        session = self._session
        while True:
            stop = step()
            if stop.kind is not StopKind.STEP or stop.hart != hart:
                return stop
            if not start <= session.engine.get_pc(hart) < end:
                return stop
            if session.pausing:
                return Stop(StopKind.PAUSED, stop.position, hart)

    def _some(self, harts: list[int], stepping: int | None = None) -> Stop:
        """Only these run, slice by slice, and the others stand still; until that one has made a step."""
        session = self._session
        harts = sorted(harts, key=lambda hart: hart != stepping)
        waiting = 0
        while waiting < len(harts):
            waiting = 0
            for hart in harts:
                count = 1 if hart == stepping else session.engine.config.quantum
                stop = session.step_hart_alone(hart, count)
                if stop.kind is StopKind.IDLE:
                    waiting += 1
                elif stop.kind is not StopKind.STEP or hart == stepping:
                    return stop
                elif session.pausing:
                    return Stop(StopKind.PAUSED, stop.position, hart)
        return stop


def _behind_signal(rest: str) -> str:
    """The address in `signal` or `signal;address`: harts know no signals."""
    return rest.partition(";")[2]
