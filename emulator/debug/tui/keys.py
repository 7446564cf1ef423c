# SPDX-License-Identifier: GPL-2.0-or-later
"""What keys do: those of GDB's SingleKey mode where it has them, and the way back for each way forward."""

from __future__ import annotations

from dataclasses import dataclass

LEGEND = "▂ user  ▅ supervisor  █ machine  · waits  ! trap  other colour: in a path"


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
    Move("s", "s", "stepi", "reverse-stepi", "this hart", ("step", "reverse-step")),
    Move("S", "S", "step-machine", "reverse-step-machine", "the hart whose turn it is"),
    Move("i", "i", "stepi", "reverse-stepi", "one instruction of this hart", shifted="I"),
    Move("n", "n", "nexti", "reverse-nexti", "over calls", ("next", "reverse-next"), shifted="N"),
    Move("o", "o", "nexti", "reverse-nexti", "one instruction, over calls", shifted="O"),
    Move("f", "f", "finish", "reverse-finish", "until the function returns", shifted="F"),
    Move("p", "p", "step-path", "reverse-step-path", "to a border of a named path", shifted="P"),
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


def _moves() -> list[str]:
    """Lines of two moves each."""
    shown = [f"{move.shown}{f' ({move.shifted})' if move.shifted else '':<5} {move.help}" for move in MOVES]
    return [f"  {left:<37} {right}" for left, right in zip(shown[::2], shown[1::2], strict=True)]


HELP = "\n".join(
    [
        "Forward; behind r, or by the key in brackets, the same backwards:",
        *_moves(),
        "  u      to the cursor                  s, n: by lines where source is shown",
        "Places and breakpoints:",
        "  b        breakpoint at the cursor, or away with it    B   if, hart, space",
        "  g        goto N, start or end        w   watch an address",
        "  h H 0-9  look at the next, the previous, that hart",
        "  d        source or disassembly       .   the pc       Ctrl-Up   the caller",
        "Lanes of harts:",
        f"  {LEGEND}",
        "  + -      closer, or all of the run; a click, or Tab, arrows, Enter: go there",
        "Changing:",
        "  e  edit a register    a  assemble at the cursor    t  type at the console",
        "The rest:",
        "  Tab      next pane; arrows, PgUp, PgDn, Home, End in one",
        "  < >      pane below: output, console, stack, backtrace, locks, ...",
        "  :        command line (Enter, too): Tab completes, Up and Down: history",
        "  Ctrl-C   stops what runs             q   quit",
        "All commands: `help` on the command line.          Esc or ? leaves this page.",
    ]
)
