# SPDX-License-Identifier: GPL-2.0-or-later
"""What the reports of `replug cycles` cost: the same run with them and without, in turns.

The run is the one behind `replug cycles`: our kernel and its programs, which pass a mark every seventeenth
instruction (3,562,565 in the first 60 million).  The rows of "marks alone" are the worst case: a loop of
six instructions with two marks and nothing that costs the engine anything else.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from emulator.bench.engine import Benchmark, Settings, alternate
from emulator.bench.program import PROGRAMS
from emulator.bench.row import Row, Wanted, compared
from emulator.cycles.code import CodeCosts, executed_instructions
from emulator.cycles.models import CACHED, IDEAL, IN_ORDER, Model
from emulator.cycles.paths import PathWatch
from emulator.cycles.scenario import QUANTUM
from emulator.engine.build import build_directory
from emulator.machine import Machine
from emulator.options import MachineOptions
from guestos import images
from guestos.sample import sample_text
from toolchain.assemble import assemble
from toolchain.image import Image

INSTRUCTIONS = 60_000_000
HARTS = 4

Make = Callable[[], Machine]
Prepare = Callable[[Machine], None]
Report = Callable[[Machine], None]


def _nothing(_machine: Machine) -> None:
    pass


@cache
def _guest() -> tuple[Path, Path]:
    built = images.build_all(build_directory() / "guest", data=sample_text())
    assert built.disk is not None
    return built.kernel, built.disk


@cache
def _marked() -> Path:
    directory = build_directory()
    return assemble(
        [PROGRAMS / "marked.S"],
        directory / "bench" / "marked.elf",
        link_script=PROGRAMS / "link.ld",
        include=[images.INCLUDE],
        cache=directory / "zig-cache",
        root=PROGRAMS,
    )


def _kernel_run() -> Machine:
    kernel, disk = _guest()
    return Machine(kernel, MachineOptions(harts=HARTS, quantum=QUANTUM, disk=disk, bootargs=images.SCENARIO))


def _marks_alone() -> Machine:
    return Machine(_marked(), MachineOptions(quantum=QUANTUM))


def _seconds(make: Make, instructions: int, prepare: Prepare, report: Report) -> float:
    """Processor seconds of a run and of what is made of it at its end."""
    with make() as machine:
        prepare(machine)
        start = time.process_time()
        machine.run(instructions)
        report(machine)
        return time.process_time() - start


def _measure(
    name: str, make: Make, prepare: Prepare, report: Report, at_least: float | None, settings: Settings
) -> Row:
    instructions = settings.iterations(INSTRUCTIONS)
    return compared(
        name,
        "s",
        alternate(
            partial(_seconds, make, instructions, prepare, report),
            partial(_seconds, make, instructions, _nothing, _nothing),
            settings.repetitions_with_processes,
        ),
        "exact counting alone",
        wanted=None if at_least is None else Wanted(at_least),
        less_is_better=True,
    )


def _watch(*models: Model) -> Prepare:
    def prepare(machine: Machine) -> None:
        PathWatch(machine, models)

    return prepare


def _watch_calls(machine: Machine) -> None:
    machine.engine.watch_calls()


def _functions(machine: Machine) -> None:
    CodeCosts("kernel", _image(machine), executed_instructions(machine)).functions()


def _lines(machine: Machine) -> None:
    CodeCosts("kernel", _image(machine), executed_instructions(machine)).lines()


def _calls(machine: Machine) -> None:
    code = CodeCosts("kernel", _image(machine), executed_instructions(machine), machine.engine.call_edges())
    code.functions()


def _image(machine: Machine) -> Image:
    assert machine.image is not None
    return machine.image


def _rows(machine: Machine) -> None:
    machine.engine.path_rows()


_LITTLE, _PIPELINE, _CACHES = 1 / 1.1, 1 / 3, 1 / 10
_REPORTS: tuple[tuple[str, Make, Prepare, Report, float | None], ...] = (
    ("by function", _kernel_run, _nothing, _functions, _LITTLE),
    ("named paths", _kernel_run, _watch(IDEAL), _rows, _LITTLE),
    ("named paths, marks alone", _marks_alone, _watch(IDEAL), _rows, None),
    ("by line", _kernel_run, _nothing, _lines, _PIPELINE),
    ("pipeline model", _kernel_run, _watch(IDEAL, IN_ORDER), _rows, _PIPELINE),
    ("pipeline model, marks alone", _marks_alone, _watch(IDEAL, IN_ORDER), _rows, None),
    ("calls", _kernel_run, _watch_calls, _calls, _PIPELINE),
    ("cache model", _kernel_run, _watch(IDEAL, CACHED), _rows, _CACHES),
    ("three models", _kernel_run, _watch(IDEAL, IN_ORDER, CACHED), _rows, _CACHES),
)

BENCHMARKS = tuple(
    Benchmark(name, partial(_measure, name, make, prepare, report, at_least))
    for name, make, prepare, report, at_least in _REPORTS
)
