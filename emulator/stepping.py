# SPDX-License-Identifier: GPL-2.0-or-later
"""Running a machine in steps, so that the host can act between them."""

from __future__ import annotations

from collections.abc import Callable

from emulator.engine import StopReason
from emulator.machine import Machine, Outcome

STEP = 2_000_000
"""Instructions in a step: some hundredths of a second, a second for a guest that does nothing but trap."""

Pause = Callable[[], None]
"""Called between steps; raises an exception to end the run."""


def run_in_steps(
    machine: Machine,
    end: int | None,
    pause: Pause | None = None,
    between: Callable[[StopReason], bool] | None = None,
    step: int = STEP,
) -> Outcome:
    """Run to the end, or until `end` instructions have retired over all harts since the machine was made.

    between: as for Machine.run. However a run is cut into steps, it is the same run.
    """
    while True:
        left = None if end is None else max(end - machine.engine.total_instret, 0)
        outcome = machine.run(step if left is None else min(step, left), between)
        if pause is not None:
            pause()
        if outcome.reason != "limit" or (end is not None and machine.engine.total_instret >= end):
            return outcome
