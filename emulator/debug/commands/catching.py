# SPDX-License-Identifier: GPL-2.0-or-later
"""Stopping at traps."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emulator.debug.causes import GROUPS, NAMES, causes_of, full_names
from emulator.debug.commands.registry import command
from emulator.debug.commands.stopping import GROUP, chosen_hart
from emulator.debug.records import Stop
from emulator.report import cause_name

if TYPE_CHECKING:
    from emulator.debug.commands.interpreter import Interpreter

_HART = re.compile(r"(?:^|\s+)hart\s+(\S+)\s*$")
_IF = re.compile(r"(?:^|\s+)if\s+(?=\S)")
_KINDS = ("trap", "interrupt")


@command(
    "catch",
    group=GROUP,
    usage="[trap|interrupt] [CAUSE...] [hart N] [if CONDITION]",
    help="Stop behind a trap, in front of its handler; going back, in front of the trap.\n"
    "No cause means all exceptions but ecall and ebreak; `catch interrupt` all interrupts. CAUSE is a code\n"
    f"of mcause or a name: {', '.join(name for name in NAMES if name not in GROUPS)};\n"
    f"several at once: {', '.join(GROUPS)}",
)
def _catch(interpreter: Interpreter, rest: str) -> None:
    words, condition = split_condition(rest)
    found = _HART.search(words)
    harts = frozenset((chosen_hart(interpreter, found[1]),)) if found else None
    names = full_names(cause_words(words[: found.start()] if found else words))
    causes = causes_of(names)
    if condition is not None:
        interpreter.evaluator.check(condition, interpreter.hart)
    made = interpreter.session.catch_traps(causes, harts=harts, condition=condition, text=" ".join(names))
    interpreter.say(f"catchpoint {made.number}: {made.text}")


def split_condition(text: str) -> tuple[str, str | None]:
    """What is in front of `if`, and the condition behind it."""
    parts = _IF.split(text, maxsplit=1)
    return parts[0], parts[1].strip() if len(parts) == 2 else None


def cause_words(text: str) -> list[str]:
    """Names of causes, the kind in front of them left out: `trap` means nothing, `interrupt` alone all."""
    words = text.replace(",", " ").split()
    kind = words.pop(0) if words and words[0] in _KINDS else "trap"
    return words or (["interrupts"] if kind == "interrupt" else [])


def trap_text(stop: Stop) -> str:
    """The trap that the machine stands at."""
    hit = stop.hit
    assert hit is not None
    about = f"hart {hit.hart} takes next" if stop.backwards else f"hart {hit.hart} has taken"
    value = "" if hit.physical >> 63 or not hit.address else f", value {hit.address:#x}"
    return f"{about}: {cause_name(hit.physical)} at {hit.pc:#x}{value}"
