# SPDX-License-Identifier: GPL-2.0-or-later
"""The command `replug`: finds the subcommand, and turns all that goes wrong into one line and a status."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from emulator.cli.main import INTERRUPTED, INTERRUPTED_TEXT
from emulator.cli.version import version
from emulator.errors import ReplugError
from toolchain.errors import ToolchainError

COMMANDS = {
    "boot": "emulator.cli.boot:boot",
    "cycles": "emulator.cli.cycles:cycles",
    "debug": "emulator.cli.debug:debug",
    "sweep": "emulator.cli.sweep:sweep",
    "bench": "emulator.cli.bench:bench",
    "conform": "emulator.cli.conform:conform",
    "build": "emulator.cli.build:build",
    "asm": "emulator.cli.asm:asm",
    "disasm": "emulator.cli.disasm:disasm",
    "disk": "emulator.cli.disk:disk",
}
"""Where each subcommand is; imported when it is needed, so that a small one starts at once."""

CANNOT_RUN = 2
BROKEN_PIPE = 141


class Commands(click.Group):
    """The subcommands, in the order in which people meet them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        where = COMMANDS.get(cmd_name)
        if where is None:
            return None
        module, _, name = where.partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command


def _say_version(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:  # which is so while a shell completes
        click.echo(f"replug {version()}")
        context.exit()


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_say_version,
    help="Show the version and exit.",
)
@click.pass_context
def replug(context: click.Context) -> int | None:
    """A deterministic multicore RISC-V machine that counts instructions exactly.

    The same image, options and input give the same run, instruction by instruction.

    \b
    Begin with
      replug build                       make the engine and our guest OS
      replug boot                        boot it on four harts
      replug cycles                      what its named paths cost
      replug boot my.elf --harts 2       boot an ELF of yours
      replug asm "addi a0, a0, 1" ret    one instruction or a few, to bytes
      replug boot --help                 each command explains itself

    Exit status: 0 good, 1 what was asked about is not so (or the guest failed: its own status), 2 cannot run.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
        return 0
    return None


def _complain(message: str) -> None:
    """On stderr, if there is still one."""
    try:
        print(f"replug: {message}", file=sys.stderr, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _usage(error: click.ClickException) -> str:
    text = " ".join(error.format_message().split()).rstrip(".")
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is None:
        return text
    where = context.command_path.partition(" ")[2]
    return f"{f'{where}: ' if where else ''}{text} (see `{context.command_path} --help`)"


def run(arguments: Sequence[str] | None) -> int:
    """The exit status of a command line (None: sys.argv's)."""
    status = _run(arguments)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return _seen_enough()
    except OSError as error:
        if status != CANNOT_RUN:  # else it has been said, or worse has
            _complain(error.strerror or str(error))
        _drop_stdout()
        return CANNOT_RUN
    return status


def _run(arguments: Sequence[str] | None) -> int:
    try:
        # Not replug.main(): that has its own ideas of Ctrl-C and of broken pipes.
        given = sys.argv[1:] if arguments is None else list(arguments)
        with replug.make_context("replug", given) as context:
            status = replug.invoke(context)
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        _complain(_usage(error))
    except ReplugError as error:
        _complain(str(error))
        return error.status
    except ToolchainError as error:
        _complain(str(error))
    except (KeyboardInterrupt, click.Abort):
        _complain(INTERRUPTED_TEXT)
        return INTERRUPTED
    except BrokenPipeError:
        return _seen_enough()
    except SystemExit as end:
        # A table of rich's makes a status of its own of a broken pipe: 1, which means something else here.
        if isinstance(end.__context__, BrokenPipeError):
            return _seen_enough()
        raise
    except OSError as error:
        _complain(f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error))
    except MemoryError:
        _complain("the host has not enough memory for that")
    except Exception as error:
        if os.environ.get("REPLUG_TRACEBACK"):
            raise
        _complain(f"internal error, please report it: {_where(error)}{type(error).__name__}: {error}")
    return CANNOT_RUN


def _seen_enough() -> int:
    """The status when whoever read our output is gone."""
    _drop_stdout()
    return BROKEN_PIPE


def _drop_stdout() -> None:
    """What is still in the buffer goes nowhere: Python would complain again as it closes stdout."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _where(error: Exception) -> str:
    trace = error.__traceback__
    if trace is None:
        return ""
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}: "
