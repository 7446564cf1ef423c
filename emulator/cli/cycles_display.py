# SPDX-License-Identifier: GPL-2.0-or-later
"""What people see while `replug cycles` runs a guest."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from emulator.cli.common import say
from emulator.machine import Machine, Outcome
from emulator.report import describe


class Display:
    """While the guest runs: how far it is on stderr, its console on `stream`."""

    def __init__(self, stream: IO[str], quiet: bool) -> None:
        self._stream = stream
        self._quiet = quiet
        self._began = time.monotonic()
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._progress.add_task("running", total=None)

    @contextmanager
    def shown(self) -> Iterator[None]:
        if self._quiet or not self._progress.console.is_terminal:
            yield
            return
        with self._progress:
            yield

    def instructions(self, retired: int) -> None:
        rate = retired / max(time.monotonic() - self._began, 1e-9) / 1e6
        self._progress.update(
            self._task, description=f"running: {retired / 1e6:,.0f} M instructions, {rate:,.0f} M/s"
        )

    def doing(self, what: str) -> None:
        self._progress.update(self._task, description=what)

    def guest(self, data: bytes) -> None:
        if not self._quiet:
            self._stream.write(data.decode(errors="replace"))
            self._stream.flush()

    def unfinished(self, machine: Machine, outcome: Outcome) -> None:
        say(describe(machine, outcome))
