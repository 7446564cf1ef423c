# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the program `replug` begins: its standard streams, and Ctrl-C while the rest is being imported."""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

INTERRUPTED = 130
INTERRUPTED_TEXT = "interrupted"


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The program: runs the command line (sys.argv by default) and exits with its status."""
    _prepare_streams()
    try:
        status = importlib.import_module("emulator.cli.commands").run(arguments)
    except KeyboardInterrupt:
        print(f"replug: {INTERRUPTED_TEXT}", file=sys.stderr)
        status = INTERRUPTED
    sys.exit(status)


def _prepare_streams() -> None:
    """Closed ones lead to /dev/null: else the next file that is opened, perhaps a disk, would get our output.
    What the locale has no letter for becomes a question mark in it (on stderr an escape, as always).
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest that is free: this one
    sys.stdin = sys.stdin or open(0)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


if __name__ == "__main__":
    main()
