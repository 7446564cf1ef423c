# SPDX-License-Identifier: GPL-2.0-or-later
"""The short text that names a run: what was run, with which options, and what came from outside where.

run.py       Token: its options, its text (the format is described there)
outside.py   what came from outside: typed characters, frames, and what a debugger did
beside.py    what was put into RAM beside the image
check.py     whether a machine can repeat the run
encoding.py  numbers and texts in the bytes of a token
"""

from emulator.token.beside import Beside
from emulator.token.outside import CONSOLE, MOST_INPUT, NETWORK, Edit, External, Switch, Typed, What, merge
from emulator.token.run import PREFIX, PREFIX_OF_SESSIONS, Token

__all__ = [
    "CONSOLE",
    "MOST_INPUT",
    "NETWORK",
    "PREFIX",
    "PREFIX_OF_SESSIONS",
    "Beside",
    "Edit",
    "External",
    "Switch",
    "Token",
    "Typed",
    "What",
    "merge",
]
