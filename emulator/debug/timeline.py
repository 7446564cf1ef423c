# SPDX-License-Identifier: GPL-2.0-or-later
"""What came to the machine from outside: everything that running the past again has to repeat.

The machine itself is deterministic; its run follows from its start and from these. A place in the run is a
step (records.py). Editing a register in the past, typing there, or stepping one hart against the schedule
makes another future: the timeline is cut there and grows a new end.
"""

from __future__ import annotations

from emulator.token import External, Switch, Typed, merge


class Timeline:
    """Externals in the order in which they came, and how many of them have been passed."""

    def __init__(self) -> None:
        self._externals: list[External] = []
        self._farthest = 0  # most that have ever been passed
        self.passed = 0

    def next(self) -> External | None:
        """The one that comes next."""
        return self._externals[self.passed] if self.passed < len(self._externals) else None

    def expect(self, externals: tuple[External, ...]) -> None:
        """These are to come, from a recorded run."""
        self._externals += externals

    def arrived(self, step: int) -> None:
        """The next one has come, at this step."""
        external = self._externals[self.passed]
        if isinstance(external, Typed):
            self._externals[self.passed] = external._replace(step=step)
        self.passed += 1
        self._farthest = max(self._farthest, self.passed)

    def add(self, external: External) -> None:
        """It has just come: whatever was to follow is cut off."""
        self.cut()
        self._externals.append(external)
        self.passed += 1
        self._farthest = self.passed

    def cut(self) -> None:
        """Nothing follows."""
        del self._externals[self.passed :]
        self._farthest = self.passed

    @property
    def reached(self) -> tuple[External, ...]:
        """All up to the farthest state that was reached; what was typed at one place is one."""
        return merge(self._externals[: self._farthest])

    @property
    def so_far(self) -> tuple[External, ...]:
        """All up to where the machine stands."""
        return merge(self._externals[: self.passed])

    @property
    def switches(self) -> list[Switch]:
        """All deviations from the schedule."""
        return [external for external in self._externals if isinstance(external, Switch)]
