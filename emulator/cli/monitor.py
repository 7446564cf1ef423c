# SPDX-License-Identifier: GPL-2.0-or-later
"""The monitor behind Ctrl-A c: the guest stands still, and somebody looks at it, steps it, takes it back.

What is done here only moves the machine along its run, or back on it, so that the run's token stays true.
"""

from __future__ import annotations

import enum
import select
import shlex
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from emulator.cli import inspection
from emulator.cli.keyboard import Key, Keyboard
from emulator.cli.line_editor import LineEditor
from emulator.cli.signals import Signals
from emulator.engine import StopReason
from emulator.errors import ReplugError
from emulator.machine import Machine, Outcome, Snapshot
from emulator.report import describe
from emulator.token import Token
from toolchain.errors import ToolchainError

_MOST_STEPS = 10_000_000  # of all harts, in which one may not move
_CHUNK = 1_000_000  # steps in one go
_PROMPT = "(replug) "


class Verdict(enum.Enum):
    """How a talk ended."""

    CONTINUE = enum.auto()
    LEAVE = enum.auto()


@dataclass(frozen=True)
class Command:
    """name: and the shorter ones that do; arguments, text: for help; run: with the words behind the name."""

    names: tuple[str, ...]
    arguments: str
    text: str
    run: Callable[[list[str]], Iterable[str]]


