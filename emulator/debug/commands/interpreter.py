# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines of text to what the debugger does and says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from emulator.debug.commands import (
    asking,
    catching,
    changing,
    code,
    frames,
    looking,
    moving,
    paths,
    printing,
    protocol,
    stopping,
    variables,
)
from emulator.debug.commands.completing import Candidates, candidates
from emulator.debug.commands.registry import command, commands, find, help_text
from emulator.debug.expressions import Evaluator
from emulator.debug.frames import StackFrame, stack
from emulator.debug.records import Breakpoint, Stop, StopKind
from emulator.debug.session import DebugSession
from emulator.debug.sources import Sources
from emulator.debug.symbols import Symbols
from emulator.engine import Access
from emulator.errors import ReplugError
from toolchain.disassemble import disassemble

assert all(
    (
        asking,
        catching,
        changing,
        code,
        frames,
        looking,
        moving,
        paths,
        printing,
        protocol,
        stopping,
        variables,
    )
)  # they declare their commands
_MOST_NESTED = 20
_FILE_LINE = re.compile(r"(\S.*):([0-9]{1,9})")


class QuitError(Exception):
    """The user has had enough."""


class Interpreter:
    """hart: the one that is looked at; say: gets what commands print, a line or more at a time."""

    def __init__(self, session: DebugSession, symbols: Symbols, say: Callable[[str], None]) -> None:
        self.session = session
        self.symbols = symbols
        self.sources = Sources(symbols)
        self.evaluator = Evaluator(session, symbols)
        self.displays: dict[int, str] = {}
        self.say = say
        self.hart = 0
        self._frame = (0, 0, 0)  # step, hart, number
        self._depth = 0
        session.condition = self.holds
        symbols.generated = session.generated
        session.notify = self._remark

    def _remark(self, message: str) -> None:
        self.say(message)  # to where commands print now

    def execute(self, line: str) -> None:
        """One line; ReplugError with the reason when it cannot be done, QuitError at `quit`."""
        line = line.strip()
        if not line or line.startswith("#"):
            return
        found, rest = find(line)
        found.action(self, rest)

    def knows(self, line: str) -> bool:
        """Whether a line begins with a command."""
        try:
            find(line.strip())
        except (ReplugError, IndexError):
            return False
        return True

    def captured(self, line: str) -> str:
        """What a line says, errors included, as text."""
        said: list[str] = []
        outside, self.say = self.say, said.append
        try:
            self.execute(line)
        except ReplugError as error:
            said.append(f"error: {error}")
        except QuitError:
            said.append("error: leave by the debugger's own command")
        finally:
            self.say = outside
        return "".join(f"{each}\n" for each in said)

    def source(self, path: Path) -> None:
        """All lines of a file."""
        if self._depth >= _MOST_NESTED:
            raise ReplugError(f"{path}: files that name each other")
        try:
            lines = path.read_text().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ReplugError(f"{path}: {getattr(error, 'strerror', None) or 'not a text'}") from None
        self._depth += 1
        try:
            for number, line in enumerate(lines, 1):
                try:
                    self.execute(line)
                except ReplugError as error:
                    raise ReplugError(f"{path}:{number}: {error}") from None
        finally:
            self._depth -= 1

    def complete(self, line: str) -> Candidates:
        """What the end of a line may become."""
        return candidates(self, line)

    # --- what commands share ---

    def value(self, text: str) -> int:
        """Of an expression, as the hart that is looked at sees it."""
        return self.evaluator.value(text, self.hart, self.frame)

    @property
    def frame_number(self) -> int:
        """Of the function in the backtrace that is looked at: 0, the innermost, once the hart has moved."""
        step, hart, number = self._frame
        return number if (step, hart) == (self.session.position.step, self.hart) else 0

    @frame_number.setter
    def frame_number(self, number: int) -> None:
        self._frame = (self.session.position.step, self.hart, number)

    @property
    def frame(self) -> StackFrame | None:
        """The caller that is looked at; None: the innermost function, whose registers the hart has."""
        number = self.frame_number
        if number == 0:
            return None
        found = stack(self.session, self.symbols, self.hart, number + 1).frames
        return found[number] if number < len(found) else None

    @property
    def here(self) -> int:
        """The address that is looked at: of the call in a caller, else the pc."""
        frame = self.frame
        return self.session.engine.get_pc(self.hart) if frame is None else frame.within

    def places(self, text: str) -> list[int]:
        """The addresses that FILE:LINE means (one a function), or an expression."""
        found = _FILE_LINE.fullmatch(text.strip())
        if found is None:
            return [self.value(text)]
        return self.sources.addresses(found[1], int(found[2]))[1]

    def count(self, text: str) -> int:
        """How often: 1 if it is not said."""
        count = self.value(text) if text else 1
        if not 0 < count < 1 << 48:
            raise ReplugError(f"{text}: a count from 1 on is needed")
        return count

    def holds(self, breakpoint: Breakpoint, hart: int) -> bool:
        """Its condition, for a hart that has met it. One that cannot be evaluated holds."""
        if breakpoint.condition is None:
            return True
        try:
            return self.evaluator.value(breakpoint.condition, hart) != 0
        except ReplugError as error:
            self.say(f"condition of breakpoint {breakpoint.number}: {error}")
            return True

    def where(self, hart: int) -> str:
        """A line about where a hart is: symbol, source, instruction."""
        engine = self.session.engine
        pc = engine.get_pc(hart)
        line = self.symbols.line(pc)
        place = f" at {line[0]}:{line[1]}" if line is not None else ""
        return f"hart {hart}  {pc:#x} <{self.symbols.name(pc)}>{place}:  {self.instruction(hart, pc)}"

    def instruction(self, hart: int, address: int) -> str:
        """The instruction there, as text."""
        machine = self.session.machine
        code = machine.read_virtual(hart, address, 4) or machine.read_virtual(hart, address, 2)
        if code is None:
            return "(nothing is mapped there)"
        return str(next(disassemble(code, address, bits=self.session.engine.config.xlen)))

    def report(self, stop: Stop) -> None:
        """Say why the machine stands; the hart it is about is looked at from now on."""
        self.hart = stop.hart
        at = f"instruction {stop.position.instructions:,}"
        if stop.kind is StopKind.BREAKPOINT and stop.breakpoint is not None:
            number = stop.breakpoint.number
            asked = self.session.breakpoints.get(number) is None  # a question about the past, as below
            if asked and stop.backwards and stop.hit is not None:
                self.say(f"{self.symbols.name(stop.hit.pc)} is about to be executed, {at}")
            else:
                self.say(f"breakpoint {number}, {at}")
        elif stop.kind is StopKind.CATCHPOINT and stop.breakpoint is not None:
            asked = self.session.breakpoints.get(stop.breakpoint.number) is None
            whose = "" if asked else f"catchpoint {stop.breakpoint.number}: "
            self.say(f"{whose}{catching.trap_text(stop)}, {at}")
        elif stop.kind is StopKind.WATCHPOINT and stop.hit is not None:
            self._report_watch(stop, at)
        elif stop.kind is StopKind.EXIT and stop.outcome is not None:
            self.say(f"the guest has ended, status {stop.outcome.status}, {at}")
        elif stop.kind is StopKind.WILD:
            self.say(f"hart {stop.hart} does nothing but trap, {at}")
        elif stop.kind is not StopKind.STEP:
            texts = {
                StopKind.START: "the start of the run",
                StopKind.PAUSED: f"paused, {at}",
                StopKind.IDLE: f"all harts wait for input, {at}",
                StopKind.END: f"the recorded run was cut here, {at}",
            }
            self.say(texts.get(stop.kind, at))
        self.say(self.where(stop.hart))
        printing.show_displays(self)

    def _report_watch(self, stop: Stop, at: str) -> None:
        assert stop.hit is not None
        hit, number = stop.hit, stop.breakpoint.number if stop.breakpoint is not None else 0
        if hit.kind is Access.REGISTER:
            self.say(f"watchpoint {number}, the register changed, {at}")
            return
        names = {Access.READ: "read", Access.WRITE: "written"}
        done = names.get(hit.kind, "read and written")
        what = "is about to be" if stop.backwards else "was"
        by = f"by {stop.writer or self.symbols.name(hit.pc)}"
        asked = (
            self.session.breakpoints.get(number) is None
        )  # by a question about the past: no user's watchpoint
        watchpoint = "" if asked else f"watchpoint {number}: "
        machine = self.session.machine
        if stop.writer:  # the device knows physical addresses only
            data: bytes | None = machine.read_physical(hit.physical, hit.width)
        else:
            data = machine.read_virtual(stop.hart, hit.address, hit.width)
        shown = "" if data is None else f", value {int.from_bytes(data, 'little'):#x}"
        self.say(f"{watchpoint}{hit.address:#x} {what} {done} {by}{shown}, {at}")


