# SPDX-License-Identifier: GPL-2.0-or-later
"""The debugger's core: a run that can be stopped anywhere and moved through in both directions.

The run, from what it builds on to what everybody drives:
timeline.py     what came to the machine from outside, to be repeated when the past is run again
outside.py      the world around it: what leaves the machine leaves it once
history.py      checkpoints, few enough to fit in memory, and close enough to be quick
records.py      positions, stops, breakpoints
breakpoints.py  all that are set, as the user sets them and as the engine has them
causes.py       causes of traps by name
run.py          a run with its past
forward.py      ... that goes on
backwards.py    ... that goes back
session.py      ... as GDB, the terminal and editors drive it
traps.py        stepping over traps
lanes.py        samples of what every hart was doing when

What it shows:
symbols.py      symbols and source lines of several ELFs
sources.py      source files
listing.py      code as rows
registers.py    registers by name
expressions.py  what users type where a value is wanted
frames.py       the stack: from function to caller, and across traps; prologue.py for code without CFI
variables.py    variables of C programs; values.py: their values
recall.py       what users have typed before

Whom it serves: commands (at a prompt and in scripts), tui, gdb, dap.
"""