class Monitor:
    """Commands over a machine. `execute` does one; `talk` takes them from a keyboard."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._hart = 0
        self.verdict: Verdict | None = None
        self._kept: dict[str, Snapshot] = {}  # oldest first
        self.ended: Outcome | None = None
        """Set when the guest ended while it was stepped."""
        self.commands = (
            Command(("help", "h", "?"), "", "this list", self._help),
            Command(
                ("continue", "c"), "", "back to the guest's console (also Ctrl-A c, Ctrl-D)", self._go_on
            ),
            Command(("quit", "q"), "", "leave replug", self._quit),
            Command(("harts", "where"), "", "every hart: where it is, mode, counts", self._harts),
            Command(("hart",), "N", "the hart that other commands are about", self._select),
            Command(("pause",), "", "where the run stands; it does while the monitor is open", self._pause),
            Command(("step", "s"), "[HART [N]]", "N more instructions (or traps) of the hart", self._step),
            Command(("run",), "N", "run N instructions over all harts, to a block border", self._run),
            Command(
                ("registers", "r"), "[HART]", "integer registers, pc, and the CSRs of traps", self._registers
            ),
            Command(
                ("x",), "/NFU ADDRESS", "memory as the hart sees it: x/8xw sp, x/4i pc, x/s msg", self._x
            ),
            Command(("xp",), "/NFU ADDRESS", "physical memory", self._xp),
            Command(("snapshot",), "[NAME]", "remember the machine as it is now", self._snapshot),
            Command(("restore",), "[NAME]", "back to a snapshot; later ones are gone", self._restore),
            Command(("snapshots",), "", "those there are", self._snapshots),
            Command(("save",), "FILE", "write the machine to a file (see --from-snapshot)", self._save),
            Command(("info",), "devices", "the devices, where they are, and how they do", self._info),
            Command(("token",), "", "the name of the run so far (see --replay)", self._token),
        )
        self._by_name = {name: command for command in self.commands for name in command.names}

    # --- talking ---

    def talk(self, keyboard: Keyboard, signals: Signals) -> Verdict:
        """Until somebody goes on or leaves. Raises what Signals.check raises."""

        def write(text: str) -> None:
            print(text, end="", file=sys.stderr, flush=True)

        editor = LineEditor(_PROMPT, write)
        self.verdict = None
        write("\n")
        for remark in (*self._pause([]), "help lists the commands; continue (or Ctrl-A c) goes on"):
            write(f"{remark}\n")
        editor.prompt()
        while self.verdict is None:
            if not keyboard.pending:
                ready = select.select([0, signals.descriptor], [], [])[0]
                signals.check()
                if 0 in ready and not keyboard.read():
                    return Verdict.LEAVE  # the terminal is gone
            key = keyboard.next()
            if key is Key.LEAVE:
                self.verdict = Verdict.LEAVE
            elif key is Key.MONITOR:
                self.verdict = Verdict.CONTINUE
            elif key is Key.HELP:
                key = b"help\r"
            while isinstance(key, bytes) and key and self.verdict is None:
                for line in editor.feed(key[:1]):
                    for answer in self.execute("continue" if line is None else line):
                        write(f"{answer}\n")
                    signals.check()
                    if self.verdict is None:
                        editor.prompt()
                key = key[1:]
            if isinstance(key, bytes):
                keyboard.put_back(key)  # for the guest: what came behind `continue`
        self._to_border()
        write("\n")
        return self.verdict

    def execute(self, line: str) -> list[str]:
        """Do what a line says; the lines to print. What cannot be done is one line, too."""
        try:
            name, *words = shlex.split(line) or [""]
            name, slash, rest = name.partition("/")
            if not name:
                return []
            command = self._by_name.get(name)
            if command is None:
                return [f"{name}: no such command; help lists them"]
            return list(command.run([f"/{rest}", *words] if slash else words))
        except (ReplugError, ToolchainError, ValueError) as error:
            return [str(error)]

    def _number(self, text: str, what: str) -> int:
        try:
            return int(text, 0)
        except ValueError:
            raise ReplugError(f"{text!r}: not a number, as a {what} is") from None

    def _some_hart(self, words: list[str]) -> int:
        if not words:
            return self._hart
        hart = self._number(words[0], "hart")
        if not 0 <= hart < self._machine.harts:
            raise ReplugError(f"hart {hart}: there are harts 0 to {self._machine.harts - 1}")
        return hart

    # --- commands ---

    def _help(self, _words: list[str]) -> Iterable[str]:
        for command in self.commands:
            usage = f"{', '.join(command.names)} {command.arguments}".rstrip()
            yield f"  {usage:<28} {command.text}"

    def _go_on(self, _words: list[str]) -> Iterable[str]:
        self.verdict = Verdict.CONTINUE
        return ()

    def _quit(self, _words: list[str]) -> Iterable[str]:
        self.verdict = Verdict.LEAVE
        return ()

    def _harts(self, _words: list[str]) -> Iterable[str]:
        return inspection.harts(self._machine, self._hart)

    def _select(self, words: list[str]) -> Iterable[str]:
        self._hart = self._some_hart(words)
        return [inspection.hart_line(self._machine, self._hart)]

    def _pause(self, _words: list[str]) -> Iterable[str]:
        engine = self._machine.engine
        yield f"paused after {engine.total_instret:,} instructions, at {engine.now:,} ns of virtual time"

    def _step(self, words: list[str]) -> Iterable[str]:
        hart = self._some_hart(words[:1])
        goal = self._steps_of(hart) + (self._number(words[1], "count") if len(words) > 1 else 1)
        tried = 0
        while (left := goal - self._steps_of(hart)) > 0:
            steps = min(_CHUNK, self._machine.longest_advance)
            go = partial(self._machine.engine.run_steps, steps, hart, left)
            reason, self.ended = self._machine.advance(go)
            tried += steps
            if self.ended is not None:
                self.verdict = Verdict.CONTINUE
                return [describe(self._machine, self.ended)]
            if reason is StopReason.IDLE or tried > _MOST_STEPS:
                why = "all harts wait" if reason is StopReason.IDLE else f"in {tried:,} steps of the others"
                return [f"hart {hart} does not move: {why}", inspection.hart_line(self._machine, hart)]
        here = self._machine.engine.get_pc(hart)
        return [
            inspection.hart_line(self._machine, hart),
            *inspection.instructions(self._machine, hart, here, 1),
        ]

    def _steps_of(self, hart: int) -> int:
        """Instructions and traps of a hart so far."""
        return self._machine.instret(hart) + self._machine.engine.traps(hart)

    def _to_border(self) -> None:
        """To where a block begins: tokens and snapshots are of such places."""
        while self._machine.engine.in_block and self.ended is None:
            _, self.ended = self._machine.advance(partial(self._machine.engine.run_steps, 1))

    def _run(self, words: list[str]) -> Iterable[str]:
        if not words:
            raise ReplugError("run: how many instructions?")
        self._went_on(self._number(words[0], "count of instructions"))
        return [describe(self._machine, self.ended)] if self.ended is not None else self._pause([])

    def _went_on(self, instructions: int) -> bool:
        """Run so far; False when the guest has ended, or sleeps until something is typed."""
        if instructions < 0:
            raise ReplugError(f"{instructions}: cannot be negative")
        outcome = self._machine.run(instructions)
        if outcome.reason == "idle" and self._machine.listens:
            return False
        if outcome.reason != "limit":
            self.ended = outcome
            self.verdict = Verdict.CONTINUE
        return outcome.reason == "limit"

    def _registers(self, words: list[str]) -> Iterable[str]:
        return inspection.registers(self._machine, self._some_hart(words))

    def _x(self, words: list[str]) -> Iterable[str]:
        return inspection.memory(self._machine, self._hart, words, physical=False)

    def _xp(self, words: list[str]) -> Iterable[str]:
        return inspection.memory(self._machine, self._hart, words, physical=True)

    def _snapshot(self, words: list[str]) -> Iterable[str]:
        self._to_border()
        name = words[0] if words else str(len(self._kept) + 1)
        self._kept.pop(name, None)
        self._kept[name] = self._machine.snapshot()
        return [f"snapshot {name}, after {self._machine.engine.total_instret:,} instructions"]

    def _restore(self, words: list[str]) -> Iterable[str]:
        if not self._kept:
            raise ReplugError("restore: there is no snapshot")
        name = words[0] if words else list(self._kept)[-1]
        if name not in self._kept:
            raise ReplugError(f"restore: there is no snapshot {name!r}; there are {', '.join(self._kept)}")
        self._machine.restore(self._kept[name])
        names = list(self._kept)
        for later in names[names.index(name) + 1 :]:
            del self._kept[later]
        return self._pause([])

    def _snapshots(self, _words: list[str]) -> Iterable[str]:
        return self._kept or ["none; `snapshot` makes one"]

    def _save(self, words: list[str]) -> Iterable[str]:
        if not words:
            raise ReplugError("save: into which file?")
        self._to_border()
        self._machine.save(Path(words[0]))
        return [f"saved in {words[0]}"]

    def _info(self, words: list[str]) -> Iterable[str]:
        topics: dict[str, Callable[[], Iterable[str]]] = {
            "devices": lambda: inspection.devices(self._machine),
            "harts": lambda: self._harts([]),
            "registers": lambda: self._registers(words[1:]),
            "snapshots": lambda: self._snapshots([]),
        }
        if not words or words[0] not in topics:
            raise ReplugError(f"info: about {', '.join(topics)}?")
        return topics[words[0]]()

    def _token(self, _words: list[str]) -> Iterable[str]:
        self._to_border()
        return [Token.of(self._machine, self._machine.engine.total_instret).encode()]
