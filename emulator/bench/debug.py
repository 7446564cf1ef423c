# SPDX-License-Identifier: GPL-2.0-or-later
"""What the debugger costs: steps back and searches of the past on our kernel, and GDB (gdb.py).

Times are a user's: of the clock. Four harts run the programs of the report.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

from emulator.bench import gdb
from emulator.bench.engine import Benchmark, Settings
from emulator.bench.row import Row, Wanted, alone
from emulator.debug.session import DebugSession
from emulator.engine import PAGE_SIZE
from emulator.engine.build import build_directory
from emulator.loader.elf import open_image
from emulator.options import MachineOptions
from guestos import images
from guestos.sample import sample_text

HARTS = 4
_MILLION = 1_000_000

_VARIABLE = "disk_lock"  # written now and then, by all that reads a file


@cache
def _guest() -> tuple[Path, Path]:
    built = images.build_all(build_directory() / "guest", data=sample_text())
    assert built.disk is not None
    return built.kernel, built.disk


@contextmanager
def _session(steps: int) -> Iterator[DebugSession]:
    """A run of our kernel, so many steps long, that stands at its end."""
    kernel, disk = _guest()
    options = MachineOptions(harts=HARTS, disk=disk, bootargs=images.SCENARIO)
    with DebugSession(open_image(kernel), options) as session:
        session.run(steps)
        yield session


def _reverse_steps(name: str, steps: int, wanted: Wanted | None, settings: Settings) -> Row:
    values = []
    with _session(max(int(steps * settings.scale), 1000)) as session:
        for _ in range(settings.repetitions):
            started = time.perf_counter()
            session.reverse_step_hart(session.engine.next_hart)
            values.append((time.perf_counter() - started) * 1000)
    return alone(name, "ms", values, wanted)


def _memory(name: str, steps: int, wanted: Wanted, settings: Settings) -> Row:
    """Checkpoints, and the RAM that the guest has touched."""
    with _session(max(int(steps * settings.scale), 1000)) as session:
        touched = sum(1 for flags in session.engine.page_flags.tobytes() if flags & 1) * PAGE_SIZE
        return alone(name, "MB", [(session.history.bytes + touched) / 1e6], wanted)


def _last_write(name: str, steps: int, wanted: Wanted, settings: Settings) -> Row:
    values = []
    with _session(max(int(steps * settings.scale), 1000)) as session:
        assert session.machine.image is not None
        symbol = session.machine.image.symbol(_VARIABLE)
        assert symbol is not None
        end = session.position.step
        for _ in range(min(settings.repetitions, 5)):
            session.goto(end)
            started = time.perf_counter()
            session.last_access(symbol.address, 4)
            values.append(time.perf_counter() - started)
    return alone(name, "s", values, wanted)


_AT_MOST_50_MS = Wanted(50, of_value=True, at_most=True)
BENCHMARKS = (
    *(
        Benchmark(
            f"step back at {millions} M",
            partial(_reverse_steps, f"step back at {millions} M", millions * _MILLION, _AT_MOST_50_MS),
        )
        for millions in (1, 10, 100)
    ),
    Benchmark(
        "memory at 100 M",
        partial(_memory, "memory at 100 M", 100 * _MILLION, Wanted(512, of_value=True, at_most=True)),
    ),
    Benchmark(
        "last write at 100 M",
        partial(_last_write, "last write at 100 M", 100 * _MILLION, Wanted(2, of_value=True, at_most=True)),
    ),
    *gdb.BENCHMARKS,
)
