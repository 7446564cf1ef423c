# SPDX-License-Identifier: GPL-2.0-or-later
"""The debugger's core: a run that can be stopped anywhere and moved through in both directions.

session.py      a run under a debugger: the one interface that GDB, the terminal and others drive
records.py      positions, stops, breakpoints
lanes.py        samples of what every hart was doing when
timeline.py     what came to the machine from outside, to be repeated when the past is run again
history.py      checkpoints, few enough to fit in memory, and close enough to be quick
breakpoints.py  breakpoints and watchpoints, as the user sets them and as the engine has them
registers.py    registers by name
recall.py       what users have typed before
symbols.py      symbols and source lines of several ELFs
"""
