# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands that a user has typed, from one run of the debugger to the next.

They are kept in a file: the one that REPLUG_HISTORY names (none if that is empty), else replug/debug_history
in XDG_STATE_HOME, or in ~/.local/state. A file that cannot be read or written is no reason to stop anybody.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

MOST = 1000  # lines


def file_of_user() -> Path | None:
    """Where the commands are kept; None: nowhere."""
    named = os.environ.get("REPLUG_HISTORY")
    if named is not None:
        return Path(named) if named else None
    state = os.environ.get("XDG_STATE_HOME", "")
    try:
        folder = Path(state) if Path(state).is_absolute() else Path.home() / ".local/state"
    except RuntimeError:  # there is no home
        return None
    return folder / "replug" / "debug_history"


class Recall:
    """lines: the oldest first."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self.lines: list[str] = []
        if file is not None:
            with contextlib.suppress(OSError, ValueError):
                found = file.read_text(errors="replace").splitlines()
                self.lines = [line for line in found if line.strip()]
        if len(self.lines) > MOST:
            self.lines = self.lines[-MOST:]
            self._write("".join(f"{line}\n" for line in self.lines), "w")

    def add(self, line: str) -> None:
        """Another one; not twice in a row."""
        if not line.strip() or self.lines[-1:] == [line]:
            return
        self.lines.append(line)
        self._write(f"{line}\n", "a")

    def before(self, place: int, text: str, *, anywhere: bool = False) -> int | None:
        """Index of the latest line in front of a place that begins with a text, or has it anywhere."""
        for index in range(min(place, len(self.lines)) - 1, -1, -1):
            if self.lines[index].startswith(text) or (anywhere and text in self.lines[index]):
                return index
        return None

    def behind(self, place: int, text: str) -> int | None:
        """Index of the first line behind a place that begins with a text."""
        for index in range(place + 1, len(self.lines)):
            if self.lines[index].startswith(text):
                return index
        return None

    def _write(self, text: str, mode: str) -> None:
        if self._file is None:
            return
        with contextlib.suppress(OSError, ValueError):
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(self._file, mode, opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                file.write(text)
