# SPDX-License-Identifier: GPL-2.0-or-later
"""Causes of traps by name, for whoever waits for some."""

from __future__ import annotations

from dataclasses import dataclass

from emulator.errors import ReplugError
from emulator.report import EXCEPTIONS, INTERRUPTS

_ALL = (1 << 64) - 1
_CODES = 64
"""Bits of a mask; what lies beyond is for custom use, and nothing here raises it."""


@dataclass(frozen=True)
class Causes:
    """Bits by code: of exceptions, and of interrupts."""

    exceptions: int = 0
    interrupts: int = 0

    def __or__(self, other: Causes) -> Causes:
        return Causes(self.exceptions | other.exceptions, self.interrupts | other.interrupts)


def _exceptions(*codes: int) -> Causes:
    return Causes(sum(1 << code for code in codes))


GROUPS = {
    "faults": Causes(_ALL & ~_exceptions(3, 8, 9, 11).exceptions),
    "page_faults": _exceptions(12, 13, 15),
    "access_faults": _exceptions(1, 5, 7),
    "misaligned": _exceptions(0, 4, 6),
    "ecalls": _exceptions(8, 9, 11),
    "syscall": _exceptions(8),
    "exceptions": Causes(_ALL),
    "interrupts": Causes(0, _ALL),
    "all": Causes(_ALL, _ALL),
}
"""faults: all exceptions but those that programs ask for (ecall, ebreak)."""


def _word(name: str) -> str:
    """Of the privileged manual's name."""
    short = name.replace("store or AMO", "store").replace("environment call", "ecall")
    return short.replace(" ", "_")


NAMES = (
    {_word(name): _exceptions(code) for code, name in EXCEPTIONS.items()}
    | {_word(name): Causes(0, 1 << code) for code, name in INTERRUPTS.items()}
    | GROUPS
)


def causes_of(words: list[str]) -> Causes:
    """What these mean together: names, beginnings of one name, or codes of exceptions; none: the faults.

    ReplugError for what is none, with all names.
    """
    found = Causes()
    for name in full_names(words):
        found |= NAMES[name] if name in NAMES else _exceptions(int(name))
    return found


def full_names(words: list[str]) -> list[str]:
    """The same words, nothing abbreviated."""
    return [_full_name(word) for word in words or ["faults"]]


def _full_name(word: str) -> str:
    text = word.lower().replace("-", "_")
    if text.isdecimal():
        if int(text) >= _CODES:
            raise ReplugError(f"{word}: codes of exceptions are 0 to {_CODES - 1}")
        return next((name for name in NAMES if NAMES[name] == _exceptions(int(text))), text)
    matching = [text] if text in NAMES else [name for name in NAMES if name.startswith(text)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise ReplugError(f"{word}: could be any of {', '.join(matching)}")
    raise ReplugError(f"{word}: no cause of a trap (there are: {', '.join(NAMES)})")
