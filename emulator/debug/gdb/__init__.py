# SPDX-License-Identifier: GPL-2.0-or-later
"""A server for GDB's remote protocol.

packets.py  framing: $...#checksum, escapes, acknowledgements, Ctrl-C
server.py   listening, one client after the other, and running while one waits
target.py   what each packet does: a table from its first letters to a method
describe.py the XML documents: registers, threads, memory map
agent.py    conditions of breakpoints, which GDB sends as bytecode
monitor.py  `monitor ...`
"""
