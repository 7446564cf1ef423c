# SPDX-License-Identifier: GPL-2.0-or-later
"""The terminal debugger: keys pressed, and what is on a screen of 80 by 24."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from textual.pilot import Pilot
from typist import Typist

from emulator import MachineOptions
from emulator.debug.commands.interpreter import Interpreter
from emulator.debug.session import DebugSession
from emulator.debug.symbols import Symbols
from emulator.debug.tui.app import DebuggerApp
from emulator.debug.tui.work import Feed
from emulator.loader.elf import open_image

Guest = Callable[[str], Path]
Play = Callable[["Screen"], Awaitable[None]]

SIZE = (80, 24)
PROGRAM = """
        .option norvc
        la s0, counter
        li s1, 0
    again:
        addi s1, s1, 1
        sd s1, 0(s0)
        call leaf
        li t0, 300
        bne s1, t0, again
        li t1, 0x10000000
        li t2, 'H'
        sb t2, 0(t1)
        li t2, 'i'
        sb t2, 0(t1)
    forever:
        addi s2, s2, 1
        j forever
    .globl leaf
    leaf:
        addi a0, a0, 1
        addi a0, a0, 2
        ret
        .data
        .balign 8
        .globl counter
    counter: .dword 0
"""
KEYS = {" ": "space", "_": "underscore", "$": "dollar_sign", "=": "equals_sign", "+": "plus", ":": "colon"}


class Screen:
    """Somebody at the screen."""

    def __init__(
        self, app: DebuggerApp, pilot: Pilot[None], session: DebugSession, size: tuple[int, int] = SIZE
    ) -> None:
        self.app, self._pilot, self.session, self._size = app, pilot, session, size

    async def press(self, *keys: str) -> None:
        """Keys; the machine stands again behind each."""
        for key in keys:
            await self._pilot.press(key)
            await self.settle()

    async def press_only(self, *keys: str) -> None:
        """Keys, without waiting for what they do."""
        await self._pilot.press(*keys)

    async def settle(self) -> None:
        """Until nothing is to be done any more."""
        await self.app.workers.wait_for_complete()
        await self._pilot.pause()

    async def wait_for(self, text: str) -> None:
        """Until that is on the screen; the test's own time limit ends it otherwise."""
        for _ in range(1000):
            await self._pilot.pause(0.02)
            if text in self.text():
                return
        raise AssertionError(f"{text!r} does not come: {self.text()}")

    async def enter(self, line: str) -> None:
        """A line on the command line."""
        await self._pilot.press(":", *(KEYS.get(letter, letter) for letter in line), "enter")
        await self.settle()

    def lines(self) -> list[str]:
        """The text of the screen, from the picture that Textual makes of it."""
        rows = [[" "] * self._size[0] for _ in range(self._size[1])]
        for element in ElementTree.fromstring(self.app.export_screenshot()).iter():
            place = re.search(r"-line-(\d+)\)", element.get("clip-path") or "")
            if place is None or not element.tag.endswith("text"):
                continue
            column = round(float(element.get("x") or 0) / 12.2)
            text = (element.text or "").replace("\xa0", " ")
            rows[int(place[1])][column : column + len(text)] = text
        return ["".join(row) for row in rows]

    def text(self) -> str:
        return "\n".join(self.lines())

    def register(self, name: str) -> int:
        """What the pane of registers shows."""
        found = re.search(rf"[│ ]{name} +([0-9a-f]+)\b", self.text())
        assert found is not None, self.text()
        return int(found[1], 16)

    def current(self) -> str:
        """The line of code that the hart stands at."""
        found = re.search(r"│[ ●○]0> +\S+ +(.*?) *│", self.text())
        assert found is not None, self.text()
        return found[1]


def _play(image: Path, play: Play, harts: int = 1, size: tuple[int, int] = SIZE) -> None:
    feed = Feed()

    async def run() -> None:
        with DebugSession(open_image(image), MachineOptions(harts=harts, memory=1 << 22), feed) as session:
            app = DebuggerApp(Interpreter(session, Symbols(session.machine.image), print), feed)
            async with app.run_test(size=size) as pilot:
                screen = Screen(app, pilot, session, size)
                await screen.settle()
                await play(screen)

    asyncio.run(run())


@pytest.fixture(scope="module")
def program(guest: Guest) -> Path:
    return guest(PROGRAM)


def test_steps_change_the_screen_and_going_back_restores_it(program: Path) -> None:
    async def play(screen: Screen) -> None:
        await screen.press("d")
        await screen.press("s", "s", "s")
        before, hash_before = screen.lines(), screen.session.machine.state_hash()
        assert screen.register("s1") == 0 and screen.current().startswith("addi s1, s1, 1")
        await screen.press("s")
        assert screen.register("s1") == 1 and screen.current().startswith("sd s1")
        assert {"pc", "s1"} <= screen.app.changed_registers
        await screen.press("r", "s")
        assert screen.register("s1") == 0 and screen.session.machine.state_hash() == hash_before
        after = screen.lines()
        assert after[2:14] == before[2:14], screen.text()  # code and registers
        assert "PAST" in after[0] and "instruction 3 of 4" in after[0]

    _play(program, play)


