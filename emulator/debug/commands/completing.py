# SPDX-License-Identifier: GPL-2.0-or-later
"""What a line that is being typed may become: commands, symbols, registers, files, named paths."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.debug.causes import NAMES
from emulator.debug.commands.registry import completions, find
from emulator.errors import ReplugError

if TYPE_CHECKING:
    from emulator.debug.commands.interpreter import Interpreter

_WORD = re.compile(r"\$?[\w.]*(?:\$[\w.]*)?$")
_OF_FILES = ("source", "add-symbol-file", "snapshot")
_OF_PATHS = re.compile(r"(?:last\s+path|info\s+paths|path)\s+")
_WORDS = {
    "goto": ("start", "end", "step"),
    "break": ("if", "hart", "space"),
    "tbreak": ("if", "hart", "space"),
    "watch": ("if",),
    "last": ("write", "read", "access", "change", "exec", "path", "inside", "trap"),
    "catch": ("trap", "interrupt", "hart", "if", *NAMES),
    "info registers": ("all",),
}
_NO_SYMBOLS = ("catch",)  # but in a condition
_MOST_SYMBOLS = 200


@dataclass(frozen=True)
class Candidates:
    """texts, sorted: what may stand in the line from index `start` on."""

    start: int
    texts: tuple[str, ...]

    @property
    def common(self) -> str:
        """What all begin with."""
        if not self.texts:
            return ""
        first, last = self.texts[0], self.texts[-1]
        return next((first[:i] for i in range(len(first)) if first[i] != last[i : i + 1]), first)


def candidates(interpreter: Interpreter, line: str) -> Candidates:
    """For the end of a line."""
    begun = line.lstrip()
    start = len(line) - len(begun)
    names = completions(begun)
    if names or " " not in begun:
        return _of(start, names)
    paths = _OF_PATHS.match(begun)
    if paths is not None:
        image = interpreter.session.machine.image
        known = {note.name for note in image.notes if note.name} if image is not None else set()
        return _beginning(line, start + paths.end(), known)
    try:
        command = find(begun)[0].names[0]
    except ReplugError:
        return Candidates(len(line), ())
    if command in _OF_FILES:
        return _files(line, len(line) - len(line.rsplit(" ", maxsplit=1)[-1]))
    if command == "help":
        return _beginning(line, start + len(begun.split(None, 1)[0]) + 1, completions(""))
    found = _WORD.search(line)
    assert found is not None
    word = found[0]
    if word.startswith("$"):
        registers = (f"${each.name}" for each in interpreter.evaluator.registers.all)
        return _beginning(line, found.start(), registers)
    if not word:
        return _of(found.start(), _WORDS.get(command, ()))
    if command == "info registers":
        return _beginning(line, found.start(), [each.name for each in interpreter.evaluator.registers.all])
    if command in _NO_SYMBOLS and " if " not in begun:
        return _beginning(line, found.start(), _WORDS[command])
    known_words = [each for each in _WORDS.get(command, ()) if each.startswith(word)]
    return _of(found.start(), [*known_words, *interpreter.symbols.starting_with(word)[:_MOST_SYMBOLS]])


def _of(start: int, texts: Iterable[str]) -> Candidates:
    return Candidates(start, tuple(sorted(set(texts))))


def _beginning(line: str, start: int, texts: Iterable[str]) -> Candidates:
    return _of(start, (each for each in texts if each.startswith(line[start:])))


def _files(line: str, start: int) -> Candidates:
    """Paths as they were begun; directories end with a slash."""
    begun = line[start:]
    folder, slash, name = begun.rpartition("/")
    try:
        entries = list(Path(folder + slash or ".").expanduser().iterdir())
        found = [(each.name, each.is_dir()) for each in entries if each.name.startswith(name)]
    except (OSError, RuntimeError):  # nobody knows whose home that is
        return Candidates(start, ())
    shown = [each for each in found if name.startswith(".") or not each[0].startswith(".")]
    return _of(start, (f"{folder}{slash}{each}{'/' if is_folder else ''}" for each, is_folder in shown))
