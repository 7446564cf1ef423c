# SPDX-License-Identifier: GPL-2.0-or-later
"""Somebody at the screen of the terminal debugger: keys that are pressed, and what is to be read there."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from xml.etree import ElementTree

from textual.pilot import Pilot

from emulator import MachineOptions
from emulator.debug.commands.interpreter import Interpreter
from emulator.debug.recall import Recall
from emulator.debug.session import DebugSession
from emulator.debug.symbols import Symbols
from emulator.debug.tui.app import DebuggerApp
from emulator.debug.tui.work import Feed
from emulator.loader.elf import open_image

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
KEYS = {
    " ": "space",
    "_": "underscore",
    "$": "dollar_sign",
    "=": "equals_sign",
    "+": "plus",
    ":": "colon",
    "-": "minus",
    "*": "asterisk",
}


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

    async def click(self, widget: str, offset: tuple[int, int]) -> None:
        """With the mouse, so many columns and lines into a widget."""
        await self._pilot.click(widget, offset=offset)
        await self.settle()

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


def at_screen(
    image: Path,
    play: Play,
    harts: int = 1,
    size: tuple[int, int] = SIZE,
    recall: Recall | None = None,
) -> None:
    """The debugger on an image, and somebody who plays with it."""
    feed = Feed()

    async def run() -> None:
        with DebugSession(open_image(image), MachineOptions(harts=harts, memory=1 << 22), feed) as session:
            app = DebuggerApp(Interpreter(session, Symbols(session.machine.image), print), feed, recall)
            async with app.run_test(size=size) as pilot:
                screen = Screen(app, pilot, session, size)
                await screen.settle()
                await play(screen)

    asyncio.run(run())
