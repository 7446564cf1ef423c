# SPDX-License-Identifier: GPL-2.0-or-later
"""The terminal debugger: panes over the command interpreter, on Textual.

app.py puts it together; view.py gathers what the panes show; work.py runs the machine in a thread of its
own; keys.py says what keys do. Each pane has a file: code.py, registers.py, timeline.py,
lower.py, prompt.py.
"""
