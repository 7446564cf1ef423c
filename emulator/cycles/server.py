# SPDX-License-Identifier: GPL-2.0-or-later
"""What a read costs where a server process has the files, as in a micro-kernel: messages and switches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from emulator.cycles.models import IDEAL
from emulator.cycles.paths import PathWatch
from emulator.errors import ReplugError
from emulator.machine import Machine
from emulator.options import MachineOptions
from guestos.images import disk_files
from toolchain.disk import create_image
from toolchain.image import PATH_THREAD

REQUESTS = 1000  # of user/server.S
LIMIT = 100_000_000  # instructions: what has not ended by then hangs


@dataclass(frozen=True)
class Served:
    """Of one request for a byte, on one hart: instructions of all code (both processes, the kernel, its
    scheduler); traps; switches from one thread to another, the scheduler among them.
    """

    instructions: float
    traps: float
    switches: float


def measure_server(kernel: Path, user: Mapping[str, Path], data: bytes, directory: Path) -> Served:
    """Run user/server.S with its requests and without, and take the difference."""
    files = disk_files(user, data)
    busy = _run(kernel, create_image(directory / "server.img", files), sum(data[:REQUESTS]))
    none = _run(kernel, create_image(directory / "no-requests.img", {**files, "/none": b""}), 0)
    return Served(
        (busy.instructions - none.instructions) / REQUESTS,
        (busy.traps - none.traps) / REQUESTS,
        (busy.switches - none.switches) / REQUESTS,
    )


def _run(kernel: Path, disk: Path, total: int) -> Served:
    console = bytearray()
    switches = 0
    options = MachineOptions(disk=disk, bootargs="init=/server")
    with Machine(kernel, options, console.extend) as machine:
        watch = PathWatch(machine, [IDEAL])
        machine.engine.keep_events()

        def take(_reason: object = None) -> bool:
            nonlocal switches
            switches += sum(
                watch.notes[event.mark].kind == PATH_THREAD for event in machine.engine.drain_events()
            )
            return False

        outcome = machine.run(LIMIT, take)
        take()
        text = console.decode(errors="replace")
        if outcome.reason != "exit" or outcome.status or f"sum of the bytes {total}\n" not in text:
            raise ReplugError(f"reading by way of a server went wrong\n{text}")
        return Served(machine.engine.total_instret, watch.calls("trap"), switches)
