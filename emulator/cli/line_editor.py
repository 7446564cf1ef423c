# SPDX-License-Identifier: GPL-2.0-or-later
"""A line of text at a terminal in raw mode: backspace, cancel, history."""

from __future__ import annotations

from collections.abc import Callable, Iterator

_ENTER, _BACKSPACE, _DELETE = (10, 13), 8, 127
_CANCEL, _END, _KILL, _PREVIOUS, _NEXT = 3, 4, 21, 16, 14  # Ctrl-C, -D, -U, -P, -N
_ESCAPE_CHARACTER = 27


class LineEditor:
    """Feed it what is typed; it echoes through `write`, and yields lines (None: Ctrl-D on an empty one)."""

    def __init__(self, prompt: str, write: Callable[[str], None]) -> None:
        self._prompt = prompt
        self._write = write
        self._line = ""
        self._history: list[str] = []
        self._at = 0  # in the history; its length: the line that is being written
        self._sequence = ""  # of a cursor key, as far as it has come

    def prompt(self) -> None:
        """Begin a line."""
        self._line, self._at, self._sequence = "", len(self._history), ""
        self._write(self._prompt)

    def feed(self, data: bytes) -> Iterator[str | None]:
        """What has been typed. After each line that comes out, call `prompt` for the next one."""
        for character in data.decode("latin-1"):
            if self._sequence or ord(character) == _ESCAPE_CHARACTER:
                self._cursor_key(character)
                continue
            match ord(character):
                case number if number in _ENTER:
                    self._write("\n")
                    if self._line.strip() and self._line not in self._history[-1:]:
                        self._history.append(self._line)
                    yield self._line
                case _ if character == chr(_END) and not self._line:
                    self._write("\n")
                    yield None
                case number if number in (_BACKSPACE, _DELETE):
                    self._show(self._line[:-1])
                case number if number == _CANCEL:
                    self._write("^C\n")
                    self.prompt()
                case number if number == _KILL:
                    self._show("")
                case number if number in (_PREVIOUS, _NEXT):
                    self._recall(-1 if number == _PREVIOUS else 1)
                case number if 32 <= number < 127:
                    self._line += character
                    self._write(character)

    def _cursor_key(self, character: str) -> None:
        self._sequence += character
        if len(self._sequence) < 3 and self._sequence in ("\x1b", "\x1b[", "\x1bO"):
            return
        step = {"A": -1, "B": 1}.get(self._sequence[-1])
        self._sequence = ""
        if step is not None:
            self._recall(step)

    def _recall(self, step: int) -> None:
        at = self._at + step
        if 0 <= at <= len(self._history):
            self._at = at
            self._show(self._history[at] if at < len(self._history) else "")

    def _show(self, line: str) -> None:
        self._line = line
        self._write(f"\r\x1b[K{self._prompt}{line}")