@command("help", "h", group="General", usage="[COMMAND]", help="What there is, or one command.")
def _help(interpreter: Interpreter, rest: str) -> None:
    interpreter.say(help_text(rest))


@command("info", "i", group="General", help="What `info` can show.")
def _info(interpreter: Interpreter, rest: str) -> None:
    if rest:
        raise ReplugError(f"info {rest}: no such command (info lists them)")
    for each in commands():
        if any(name.startswith("info ") for name in each.names):
            interpreter.say(each.line)


@command("quit", "q", "exit", group="General", help="Leave the debugger.")
def _quit(_interpreter: Interpreter, _rest: str) -> None:
    raise QuitError


@command("source", group="General", usage="FILE", help="Execute the commands in a file.")
def _source(interpreter: Interpreter, rest: str) -> None:
    interpreter.source(Path(rest))


@command("echo", group="General", usage="TEXT", help="Print a text.")
def _echo(interpreter: Interpreter, rest: str) -> None:
    interpreter.say(rest)


@command(
    "add-symbol-file",
    group="General",
    usage="FILE [OFFSET]",
    help="Symbols of another ELF (a program, say), or of a list such as Linux's System.map.",
)
def _add_symbols(interpreter: Interpreter, rest: str) -> None:
    name, _, offset = rest.partition(" ")
    image = interpreter.symbols.add(Path(name), interpreter.value(offset) if offset.strip() else 0)
    interpreter.say(f"{len(image.symbols)} symbols of {name}")
