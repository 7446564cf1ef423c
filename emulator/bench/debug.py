# SPDX-License-Identifier: GPL-2.0-or-later
"""What the debugger costs: steps back and searches of the past on our kernel, and GDB (gdb.py,
reverse.py).

Times are a user's: of the clock. Four harts run the programs of the report.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

from emulator.bench import gdb, reverse
from emulator.bench import program as programs
from emulator.bench.engine import Benchmark, Settings
from emulator.bench.row import Row, Wanted, alone
from emulator.debug.session import DebugSession
from emulator.engine import PAGE_SIZE
from emulator.engine.build import build_directory
from emulator.loader.elf import open_image
from emulator.options import MachineOptions
from guestos import images
from guestos.sample import sample_text
from toolchain.assemble import assemble

HARTS = 4
_MILLION = 1_000_000

_VARIABLE = "disk_lock"  # written now and then, by all that reads a file
_WRITTEN_ONCE = "kernel_satp"  # by the boot; the scheduler writes to its page all the time
_NEVER_WRITTEN = "panicking"


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


def _after_continue(name: str, steps: int, wanted: Wanted | None, settings: Settings) -> Row:
    """The first step back behind so long a run that the checkpoints near its beginning are far, and too short
    a run for another one: much of it is run again."""
    values = []
    length = max(int(0.9 * _MILLION * settings.scale), 100)
    with _session(max(int(steps * settings.scale), 1000)) as session:
        for _ in range(min(settings.repetitions, 20)):
            session.run(session.position.step + length)
            started = time.perf_counter()
            session.reverse_step_hart(session.engine.next_hart)
            values.append((time.perf_counter() - started) * 1000)
            session.goto(session.head.step)
    return alone(name, "ms", values, wanted)


def _search(
    name: str, steps: int, find: Callable[[DebugSession], object], wanted: Wanted, settings: Settings
) -> Row:
    """Seconds from the end of the run to what is found."""
    values = []
    with _session(max(int(steps * settings.scale), 1000)) as session:
        end = session.position.step
        for _ in range(min(settings.repetitions, 5)):
            session.goto(end)
            started = time.perf_counter()
            find(session)
            values.append(time.perf_counter() - started)
    return alone(name, "s", values, wanted)


def _address(session: DebugSession, name: str) -> int:
    assert session.machine.image is not None
    symbol = session.machine.image.symbol(name)
    assert symbol is not None
    return symbol.address


def _last_write(variable: str, session: DebugSession) -> None:
    session.last_access(_address(session, variable), 4)


def _last_breakpoint(function: str, session: DebugSession) -> None:
    breakpoint = session.break_at(_address(session, function))
    session.reverse()
    session.breakpoints.remove(breakpoint.number)


_STRIDE = """
    .text
    .globl _start
_start:
    li s5, 0x80400000
1:  mv s0, s5
    li s1, {pages}
2:  ld t0, 0(s0)
    addi t0, t0, 1
    sd t0, 0(s0)
    li t1, 4096
    add s0, s0, t1
    addi s1, s1, -1
    bnez s1, 2b
    j 1b
"""
_STRIDE_PAGES = 16 << 10  # 64 MiB


def _strided_memory(name: str, steps: int, wanted: Wanted, settings: Settings) -> Row:
    """The most that checkpoints hold, with its RAM, while a guest writes to all of it over and over."""
    most = 0
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "stride.S"
        source.write_text(_STRIDE.format(pages=_STRIDE_PAGES))
        script = programs.PROGRAMS / "link.ld"
        elf = assemble([source], source.with_suffix(".elf"), link_script=script, root=Path(scratch))
        with DebugSession(open_image(elf), MachineOptions()) as session:

            def look() -> None:
                nonlocal most
                most = max(most, session.history.bytes)

            session.look = look
            session.run(max(int(steps * settings.scale), 1000))
    return alone(name, "MB", [(most + _STRIDE_PAGES * PAGE_SIZE) / 1e6], wanted)


_AT_MOST_50_MS = Wanted(50, of_value=True, at_most=True)
_AT_MOST_2_S = Wanted(2, of_value=True, at_most=True)
_AT_MOST_512_MB = Wanted(512, of_value=True, at_most=True)
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
        partial(_memory, "memory at 100 M", 100 * _MILLION, _AT_MOST_512_MB),
    ),
    Benchmark(
        "memory, 64 MiB striding",
        partial(_strided_memory, "memory, 64 MiB striding", 100 * _MILLION, _AT_MOST_512_MB),
    ),
    Benchmark(
        "step back after continue",
        partial(_after_continue, "step back after continue", 100 * _MILLION, _AT_MOST_50_MS),
    ),
    *(
        Benchmark(
            f"{what} at 100 M",
            partial(_search, f"{what} at 100 M", 100 * _MILLION, find, _AT_MOST_2_S),
        )
        for what, find in (
            ("last write", partial(_last_write, _VARIABLE)),
            ("written once", partial(_last_write, _WRITTEN_ONCE)),
            ("never written", partial(_last_write, _NEVER_WRITTEN)),
            ("breakpoint met often", partial(_last_breakpoint, "sys_read")),
            ("breakpoint never met", partial(_last_breakpoint, "panic")),
        )
    ),
    *gdb.BENCHMARKS,
    *reverse.BENCHMARKS,
)
