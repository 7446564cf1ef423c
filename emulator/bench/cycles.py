# SPDX-License-Identifier: GPL-2.0-or-later
"""What the reports of `replug cycles` cost: the same run of our kernel with them and without, in turns."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from emulator.bench.engine import Benchmark, Settings, alternate
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
from toolchain.image import Image

INSTRUCTIONS = 30_000_000
HARTS = 4

Prepare = Callable[[Machine], None]
Report = Callable[[Machine], None]


def _nothing(_machine: Machine) -> None:
    pass


@cache
def _guest() -> tuple[Path, Path]:
    built = images.build_all(build_directory() / "guest", data=sample_text())
    assert built.disk is not None
    return built.kernel, built.disk


def _seconds(instructions: int, prepare: Prepare, report: Report) -> float:
    """Processor seconds of a run and of what is made of it at its end."""
    kernel, disk = _guest()
    options = MachineOptions(harts=HARTS, quantum=QUANTUM, disk=disk, bootargs=images.SCENARIO)
    with Machine(kernel, options) as machine:
        prepare(machine)
        start = time.process_time()
        machine.run(instructions)
        report(machine)
        return time.process_time() - start


def _measure(name: str, prepare: Prepare, report: Report, at_least: float, settings: Settings) -> Row:
    instructions = settings.iterations(INSTRUCTIONS)
    return compared(
        name,
        "s",
        alternate(
            partial(_seconds, instructions, prepare, report),
            partial(_seconds, instructions, _nothing, _nothing),
            settings.repetitions_with_processes,
        ),
        "exact counting alone",
        wanted=Wanted(at_least),
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
_REPORTS: tuple[tuple[str, Prepare, Report, float], ...] = (
    ("by function", _nothing, _functions, _LITTLE),
    ("named paths", _watch(IDEAL), _rows, _LITTLE),
    ("by line", _nothing, _lines, _PIPELINE),
    ("pipeline model", _watch(IDEAL, IN_ORDER), _rows, _PIPELINE),
    ("calls", _watch_calls, _calls, _PIPELINE),
    ("cache model", _watch(IDEAL, CACHED), _rows, _CACHES),
    ("three models", _watch(IDEAL, IN_ORDER, CACHED), _rows, _CACHES),
)

BENCHMARKS = tuple(
    Benchmark(name, partial(_measure, name, prepare, report, at_least))
    for name, prepare, report, at_least in _REPORTS
)
