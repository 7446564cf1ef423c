# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug debug`: step through a run, in both directions."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from emulator.cli import console
from emulator.cli.boot import _prepare, boot
from emulator.cli.common import say
from emulator.cli.debug_console import ConsoleKeys
from emulator.cli.debug_lines import execute_files, read_commands
from emulator.cli.signals import Signals
from emulator.cycles.models import IDEAL
from emulator.cycles.paths import PathWatch
from emulator.debug.commands.interpreter import Interpreter, QuitError
from emulator.debug.commands.registry import command
from emulator.debug.dap.server import DapServer
from emulator.debug.gdb.server import GdbServer, parse_address
from emulator.debug.recall import Recall, file_of_user
from emulator.debug.session import DebugSession
from emulator.debug.symbols import Symbols
from emulator.debug.tui.work import Feed
from emulator.errors import ReplugError
from emulator.isa import Isa, isa_help
from emulator.machine import Machine
from emulator.replay import replay

_NOT_OURS = ("max_instructions", "check_determinism", "save_snapshot", "from_snapshot", "trace", "json_file")


def _boot_options() -> list[click.Parameter]:
    """Those of `replug boot` that say what runs."""
    return [each for each in boot.params if each.name not in _NOT_OURS]


@click.command(params=_boot_options())
@click.option("--gdb", metavar="[HOST:]PORT", help="Serve GDB there (127.0.0.1 unless HOST is said).")
@click.option("--dap", metavar="[HOST:]PORT", help="Serve editors there (Debug Adapter Protocol).")
@click.option("--batch", is_flag=True, help="Read commands from stdin (or --command); an error ends it.")
@click.option("--plain", is_flag=True, help="On a terminal as well: commands and answers, line by line.")
@click.option("--command", "files", multiple=True, metavar="FILE", help="Execute the commands in FILE first.")
def debug(
    image: Path | None,
    isa: str | None,
    gdb: str | None,
    dap: str | None,
    batch: bool,
    plain: bool,
    files: tuple[str, ...],
    quiet: bool,
    **given: Any,
) -> int:
    """Step through IMAGE (or our guest OS), forward and back, from its first instruction on.

    On a terminal, the screen shows code, registers and harts, and ? lists the keys.

    Elsewhere, commands are read from stdin: `help` lists them. With --gdb, GDB does it all:

    \b
      replug debug kernel.elf --harts 2 --gdb 1234
      gdb-multiarch -ex 'target remote :1234'

    With --dap, an editor such as VS Code or Neovim does.

    All options of `replug boot` that say what runs are options here; --replay TOKEN opens a recorded run with
    all its time to move in. With --disk-write, the file is what the disk holds at the farthest state reached,
    and goes back when a new timeline begins.

    \b
    Examples
      replug debug
      replug debug --batch --command script.txt
      echo 'break is_read
      continue
      reverse-stepi' | replug debug --batch

    What is typed is kept for the next time (REPLUG_HISTORY= in the environment: it is not).

    Exit status: 0; 2 when something cannot be run, or an error ended a batch; 130 or 143 when a signal did.
    """
    if isa == "help":
        click.echo(isa_help())
        return 0
    if gdb is not None and dap is not None:
        raise ReplugError("--gdb and --dap: one of them at a time")
    served = gdb if gdb is not None else dap
    address = None if served is None else parse_address(served)
    given |= dict.fromkeys(_NOT_OURS)
    job = _prepare(image, quiet, None if isa is None else Isa.parse(isa), given)
    output = console.Output(1 if address is not None else 2 if batch else 1)
    listeners: list[Callable[[bytes], None]] = [output]
    with (
        DebugSession(job.image, job.options, lambda data: _tell(listeners, data), job.token) as session,
        Signals() as signals,
    ):
        if job.link is not None:
            session.connect(job.link)
        interpreter = Interpreter(session, Symbols(session.machine.image), click.echo)
        try:
            execute_files(interpreter, signals, files, goes_on=not batch and console.stdin_is_terminal())
            if address is not None:
                server = _gdb if dap is None else _dap
                server(interpreter, address, signals, quiet, listeners)
            elif not (batch or plain) and _has_screen():
                _show(interpreter, signals, listeners)
            elif not (batch and files):
                read_commands(interpreter, signals, batch=batch)
        except QuitError:
            pass
    return 0


def _tell(listeners: list[Callable[[bytes], None]], data: bytes) -> None:
    for listener in listeners:
        listener(data)


# --- on a screen ---


def _has_screen() -> bool:
    """Whether a user sits at a terminal that can move its cursor."""
    return (
        console.stdin_is_terminal()
        and sys.stdout.isatty()
        and sys.stderr.isatty()
        and os.environ.get("TERM", "dumb") != "dumb"
    )


def _show(interpreter: Interpreter, signals: Signals, listeners: list[Callable[[bytes], None]]) -> None:
    # Textual takes a while to import, and is needed here only.
    app_of = import_module("emulator.debug.tui.app").DebuggerApp
    printed = Feed()
    listeners[:] = [printed]  # nothing but the application writes to the screen

    def check() -> None:
        try:
            signals.check()
        except KeyboardInterrupt:
            signals.forget()
            raise

    app = app_of(interpreter, printed, Recall(file_of_user()), check)
    app.run()
    if app.return_code:
        raise SystemExit(app.return_code)


# --- servers ---


def _dap(
    interpreter: Interpreter,
    address: tuple[str, int],
    signals: Signals,
    quiet: bool,
    listeners: list[Callable[[bytes], None]],
) -> None:
    keys = ConsoleKeys(interpreter.session, signals)
    server = DapServer(
        interpreter,
        address,
        check=keys.check,
        say=lambda message: None if quiet else say(f"replug: {message}"),
    )
    listeners.append(server.console)
    if not quiet:
        say(f"replug: editors can come (Debug Adapter Protocol): {address[0]}:{server.port}{keys.hint}")
    try:
        with keys:
            server.serve()
    finally:
        listeners.remove(server.console)
        server.close()


def _gdb(
    interpreter: Interpreter,
    address: tuple[str, int],
    signals: Signals,
    quiet: bool,
    _listeners: list[Callable[[bytes], None]],
) -> None:
    session = interpreter.session
    keys = ConsoleKeys(session, signals)
    server = GdbServer(
        session,
        interpreter.symbols,
        address,
        interpreter.captured,
        check=keys.check,
        say=lambda message: None if quiet else say(f"replug: {message}"),
    )
    if not quiet:
        say(f"replug: GDB can come: target remote {address[0]}:{server.port}{keys.hint}")
        line = interpreter.symbols.line(session.engine.get_pc(0))
        root = None if line is None else interpreter.sources.root(line[0])
        if root is not None and root != Path.cwd():
            say(f"replug: for GDB to find the sources: directory {root}")
    try:
        with keys:
            server.serve()
    finally:
        server.close()


# --- commands ---


@command(
    "cycles", group="The guest", help="What the named paths have cost up to here (the run is made again)."
)
def _cycles(interpreter: Interpreter, _rest: str) -> None:
    session = interpreter.session
    token = session.token()
    image = session.machine.image
    if image is None or not image.notes:
        raise ReplugError("the image declares no paths")
    with Machine(image, session.machine.options) as machine:
        watch = PathWatch(machine, (IDEAL,))
        replay(machine, token, session.position.instructions)
        for cost in watch.costs():
            spread = cost.instructions
            interpreter.say(
                f"{cost.full_label}: {cost.calls:,} calls, instructions {spread.min:,} to {spread.max:,}, "
                f"median {spread.median:,}"
            )
