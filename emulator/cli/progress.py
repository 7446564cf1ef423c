# SPDX-License-Identifier: GPL-2.0-or-later
"""A line on a terminal's stderr that says how far a guest is which prints nothing for a while."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

from emulator.cli.console import Output
from emulator.machine import Machine
from emulator.report import symbol

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

SILENCE = 2.0
"""Seconds without output after which the line comes."""

_EVERY = 0.25  # seconds between two looks of the line
_MILLION = 1_000_000


class Progress:
    """Shown between `tick`s; gone before anything else is printed.

    Nothing is shown where stderr is no terminal, nor behind an unfinished line of the guest's, which may be a
    prompt at which somebody thinks.
    """

    def __init__(self, machine: Machine, output: Output, quiet: bool, hint: str = "") -> None:
        self._machine = machine
        self._output = output
        self._hint = hint
        self._on = not quiet and sys.stderr.isatty()
        self._live: Live | None = None
        self._seen = output.count
        self._since = self._drawn = time.monotonic()
        self._instructions = machine.engine.total_instret

    def __enter__(self) -> Progress:
        self._output.before = self.hide
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hide()
        self._output.before = lambda: None

    def tick(self) -> None:
        """Some time has passed: show the line, change it, or leave it."""
        if not self._on:
            return
        now = time.monotonic()
        if self._output.count != self._seen:
            self._seen, self._since = self._output.count, now
            return
        if now - self._since < SILENCE or now - self._drawn < _EVERY or not self._output.at_line_start:
            return
        text = self._text(now)
        if self._live is None:
            from rich.console import Console  # noqa: PLC0415
            from rich.live import Live  # noqa: PLC0415

            self._live = Live(console=Console(stderr=True), auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(text, refresh=True)

    def _text(self, now: float) -> Text:
        engine = self._machine.engine
        done = engine.total_instret
        speed = (done - self._instructions) / (now - self._drawn) / _MILLION
        self._instructions, self._drawn = done, now
        address = engine.get_pc(0)
        where = symbol(self._machine, address) or f"{address:#x}"
        from rich.text import Text  # noqa: PLC0415

        text = f"replug: {done:,} instructions, {speed:,.0f} MIPS{self._hint}, hart 0 at {where}"
        return Text(text, style="dim", no_wrap=True, overflow="ellipsis")

    def hide(self) -> None:
        """Take the line away; it comes again after another silence."""
        self._since = time.monotonic()
        if self._live is not None:
            self._live.stop()
            self._live = None
