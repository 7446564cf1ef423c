# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line of the terminal debugger: completion, and the commands of before."""

from collections.abc import Callable
from pathlib import Path

import pytest
from screen import KEYS, PROGRAM, Screen, at_screen

from emulator import MachineOptions
from emulator.debug.commands.completing import Candidates
from emulator.debug.commands.interpreter import Interpreter
from emulator.debug.recall import Recall
from emulator.debug.session import DebugSession
from emulator.debug.symbols import Symbols
from emulator.loader.elf import open_image

Guest = Callable[[str], Path]


@pytest.fixture(scope="module")
def program(guest: Guest) -> Path:
    return guest(PROGRAM)


def _keys(text: str) -> list[str]:
    return [KEYS.get(letter, letter) for letter in text]


def _typed(screen: Screen) -> str:
    return screen.lines()[-1].rstrip()


def test_what_a_line_may_become(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "script").touch()
    (tmp_path / ".hidden").touch()
    said: list[str] = []
    with DebugSession(open_image(program), MachineOptions(memory=1 << 22)) as session:
        interpreter = Interpreter(session, Symbols(session.machine.image), said.append)
        complete = interpreter.complete
        assert complete("unt") == Candidates(0, ("until",))
        assert complete("  unt") == Candidates(2, ("until",))
        assert {"info harts", "info symbol"} <= set(complete("info ").texts) and complete("info ").start == 0
        assert complete("info sy").common == "info symbol"
        assert complete("until le") == Candidates(6, ("leaf",))
        assert complete("p *coun") == Candidates(3, ("counter",))
        assert complete("p counter+co") == Candidates(10, ("counter",))
        assert complete("p $mepc+$mst") == Candidates(8, ("$mstatus",))
        assert complete("set $s1") == Candidates(4, ("$s1", "$s10", "$s11"))
        assert complete("x/4g coun") == Candidates(5, ("counter",))
        assert complete("break leaf ").texts == ("hart", "if", "space")
        assert complete("goto st").texts == ("start", "step")
        assert complete("help reverse-f") == Candidates(5, ("reverse-finish",))
        assert complete("source fo") == Candidates(7, ("folder/",))
        assert complete("source folder/s") == Candidates(7, ("folder/script",))
        assert complete("source nowhere/") == Candidates(7, ())
        assert complete("nonsense le") == Candidates(11, ())
        assert complete("add-symbol-file ").texts == ("folder/",)
    assert said == []


def test_tab(program: Path) -> None:
    async def play(screen: Screen) -> None:
        await screen.press_only(":", *_keys("unt"), "tab", *_keys("le"), "tab")
        assert _typed(screen) == "until leaf"
        await screen.press("enter")
        assert screen.current().startswith("addi a0") or "leaf" in screen.text()
        await screen.press_only(":", *_keys("reverse-"), "tab")
        assert "reverse-continue  reverse-finish" in screen.text() and _typed(screen) == "reverse-"
        await screen.press("ctrl+c")  # nothing runs: the line is not meant
        assert _typed(screen).startswith("s step  n next")

    at_screen(program, play)


def test_lines_of_before(program: Path, tmp_path: Path) -> None:
    file = tmp_path / "history"
    file.write_text("break leaf\np $s1\nbreak again\n")

    async def play(screen: Screen) -> None:
        await screen.press_only(":", "up")
        assert _typed(screen) == "break again"
        await screen.press_only("up", "up", "up")
        assert _typed(screen) == "break leaf"
        await screen.press_only("down", "down", "down", "down")
        assert _typed(screen).startswith("s step")  # the line that was being typed: none
        await screen.press_only(*_keys("br"), "up", "up")
        assert _typed(screen) == "break leaf"
        await screen.press_only("down")
        assert _typed(screen) == "break again"
        await screen.press_only("down")
        assert _typed(screen) == "br"
        await screen.press_only("escape", ":", "ctrl+r", *_keys("lea"))
        assert _typed(screen) == "break leaf" and "search: lea" in screen.lines()[0]
        await screen.press_only("backspace", "backspace", "backspace", "a", "ctrl+r")
        assert _typed(screen) == "break leaf"  # the older one of two
        await screen.press_only("x")
        assert "not found: ax" in screen.lines()[0]
        await screen.press_only("escape")
        assert "not found" not in screen.text()
        await screen.press_only(*_keys("p 40+2"), "enter")
        await screen.settle()
        assert "42 = 0x2a" in screen.text()
        await screen.press("colon", "enter")  # an empty line is the last one again
        assert screen.text().count("42 = 0x2a") == 2

    at_screen(program, play, recall=Recall(file))
    assert file.read_text() == "break leaf\np $s1\nbreak again\np 40+2\n"
