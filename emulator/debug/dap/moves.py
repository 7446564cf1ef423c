# SPDX-License-Identifier: GPL-2.0-or-later
"""Running, stepping and jumping, in both directions.

Handlers only say in `resume` what is to be done: the server does it once the response is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from emulator.debug.commands.calls import back_over, back_to_line, into, leave_line, out, over
from emulator.debug.commands.interpreter import Interpreter
from emulator.debug.dap.arguments import Arguments, number, table, text
from emulator.debug.dap.messages import Message
from emulator.debug.dap.places import Places
from emulator.debug.records import INTERNAL, Stop, StopKind
from emulator.debug.sources import Sources
from emulator.errors import ReplugError

Move = Callable[[], Stop]
_BACK = "Going back"
_MOST_TARGETS = 1 << 12


class Moves:
    """Handlers of these requests, by their names in `table`. ended: called when it is to go on from the end
    of the run."""

    def __init__(
        self, interpreter: Interpreter, sources: Sources, places: Places, ended: Callable[[Stop], None]
    ) -> None:
        self._interpreter = interpreter
        self._session = interpreter.session
        self._symbols = interpreter.symbols
        self._sources = sources
        self._places = places
        self._ended = ended
        self._targets: list[int] = []  # addresses; clients know their indices
        self.resume: Move | None = None
        """What a request has asked to be run."""
        self.title = ""
        """Of what is run, if it may take long without a sign of it."""
        self.waits_for_input = False
        """Whether what runs goes on waiting when no hart can do anything (or is a step, that gives up)."""
        self.pausing = False
        """The client wants it to stop."""
        self.table: dict[str, Callable[[Arguments], Message | None]] = {
            "continue": self._continue,
            "reverseContinue": self._reverse_continue,
            "next": lambda arguments: self._step(arguments, lambda: over(self._interpreter)),
            "stepIn": self._step_in,
            "stepOut": self._step_out,
            "stepBack": self._step_back,
            "gotoTargets": self._goto_targets,
            "restartFrame": self._restart_frame,
        }

    def begin(self, move: Move, *, waits: bool = False, title: str = "") -> None:
        """Have something done behind the response."""
        self.resume, self.waits_for_input, self.pausing, self.title = move, waits, False, title

    # --- running ---

    def _continue(self, _arguments: Arguments) -> Message:
        stop = self._session.stop
        if stop.kind is StopKind.EXIT and stop.position == self._session.position:
            self._ended(stop)  # there is nothing in front of it
        else:
            self.begin(self._session.run, waits=True)
        return {"allThreadsContinued": True}

    def _reverse_continue(self, _arguments: Arguments) -> None:
        self.begin(self._session.reverse, title=_BACK)

    # --- stepping ---

    def _step(
        self,
        arguments: Arguments,
        move: Move,
        lines: Callable[[Interpreter, Move], Stop] = leave_line,
        title: str = "",
    ) -> None:
        """By instructions, or until another line; a pause that is asked for ends it, too."""
        self._interpreter.hart = self._places.hart(arguments)
        kind = text(arguments, "granularity", "statement")
        if kind not in ("statement", "line", "instruction"):
            raise ReplugError(f"granularity {kind}: statement, line and instruction are known")
        if kind == "instruction":
            self.begin(move, title=title)
            return

        def once() -> Stop:
            stop = move()
            if stop.kind is StopKind.STEP and self.pausing:
                return Stop(StopKind.PAUSED, stop.position, stop.hart)
            return stop

        self.begin(lambda: lines(self._interpreter, once), title=title)

    def _step_in(self, arguments: Arguments) -> None:
        hart = self._places.hart(arguments)
        if text(arguments, "granularity", "statement") == "instruction":  # into traps, too
            self._step(arguments, lambda: self._session.step_hart(hart))
        else:
            self._step(arguments, lambda: into(self._interpreter))

    def _step_back(self, arguments: Arguments) -> None:
        hart = self._places.hart(arguments)
        if text(arguments, "granularity", "statement") == "instruction":
            self._step(arguments, lambda: self._session.reverse_step_hart(hart), title=_BACK)
        else:
            self._step(arguments, lambda: back_over(self._interpreter), back_to_line, _BACK)

    def _step_out(self, arguments: Arguments) -> None:
        self._interpreter.hart = self._places.hart(arguments)
        self.begin(lambda: out(self._interpreter))

    # --- jumping ---

    def _goto_targets(self, arguments: Arguments) -> Message:
        """The addresses of a line that a hart can be sent to."""
        path = text(table(arguments, "source"), "path")
        line, addresses = self._sources.addresses(path, number(arguments, "line"))
        if len(self._targets) > _MOST_TARGETS:
            self._targets.clear()
        first = len(self._targets)
        self._targets += addresses
        return {
            "targets": [
                {
                    "id": identifier,
                    "label": self._symbols.name(at),
                    "line": line,
                    "instructionPointerReference": f"{at:#x}",
                }
                for identifier, at in enumerate(addresses, first)
            ]
        }

    def goto(self, arguments: Arguments) -> int:
        """Set a hart's pc to a target; gives the hart."""
        hart, target = self._places.hart(arguments), number(arguments, "targetId")
        if not 0 <= target < len(self._targets):
            raise ReplugError(f"target {target}: there is none")
        self._session.set_pc(hart, self._targets[target])
        return hart

    def _restart_frame(self, arguments: Arguments) -> None:
        """Back to where the function of a frame was entered."""
        hart, depth = self._places.frame(arguments)
        frames = self._places.stack(hart)
        if depth >= len(frames):
            raise ReplugError(f"frame {depth} of hart {hart}: there is none")
        function = self._symbols.function(frames[depth].within)
        if function is None:
            raise ReplugError(f"{frames[depth].pc:#x}: no symbol says where this function begins")
        # At its entry the stack pointer is what it is in the caller: so recursion is told apart.
        sp = frames[depth + 1].sp if depth + 1 < len(frames) else None
        condition = None if sp is None or frames[depth + 1].how == "trap" else f"$sp == {sp}"
        self.begin(lambda: self._back_to(hart, function[0], condition), title=_BACK)

    def _back_to(self, hart: int, entry: int, condition: str | None) -> Stop:
        """The latest state in which a hart is about to execute there, and be it this one."""
        session = self._session
        here = session.position
        holds = condition is None or self._interpreter.evaluator.value(condition, hart) != 0
        if session.engine.get_pc(hart) == entry and holds:
            return replace(session.stop, kind=StopKind.STEP, breakpoint=None, hart=hart)
        stop = session.last_hit(
            [session.break_at(entry, harts=frozenset((hart,)), condition=condition, owner=INTERNAL)]
        )
        if stop.kind is StopKind.START:
            session.goto(here.step)
            raise ReplugError(f"this run never came to {self._symbols.name(entry)}, the function's beginning")
        if stop.kind is StopKind.BREAKPOINT:
            return replace(stop, kind=StopKind.STEP, breakpoint=None)
        return stop
