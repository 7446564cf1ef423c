# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands of the debugger line by line: from stdin, or from somebody at a terminal.

Ctrl-C (SIGINT) stops what runs where somebody can say what next; of a batch, it is the end.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import select
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, ModuleType

import click

from emulator.cli.signals import Signals
from emulator.debug.commands.interpreter import Interpreter
from emulator.debug.recall import Recall, file_of_user
from emulator.errors import ReplugError

_PROMPT = "(replug) "
_BLOCK = 1 << 16


@contextmanager
def interruptible(interpreter: Interpreter, signals: Signals, *, goes_on: bool) -> Iterator[None]:
    """While something is executed, signals are noticed. goes_on: Ctrl-C stops the machine, and no more."""
    session = interpreter.session

    def look() -> None:
        try:
            signals.check()
        except KeyboardInterrupt:
            if not goes_on:
                raise
            signals.forget()
            session.pause()

    session.look = look
    try:
        yield
    finally:
        session.look = lambda: None


def execute_files(interpreter: Interpreter, signals: Signals, files: Iterable[str], *, goes_on: bool) -> None:
    """The commands in files. goes_on: somebody is at a terminal, whose Ctrl-C ends only the files."""
    try:
        for file in files:
            with interruptible(interpreter, signals, goes_on=False):
                interpreter.source(Path(file))
    except KeyboardInterrupt:
        if not goes_on:
            raise
        signals.forget()
        interpreter.session.goto(interpreter.session.position.step)  # it may stand in the middle of something
        interpreter.say("interrupted")


def read_commands(interpreter: Interpreter, signals: Signals, *, batch: bool) -> None:
    """All that stdin has. An error ends a batch: ReplugError says on which line."""
    if not batch and sys.stdin.isatty():
        _talk(interpreter, signals)
        return
    for number, line in enumerate(_lines(signals), 1):
        try:
            with interruptible(interpreter, signals, goes_on=False):
                interpreter.execute(line)
        except ReplugError as error:
            if batch:
                raise ReplugError(f"<stdin>:{number}: {error}") from None
            click.echo(f"error: {error}")


def _lines(signals: Signals) -> Iterator[str]:
    """Lines of stdin; signals are noticed while nothing comes."""
    begun = b""
    while True:
        with contextlib.suppress(OSError):  # not all that can be read can be waited for
            select.select([0, signals.descriptor], [], [])
        signals.check()
        block = os.read(0, _BLOCK)
        *lines, begun = (begun + block).split(b"\n")
        yield from (line.decode(errors="replace") for line in lines)
        if not block:
            if begun:
                yield begun.decode(errors="replace")
            return


# --- at a terminal ---


def _talk(interpreter: Interpreter, signals: Signals) -> None:
    """With somebody at a terminal; QuitError when they have had enough."""
    recall = Recall(file_of_user())
    _edit_lines(interpreter, recall)
    interpreter.say(interpreter.where(interpreter.hart))
    last = ""
    while True:
        try:
            with _raised_at_once(signals):
                line = input(_PROMPT).strip() or last  # Return: the same again
        except KeyboardInterrupt:
            click.echo()
            continue
        except EOFError:
            click.echo()
            return
        recall.add(line)
        last = line
        try:
            with interruptible(interpreter, signals, goes_on=True):
                interpreter.execute(line)
        except ReplugError as error:
            click.echo(f"error: {error}")


@contextmanager
def _raised_at_once(signals: Signals) -> Iterator[None]:
    """Nothing runs, so that signals may end the waiting for a line."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    handlers = {signal.SIGINT: interrupt, signal.SIGTERM: end, signal.SIGHUP: end}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        signals.check()
        yield
    finally:
        signals.forget()
        for number, handler in before.items():
            signal.signal(number, handler)


def _edit_lines(interpreter: Interpreter, recall: Recall) -> None:
    """Let the line be edited, completed and taken from the history, if this Python can do that."""
    try:
        readline: ModuleType = importlib.import_module("readline")
    except ImportError:
        return
    found: list[str] = []

    def complete(_word: str, index: int) -> str | None:
        if index == 0:
            line = readline.get_line_buffer()[: readline.get_endidx()]
            candidates = interpreter.complete(line)
            begin = readline.get_begidx()  # where readline has the word begin
            head = line[min(begin, candidates.start) : candidates.start]
            cut = max(begin - candidates.start, 0)
            over = " " if len(candidates.texts) == 1 and not candidates.common.endswith("/") else ""
            found[:] = [f"{head}{each[cut:]}{over}" for each in candidates.texts]
        return found[index] if index < len(found) else None

    readline.set_completer_delims(" \t*&()+-|^~!<>=,")
    readline.set_completer(complete)
    libedit = "libedit" in (readline.__doc__ or "")
    readline.parse_and_bind("bind ^I rl_complete" if libedit else "tab: complete")
    readline.parse_and_bind("set show-all-if-ambiguous on")
    readline.clear_history()
    for line in recall.lines:
        readline.add_history(line)
