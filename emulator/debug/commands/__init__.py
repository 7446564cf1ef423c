# SPDX-License-Identifier: GPL-2.0-or-later
"""The debugger's commands: each declares its names, group, usage and help once.

registry.py     declaring a command, finding it by a prefix, help
interpreter.py  a line of text to a command's output; what commands share
completing.py   what a line may become
moving.py       step, continue, reverse-..., goto
asking.py       last: when something happened
stopping.py     breakpoints and watchpoints
catching.py     stops at traps
looking.py      registers, memory, code, harts
paths.py        from border to border of named paths
protocol.py     our guest's locks, descriptors and paths
changing.py     registers, memory, input
"""
