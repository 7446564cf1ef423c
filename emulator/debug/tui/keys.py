# SPDX-License-Identifier: GPL-2.0-or-later
"""What keys do: those of GDB's SingleKey mode where it has them, and the way back for each way forward."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Move:
    """A key that moves. back: the same backwards, behind r; shifted: a key of its own for that, or none.

    Commands are of the interpreter; by_line: instead, where source is shown.
    """

    key: str
    shown: str
    command: str
    back: str
    help: str
    by_line: tuple[str, str] | None = None
    shifted: str = ""


MOVES = (
    Move("s", "s", "stepi", "reverse-stepi", "step this hart", ("step", "reverse-step")),
    Move("S", "S", "step-machine", "reverse-step-machine", "step the machine: whose turn it is"),
    Move("i", "i", "stepi", "reverse-stepi", "one instruction of this hart", shifted="I"),
    Move("n", "n", "nexti", "reverse-nexti", "over calls", ("next", "reverse-next"), shifted="N"),
    Move("o", "o", "nexti", "reverse-nexti", "one instruction, over calls", shifted="O"),
    Move("f", "f", "finish", "reverse-finish", "until this function returns", shifted="F"),
    Move("p", "p", "step-path", "reverse-step-path", "where a named path begins or ends", shifted="P"),
    Move("c", "c", "continue", "reverse-continue", "until something stops it", shifted="C"),
)

STARTED = {
    "B": "break ",
    "g": "goto ",
    "a": "assemble ",
    "e": "set $",
    "w": "watch ",
    "x": "x/8g ",
    "t": "type ",
}
"""Keys that open the command line with the beginning of a command."""

HELP = "\n".join(
    [
        "Forward; behind r, or as the key in brackets, the same backwards:",
        *(
            f"  {move.shown:<4}{f'({move.shifted})' if move.shifted else '':<5}{move.help}"
            + (f" (by source lines: {move.by_line[0]})" if move.by_line else "")
            for move in MOVES
        ),
        "  u        until a hart comes to the cursor",
        "Places and breakpoints:",
        "  b        breakpoint at the cursor, or away with it    B   if, hart, space",
        "  g        goto N, start or end        w   watch an address",
        "  h H 0-9  look at the next, the previous, that hart",
        "  d        source or disassembly       .   back to the pc",
        "Changing:",
        "  e  edit a register    a  assemble at the cursor    t  type at the console",
        "The rest:",
        "  Tab Shift-Tab   panes; arrows, PgUp, PgDn, Home, End in one",
        "  < >             pane below: output, console, stack, backtrace, locks, ...",
        "  : or Enter      command line: Tab completes, Up and Down: history",
        "  Ctrl-C          stops what runs       q   quit",
        "All commands: `help` on the command line.          Esc or ? leaves this page.",
    ]
)
