# SPDX-License-Identifier: GPL-2.0-or-later
"""The command `replug`: one file a command; main.py begins, commands.py finds the command."""
