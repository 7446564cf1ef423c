# SPDX-License-Identifier: GPL-2.0-or-later
"""Whole runs of the kernel that tests compare, here or in another process.

`python whole_runs.py KERNEL DISK HARTS QUANTUM [WATCHED]` prints what came of one.
"""

from __future__ import annotations

import hashlib
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from emulator import Machine, MachineOptions
from emulator.cycles.models import MODELS
from emulator.cycles.paths import PathWatch
from guestos.images import SCENARIO


@dataclass(frozen=True)
class Job:
    """A run; watched: names of cost models, with which marks and models are switched on; else None.

    inputs: typed after so many instructions.
    """

    kernel: Path
    disk: Path
    harts: int = 4
    quantum: int = 200
    watched: tuple[str, ...] | None = None
    inputs: tuple[tuple[int, bytes], ...] = ((1_000_000, b"typed\n"), (1_000_000, b"more"))


def run(job: Job) -> str:
    """The state hash, and a digest of the console, counts and time."""
    digest = hashlib.sha256()
    options = MachineOptions(harts=job.harts, quantum=job.quantum, disk=job.disk, bootargs=SCENARIO)
    with Machine(job.kernel, options, digest.update) as machine:
        watch = (
            PathWatch(machine, [MODELS[name] for name in job.watched]) if job.watched is not None else None
        )
        for instructions, text in job.inputs:
            machine.run(instructions)
            machine.type(text)
        outcome = machine.run(1_000_000_000)
        assert outcome.reason == "exit", outcome
        if watch is not None:
            assert len(watch.costs()) > 10
        counts = [machine.instret(hart) for hart in range(machine.harts)]
        digest.update(f"{outcome} {machine.engine.now} {machine.engine.rounds} {counts}".encode())
        return f"{machine.state_hash()} {digest.hexdigest()}"


def spin(seconds: float) -> None:
    """A process that is only in the way."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        hash(b"x" * 100_000)


if __name__ == "__main__":
    print(run(Job(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))))
