# SPDX-License-Identifier: GPL-2.0-or-later
"""A server for the Debug Adapter Protocol: VS Code, Neovim and other editors as debuggers.

messages.py framing: Content-Length and JSON
server.py   listening, one client after the other, and answering while the machine runs
adapter.py  the table from a request's name to its handler; the life of a session
moves.py    running, stepping and jumping
progress.py what takes long
arguments.py  reading what requests bring along
stops.py    breakpoints of all kinds
exceptions.py  traps that stop the machine
harts.py    threads, frames, what trapped last, modules
variables.py  what a frame shows: values.py of C programs, registers.py
expressions.py  their values in a frame
memory.py   memory and disassembly
places.py   the numbers of harts, frames and variables
"""
