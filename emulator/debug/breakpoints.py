# SPDX-License-Identifier: GPL-2.0-or-later
"""Breakpoints and watchpoints as users set them, and as the engine has them."""

from __future__ import annotations

from collections.abc import Iterator

from emulator.debug.records import INTERNAL, Breakpoint
from emulator.engine import Access, Engine
from emulator.engine.debugging import ALL_HARTS, ANY_SPACE
from emulator.errors import ReplugError

_INTERNAL_NUMBERS = 1 << 31
"""The first one; the engine takes 32 bits."""


class Breakpoints:
    """All that are set; the engine is told when a run begins, so that setting and removing costs nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._by_number: dict[int, Breakpoint] = {}
        self._armed: dict[int, tuple[object, ...]] = {}
        self._next = 1
        self._next_internal = _INTERNAL_NUMBERS

    def __iter__(self) -> Iterator[Breakpoint]:
        return iter(list(self._by_number.values()))

    def __len__(self) -> int:
        return len(self._by_number)

    def get(self, number: int) -> Breakpoint | None:
        """The one of that number."""
        return self._by_number.get(number)

    def new_number(self, owner: str) -> int:
        """For somebody's next one: numbers are never used twice, and users' are without gaps."""
        if owner == INTERNAL:
            self._next_internal += 1
            return self._next_internal - 1
        self._next += 1
        return self._next - 1

    def add(self, breakpoint: Breakpoint) -> None:
        """Its number is of `new_number`; ReplugError for what cannot be watched."""
        if breakpoint.kind in (Access.READ, Access.WRITE, Access.READ | Access.WRITE) and not (
            0 < breakpoint.length <= 1 << 20
        ):
            raise ReplugError(f"{breakpoint.length} bytes cannot be watched: 1 to 1048576 can")
        self._by_number[breakpoint.number] = breakpoint

    def remove(self, number: int) -> None:
        """ReplugError when there is none of that number."""
        if self._by_number.pop(number, None) is None:
            raise ReplugError(f"no breakpoint or watchpoint {number}")

    def remove_owned(self, owner: str) -> None:
        """All that somebody has set."""
        for breakpoint in self:
            if breakpoint.owner == owner:
                self.remove(breakpoint.number)

    def judged(self, only: frozenset[int] | None = None) -> bool:
        """Whether some hit has to be looked at before it counts: of all, or only of these."""
        chosen = (b for b in self if b.enabled and (only is None or b.number in only))
        return any(b.condition is not None or b.ignore for b in chosen)

    # --- the engine ---

    def arm(self, only: frozenset[int] | None = None) -> None:
        """Let the engine have those that are enabled, or of them only some."""
        wanted = {
            breakpoint.number: _key(breakpoint)
            for breakpoint in self._by_number.values()
            if breakpoint.enabled and (only is None or breakpoint.number in only)
        }
        for number in [n for n, key in self._armed.items() if wanted.get(n) != key]:
            self._engine.remove_breakpoint(number)
            del self._armed[number]
        for number, key in wanted.items():
            if number not in self._armed:
                self._give(self._by_number[number])
                self._armed[number] = key

    def disarm(self) -> None:
        """The engine has none."""
        self.arm(frozenset())

    def _give(self, breakpoint: Breakpoint) -> None:
        harts = ALL_HARTS if breakpoint.harts is None else sum(1 << hart for hart in breakpoint.harts)
        number, address = breakpoint.number, breakpoint.address
        if breakpoint.kind is Access.EXECUTE:
            satp = ANY_SPACE if breakpoint.satp is None else breakpoint.satp
            self._engine.add_breakpoint(number, address, harts, satp)
        elif breakpoint.kind is Access.REGISTER:
            assert breakpoint.harts is not None and len(breakpoint.harts) == 1
            self._engine.watch_register(number, next(iter(breakpoint.harts)), address)
        elif breakpoint.kind is Access.TRAP:
            causes = breakpoint.causes
            assert causes is not None
            self._engine.catch_traps(number, causes.exceptions, causes.interrupts, harts)
        else:
            self._engine.add_watchpoint(
                number,
                address,
                breakpoint.length,
                breakpoint.kind,
                physical=breakpoint.physical,
                harts=harts,
            )


def _key(breakpoint: Breakpoint) -> tuple[object, ...]:
    return (
        breakpoint.kind,
        breakpoint.address,
        breakpoint.length,
        breakpoint.physical,
        breakpoint.harts,
        breakpoint.satp,
        breakpoint.causes,
    )
