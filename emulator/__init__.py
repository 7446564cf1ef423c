# SPDX-License-Identifier: GPL-2.0-or-later
"""Replug's host: a deterministic multicore RISC-V machine, its cycle-count reports and its debugger."""

from emulator.errors import ReplugError
from emulator.machine import Machine, Outcome
from emulator.options import MachineOptions

__all__ = ["Machine", "MachineOptions", "Outcome", "ReplugError"]
