# SPDX-License-Identifier: GPL-2.0-or-later
"""Goes on from snapshot files; for a process of its own."""

from __future__ import annotations

from pathlib import Path

from emulator import Machine


def hashes(file: Path, image: Path, disk: Path | None, lengths: list[int]) -> list[str]:
    """The state hash at the start and after each of these numbers of instructions."""
    with Machine.load(file, image, disk) as machine:
        return on_from_here(machine, *lengths)


def on_from_here(machine: Machine, *lengths: int) -> list[str]:
    """The same of a machine that is there."""
    found = [machine.state_hash()]
    for length in lengths:
        machine.run(length)
        found.append(machine.state_hash())
    return found
