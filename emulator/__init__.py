# SPDX-License-Identifier: GPL-2.0-or-later
"""Replug's host: a deterministic multicore RISC-V machine, its cycle-count reports and its debugger.

Machine and its like are imported when they are asked for, so that a small command starts at once.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emulator.errors import ReplugError
    from emulator.machine import Machine, Outcome
    from emulator.options import MachineOptions

__all__ = ["Machine", "MachineOptions", "Outcome", "ReplugError"]

_MODULES = {
    "Machine": "emulator.machine",
    "MachineOptions": "emulator.options",
    "Outcome": "emulator.machine",
    "ReplugError": "emulator.errors",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)
