# SPDX-License-Identifier: GPL-2.0-or-later
"""Traps that a client lets stop the machine: to the protocol, they are exceptions."""

from __future__ import annotations

from emulator.debug.dap.arguments import Arguments, tables, text
from emulator.debug.dap.messages import Message
from emulator.errors import ReplugError

_LABELS = {
    "faults": ("Faults", "Exceptions but ecall and ebreak"),
    "page_faults": ("Page faults", "Of fetches, loads, and stores or AMOs"),
    "illegal_instruction": ("Illegal instructions", ""),
    "syscall": ("System calls", "ecall from user mode"),
    "ecalls": ("Environment calls", "ecall from any mode"),
    "breakpoint": ("ebreak", "Breakpoint exceptions"),
    "interrupts": ("Interrupts", ""),
}

FILTERS: list[Message] = [
    {
        "filter": name,
        "label": label,
        "description": f"{about or label}: stop in front of the handler's first instruction",
        "default": False,
        "supportsCondition": True,
        "conditionDescription": "An expression such as $scause == 13 && $stval < 0x1000",
    }
    for name, (label, about) in _LABELS.items()
]
"""Names are those of causes.py."""


def chosen_filters(arguments: Arguments) -> list[Arguments]:
    """Each as {filterId, condition}, in the order in which the response speaks of them."""
    plain = arguments.get("filters", [])
    if not isinstance(plain, list) or not all(isinstance(each, str) for each in plain):
        raise ReplugError("`filters` has to be a list of strings")
    options = tables(arguments, "filterOptions") if "filterOptions" in arguments else []
    return [*({"filterId": each} for each in plain), *options]


def filter_name(arguments: Arguments) -> str:
    """ReplugError for one that was never offered."""
    name = text(arguments, "filterId")
    if name not in _LABELS:
        raise ReplugError(f"{name}: there is no such exception filter (there are: {', '.join(_LABELS)})")
    return name
