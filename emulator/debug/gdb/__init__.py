# SPDX-License-Identifier: GPL-2.0-or-later
"""A server for GDB's remote protocol, which LLDB speaks as well.

packets.py     framing: $...#checksum, escapes, acknowledgements, Ctrl-C; names of packets
connection.py  one client's socket
server.py      listening, one client after the other, and running while one waits
target.py      what each packet does: a table from its name to a handler, put together from
               threads.py (harts), access.py (registers and memory), running.py (vCont and going back),
               points.py (breakpoints and watchpoints), files.py (the image, for its symbols), lldb.py
describe.py    the XML documents: registers, threads, memory map
agent.py       conditions and commands of breakpoints, which GDB sends as bytecode
dprintf.py     what those commands print
"""
