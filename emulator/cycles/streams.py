# SPDX-License-Identifier: GPL-2.0-or-later
"""What reading ahead is worth: a file that is not in memory, read from its beginning to its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from emulator.cycles.models import IDEAL, Model
from emulator.cycles.paths import PathWatch
from emulator.cycles.scenario import checksums
from emulator.errors import ReplugError
from emulator.machine import Machine
from emulator.options import MachineOptions
from guestos.layout import constants
from toolchain.image import PATH_BEGIN

BLOCK = 4096  # bytes a call of user/stream.S
LIMIT = 400_000_000  # instructions: what has not ended by then hangs
QUANTUM = 20  # harts' clocks are no further apart

VARIANTS: Mapping[str, str] = {
    "generic": "levels=-",
    "generic ahead": "levels=- ahead=yes",
    "specialised": "",
    "prefetching": "levels=pe",
}
"""How such a file can be read: name -> boot arguments."""


@dataclass(frozen=True)
class Stream:
    """nanoseconds: virtual time from the first call to the last.  reads: calls that delivered a whole block,
    and cycles: what all of them cost the kernel, by model; without interrupts and without waiting.

    asked, in_time, late: blocks asked for ahead of time; of them, those that had come when they were needed
    first, and those that were on their way then.
    """

    nanoseconds: int
    reads: int
    cycles: Mapping[str, int]
    asked: int
    in_time: int
    late: int


def measure_stream(kernel: Path, disk: Path, data: bytes, models: Sequence[Model], arguments: str) -> Stream:
    """Boot with user/stream.S as the first program.  data: what /data is on that disk."""
    console = bytearray()
    options = MachineOptions(harts=2, quantum=QUANTUM, disk=disk, bootargs=f"init=/stream {arguments}")
    with Machine(kernel, options, console.extend) as machine:
        by_name = {model.name: model for model in (IDEAL, *models)}
        watch = PathWatch(machine, list(by_name.values()))
        machine.engine.keep_events()
        calls: list[int] = []

        def take(_reason: object = None) -> bool:
            for event in machine.engine.drain_events():
                note = watch.notes[event.mark]
                if note.kind == PATH_BEGIN and note.name == "invocation":
                    calls.append(event.time)
            return False

        outcome = machine.run(LIMIT, take)
        take()
        text = console.decode(errors="replace")
        checked = checksums(text, [data])
        if outcome.reason != "exit" or outcome.status or not checked or not checked[0].agrees:
            raise ReplugError(f"boot arguments {arguments!r}: reading a file went wrong\n{text}")
        costs = [
            cost
            for cost in watch.costs()
            if not cost.step and cost.parameters == {"bytes": BLOCK} and "by step" not in cost.name
        ]
        counts = machine.image.symbol("prefetch_counts")
        if counts is None:
            raise ReplugError(f"{kernel}: has no symbol prefetch_counts: it is not our kernel")
        c = constants()
        asked, in_time, late = (
            int.from_bytes(machine.read_physical(counts.address + c[f"PREFETCH_{name}"], 8), "little")
            for name in ("ASKED", "IN_TIME", "LATE")
        )
    return Stream(
        nanoseconds=calls[-1] - calls[0],
        reads=sum(cost.calls for cost in costs),
        cycles={name: sum(cost.cycles[name].total for cost in costs) for name in by_name},
        asked=asked,
        in_time=in_time,
        late=late,
    )
