# SPDX-License-Identifier: GPL-2.0-or-later
"""The terminal debugger: keys pressed, and what is on a screen of 80 by 24."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from screen import PROGRAM, SIZE, Screen, at_screen
from typist import Typist

Guest = Callable[[str], Path]


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
        assert re.search(r"PAST  3 of 4 *$", after[0]), after[0]

    at_screen(program, play)


def test_callers_are_looked_at(program: Path) -> None:
    async def play(screen: Screen) -> None:
        await screen.enter("until leaf")
        assert "addi a0, a0, 1" in screen.current() and screen.register("s1") == 1
        await screen.press("ctrl+up")
        assert "again" in screen.lines()[2] and "frame 1" in screen.lines()[2], screen.text()
        assert screen.register("s1") == 1 and not re.search(r"[│ ]a0 ", screen.text())  # nobody has kept it
        await screen.press("ctrl+down")
        assert "leaf" in screen.lines()[2] and "frame" not in screen.lines()[2]
        await screen.press("ctrl+up", "i")
        assert "addi a0, a0, 2" in screen.current()  # a hart that moves is looked at where it is

    at_screen(program, play)


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

    at_screen(program, play)


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

    at_screen(program, play)


def test_the_whole_screen(program: Path) -> None:
    async def play(screen: Screen) -> None:
        await screen.press("d")
        await screen.enter("tbreak leaf")
        await screen.enter("continue")
        shown = [line.rstrip() for line in screen.lines()]
        assert re.fullmatch(r"   all ├─+▼ +BREAKPOINT  \d+", shown[0]), shown[0]
        assert re.fullmatch(r"\*>0  M █+ +leaf  addi a0, a0, 1", shown[1]), shown[1]
        assert re.match(r"  1  M +_start  auipc s0, 1", shown[2]), shown[2]
        assert shown[3].startswith("╭─ Code  leaf ─") and "Registers of hart 0" in shown[3]
        assert any(re.match(r"│leaf: ", line) for line in shown)
        assert "Output Console Stack Backtrace Descriptors" in screen.text()
        assert any(line.startswith("│> continue") for line in shown)
        assert shown[-1].startswith("s step  n next")
        assert all(len(line) <= SIZE[0] for line in shown)

    at_screen(program, play, harts=2)


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

    at_screen(program, play)


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

    at_screen(program, by_key)
    at_screen(program, by_command)


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

    at_screen(program, play, size=size)


def test_a_small_screen_reaches_all_of_it(program: Path) -> None:
    async def play(screen: Screen) -> None:
        await screen.enter("break leaf")
        await screen.press("c", "greater_than_sign", "greater_than_sign", "greater_than_sign")
        assert "#0  0x" in screen.text() and "<leaf>" in screen.text()
        await screen.press("B")
        assert re.search(r"^ ?break 0x\w+ *$", screen.lines()[-1])
        await screen.press("escape", "e", "s", "1", "equals_sign", "5", "enter")
        assert "> set $s1=5" in screen.text() or screen.register("s1") == 5

    at_screen(program, play)