def test_calls_breakpoints_and_both_directions(program: Path) -> None:
    async def play(screen: Screen) -> None:
        await screen.press("d")
        await screen.enter("until leaf")
        assert screen.current().startswith("addi a0, a0, 1")
        await screen.press("b")
        assert "●0>" in screen.text()
        await screen.press("f", "c", "c")
        assert (screen.register("s1"), screen.register("a0")) == (3, 6)
        await screen.press("C")
        assert (screen.register("s1"), screen.register("a0")) == (2, 3)
        await screen.press("b", "f", "N")
        assert "●" not in screen.text() and "call" not in screen.current()
        assert screen.register("a0") == 3
        await screen.press("n")
        assert screen.register("a0") == 6

    _play(program, play)


def test_what_runs_is_stopped_while_the_screen_lives(program: Path) -> None:
    async def play(screen: Screen) -> None:
        await screen.press_only("c")
        await screen.wait_for("RUNNING")
        await screen.press_only("s")  # is refused
        assert "Ctrl-C stops it" in screen.text()
        await screen.press("ctrl+c")
        assert "PAUSED" in screen.lines()[0] and screen.register("s1") == 300
        await screen.press("greater_than_sign")
        assert any(line.startswith("│Hi") for line in screen.lines()), screen.text()
        await screen.enter("goto start")
        assert "START" in screen.lines()[0] or "PAST" in screen.lines()[0]
        assert screen.register("s1") == 0

    _play(program, play)


def test_the_whole_screen(program: Path) -> None:
    async def play(screen: Screen) -> None:
        await screen.press("d")
        await screen.enter("until leaf")
        shown = [line.rstrip() for line in screen.lines()]
        assert re.fullmatch(r" BREAKPOINT ·─+█ instruction \d+", shown[0]), shown[0]
        assert re.match(r"\*>hart 0 M +\d+ 8[0-9a-f]{7} leaf  addi a0, a0, 1", shown[1]), shown[1]
        assert re.match(r"  hart 1 M +\d+ 8", shown[2]), shown[2]
        assert shown[3].startswith("╭─ Code  leaf ─") and "Registers of hart 0" in shown[3]
        assert any(re.match(r"│leaf: ", line) for line in shown)
        assert "Output Console Stack Backtrace Descriptors" in screen.text()
        assert any(line.startswith("│> until leaf") for line in shown)
        assert shown[-1].startswith("s step  n next")
        assert all(len(line) <= SIZE[0] for line in shown)

    _play(program, play, harts=2)


def test_the_command_line_completes_remembers_and_says_what_is_wrong(program: Path) -> None:
    async def play(screen: Screen) -> None:
        await screen.press_only(":", *"until", "space", *"le", "tab")
        assert screen.lines()[-1].startswith("until leaf")
        await screen.press("enter")
        await screen.enter("p nothing")
        assert "error: nothing: there is no such symbol" in screen.text()
        await screen.press_only(":", "up", "up")
        assert screen.lines()[-1].startswith("until leaf")
        await screen.press("escape", "question_mark")
        assert "Ctrl-C" in screen.text() and "over calls" in screen.text()
        await screen.press("escape")
        await screen.enter("set $s1 = 299")
        assert screen.register("s1") == 299

    _play(program, play)


def test_on_a_real_terminal(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    typist = Typist("debug", program)
    try:
        typist.wait_for(b"Registers of hart")
        typist.type(b"q")
        assert typist.finish() == 0  # and the terminal is as it was
        assert b"\x1b[?1049l" in typist.shown  # back on its own screen
    finally:
        typist.close()


def test_quitting(program: Path) -> None:
    async def by_key(screen: Screen) -> None:
        await screen.press_only("c", "q")

    async def by_command(screen: Screen) -> None:
        await screen.enter("quit")

    _play(program, by_key)
    _play(program, by_command)


@pytest.mark.parametrize("size", [(120, 40), (200, 60)])
def test_a_large_screen_shows_stack_and_breakpoints_beside(program: Path, size: tuple[int, int]) -> None:
    async def play(screen: Screen) -> None:
        await screen.enter("break leaf")
        await screen.press("c")
        rows = screen.lines()
        top = next(n for n, row in enumerate(rows) if "Stack ─" in row)
        column = rows[top].index("╭", rows[top].index("Stack") - 4)
        beside = [row[column:] for row in rows[top:]]
        assert beside[1].startswith("│#0  leaf  ") and beside[2].startswith("│#1  again+"), screen.text()
        assert any("Breakpoints ─" in row for row in beside)  # it is not our kernel: it has no locks
        assert any("break     0x" in row and "<leaf>" in row for row in beside), screen.text()
        assert "Source" in rows[2] and "Registers of hart 0" in rows[2] and "Stack" not in rows[top][:column]
        lower = rows[top][:column]
        assert "Output" in lower and "Backtrace" in lower and "Locks" not in lower

    _play(program, play, size=size)


def test_a_small_screen_reaches_all_of_it(program: Path) -> None:
    async def play(screen: Screen) -> None:
        await screen.enter("break leaf")
        await screen.press("c", "greater_than_sign", "greater_than_sign", "greater_than_sign")
        assert "#0  0x" in screen.text() and "<leaf>" in screen.text()
        await screen.press("B")
        assert re.search(r"^ ?break 0x\w+ *$", screen.lines()[-1])

    _play(program, play)
