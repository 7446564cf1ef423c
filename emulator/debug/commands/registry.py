# SPDX-License-Identifier: GPL-2.0-or-later
"""Declaring commands, and finding them by what a user types."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.errors import ReplugError

if TYPE_CHECKING:
    from emulator.debug.commands.interpreter import Interpreter

Action = Callable[["Interpreter", str], None]


@dataclass(frozen=True)
class Command:
    """names: the first is its own, others are short for it; usage: its arguments; help: one line or more."""

    names: tuple[str, ...]
    group: str
    usage: str
    help: str
    action: Action

    @property
    def line(self) -> str:
        """Usage, and the first line of the help, for a list."""
        left = f"  {self.names[0]} {self.usage}".rstrip()
        margin = " " * _COLUMN
        if len(left) < _COLUMN:
            text = f"{left:<{_COLUMN}}{self.help.splitlines()[0]}"
            return textwrap.fill(text, _WIDTH, subsequent_indent=margin)
        left = textwrap.fill(left, _WIDTH, subsequent_indent=" " * 8)
        right = textwrap.fill(
            self.help.splitlines()[0], _WIDTH, initial_indent=margin, subsequent_indent=margin
        )
        return f"{left}\n{right}"


_FORMAT = re.compile(r"^(\w+)/")  # x/4g is x with /4g
_MOST_WORDS = 3  # of a name
_COLUMN, _WIDTH = 33, 80  # of a list of commands: where the help begins, and how wide it all is
_commands: dict[str, Command] = {}
_by_any_name: dict[str, Command] = {}
_topics: dict[str, str] = {}


def command(*names: str, group: str, usage: str = "", help: str) -> Callable[[Action], Action]:
    """Declares a function as a command."""

    def declare(action: Action) -> Action:
        made = Command(names, group, usage, help, action)
        _commands[names[0]] = made
        for name in names:
            assert name not in _by_any_name, name
            _by_any_name[name] = made
        return action

    return declare


def commands() -> list[Command]:
    """All there are."""
    return list(_commands.values())


def find(line: str) -> tuple[Command, str]:
    """The command that a line begins with (a name of up to three words, or a prefix of one), and the rest.

    ReplugError when there is none, or several.
    """
    line = _FORMAT.sub(r"\1 /", line)
    words = line.split()
    for count in range(min(_MOST_WORDS, len(words)), 0, -1):
        name = " ".join(words[:count])
        if name in _by_any_name:
            return _by_any_name[name], _behind(line, count)
        matching = {m.names[0]: n for n, m in _by_any_name.items() if _abbreviates(name, n)}
        if len(matching) == 1:
            return _commands[matching.popitem()[0]], _behind(line, count)
        if matching:
            raise ReplugError(f"{name}: could be any of {', '.join(sorted(matching.values()))}")
    raise ReplugError(f"{words[0]}: no such command (help lists them)")


def _abbreviates(name: str, full: str) -> bool:
    typed, words = name.split(), full.split()
    return len(typed) == len(words) and all(w.startswith(t) for t, w in zip(typed, words, strict=True))


def _behind(line: str, words: int) -> str:
    parts = line.split(None, words)
    return parts[words].strip() if len(parts) > words else ""


def completions(prefix: str) -> list[str]:
    """Names that begin so."""
    return sorted(name for name in _by_any_name if name.startswith(prefix))


def topic(name: str, text: str) -> None:
    """Declares a text that `help NAME` shows, beside the commands'."""
    _topics[name] = text


def help_text(name: str) -> str:
    """Of one command, a topic, a group of commands, or of all."""
    groups = dict.fromkeys(each.group for each in commands())
    if not name:
        also = f"Also: help {', help '.join(_topics)}"
        return "\n".join([*(line for group in groups for line in (f"{group}:", *_lines(group))), also])
    chosen = next((group for group in groups if group.lower() == name.lower()), None)
    if chosen is not None:
        return "\n".join(_lines(chosen))
    if name in _topics:
        return _topics[name]
    found, _ = find(name)
    others = f"\nalso: {', '.join(found.names[1:])}" if len(found.names) > 1 else ""
    return f"{found.names[0]} {found.usage}".rstrip() + f"\n{found.help}{others}"


def _lines(group: str) -> list[str]:
    return [each.line for each in commands() if each.group == group]
