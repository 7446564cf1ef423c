# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine's rows: exact counting against raw Unicorn and QEMU, and what single operations cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from emulator.bench import program as programs
from emulator.bench.program import Program
from emulator.bench.row import Row, Wanted, alone, compared
from emulator.bench.runner import (
    EngineRunner,
    ProcessRunner,
    QemuRunner,
    RawRunner,
    Run,
    Runner,
    SpikeRunner,
    find_qemu,
    find_spike,
)
from emulator.engine.raw import RawMode
from emulator.errors import ReplugError
from emulator.machine import Machine
from emulator.options import MachineOptions

HARTS = 4
SHORT_RUN = 1000
"""Instructions between two restores."""
LITTLE = 20
"""The start-up of QEMU and Spike is subtracted with a run of this fraction of the iterations."""
NANOSECONDS = 1e9
MILLION = 1e6


@dataclass(frozen=True)
class Settings:
    """How long to measure: `scale` multiplies all iterations; 1 takes about a minute and a half in all.

    Many short measurements in turns, of which the median counts, stand the host's other work better than few
    long ones. Where each takes two processes of QEMU, a third of the repetitions must do.
    """

    repetitions: int = 15
    scale: float = 1.0

    @property
    def repetitions_with_processes(self) -> int:
        """At least one."""
        return max(1, self.repetitions // 3)

    def iterations(self, at_scale_1: int) -> int:
        """At least one."""
        return max(1, round(at_scale_1 * self.scale))


@dataclass(frozen=True)
class Benchmark:
    """A row to be. missing(): why it cannot be measured here, or None."""

    name: str
    measure: Callable[[Settings], Row]
    missing: Callable[[], str | None] = lambda: None


def alternate(
    ours: Callable[[], float], theirs: Callable[[], float], repetitions: int
) -> list[tuple[float, float]]:
    """Both once to warm up, then in turns, each one first half of the time."""
    ours(), theirs()
    pairs = []
    for repetition in range(repetitions):
        if repetition % 2:
            second = theirs()
            pairs.append((ours(), second))
        else:
            pairs.append((ours(), theirs()))
    return pairs


def _checked(name: str, runner: Runner, iterations: int, result: int) -> Run:
    run = runner.run(iterations)
    if run.result != result:
        raise ReplugError(f"{name}: result {run.result:#x} where {result:#x} was expected")
    return run


def _against_raw(
    name: str, program: Program, iterations: int, mode: RawMode, at_least: float | None, settings: Settings
) -> Row:
    """Million instructions a second, ours and raw Unicorn's."""
    iterations = settings.iterations(iterations)
    ours, raw = EngineRunner(program), RawRunner(program, mode)
    first = ours.run(iterations)

    def speed(runner: Runner) -> float:
        seconds = _checked(name, runner, iterations, first.result).seconds
        return first.instructions / seconds / MILLION

    return compared(
        name,
        "MIPS",
        alternate(partial(speed, ours), partial(speed, raw), settings.repetitions),
        f"raw Unicorn, {mode.value}",
        wanted=Wanted(at_least) if at_least is not None else None,
    )


def _qemu_name(icount: bool) -> str:
    return "QEMU -icount shift=0" if icount else "QEMU"


def _process_seconds(peer: ProcessRunner, few: int, few_result: int, many: int, many_result: int) -> float:
    """For `many` - `few` iterations, without start-up."""
    start_up = peer.run(few, few_result).seconds
    return max(peer.run(many, many_result).seconds - start_up, 1e-6)


def _against_process(
    name: str,
    program: Program,
    iterations: int,
    peer: ProcessRunner,
    peer_name: str,
    at_least: float | None,
    settings: Settings,
) -> Row:
    """Million instructions a second, ours and those of QEMU or Spike without its start-up."""
    many = settings.iterations(iterations)
    few = max(1, many // LITTLE)
    ours = EngineRunner(program)
    small, large = ours.run(few), ours.run(many)
    instructions = max(1, large.instructions - small.instructions)

    def our_speed() -> float:
        return large.instructions / _checked(name, ours, many, large.result).seconds / MILLION

    def their_speed() -> float:
        return instructions / _process_seconds(peer, few, small.result, many, large.result) / MILLION

    return compared(
        name,
        "MIPS",
        alternate(our_speed, their_speed, settings.repetitions_with_processes),
        peer_name,
        wanted=Wanted(at_least) if at_least is not None else None,
    )


def _operation(
    name: str, program: Program, iterations: int, operations: int, qemu_factor: int, settings: Settings
) -> Row:
    """Nanoseconds for one of the `operations` of an iteration; QEMU does `qemu_factor` times as many."""
    iterations = settings.iterations(iterations)
    ours = EngineRunner(program)

    def our_cost() -> float:
        return ours.run(iterations).seconds / iterations / operations * NANOSECONDS

    if find_qemu() is None:
        our_cost()
        return alone(name, "ns", [our_cost() for _ in range(settings.repetitions)])
    many = iterations * qemu_factor
    few = max(1, many // LITTLE)
    small, large = ours.run(few).result, ours.run(many).result
    qemu = QemuRunner(program, icount=True)

    def their_cost() -> float:
        return _process_seconds(qemu, few, small, many, large) / max(1, many - few) / operations * NANOSECONDS

    pairs = alternate(our_cost, their_cost, settings.repetitions_with_processes)
    return compared(name, "ns", pairs, _qemu_name(True), less_is_better=True)


def _slice_cost(name: str, quantum: int, at_most: float | None, settings: Settings) -> Row:
    """Nanoseconds that a slice costs with four harts, beyond the same work in one slice each.

    With long slices most of that is the host's caches and branch predictor, which every hart finds cold.
    """
    iterations = settings.iterations(150)
    cut = EngineRunner(programs.COREMARK_LIKE, harts=HARTS, quantum=quantum)
    uncut = EngineRunner(programs.COREMARK_LIKE, harts=HARTS)
    slices = cut.run(iterations).rounds * HARTS
    pairs = alternate(
        lambda: cut.run(iterations).seconds, lambda: uncut.run(iterations).seconds, 2 * settings.repetitions
    )
    costs = [(sliced - whole) / slices * NANOSECONDS for sliced, whole in pairs]
    wanted = Wanted(at_most, of_value=True, at_most=True) if at_most is not None else None
    return alone(name, "ns", costs, wanted)


def _four_harts(name: str, quantum: int, at_least: float, settings: Settings) -> Row:
    """Million instructions a second of four harts in slices, against one hart without."""
    iterations = settings.iterations(150)
    four = EngineRunner(programs.COREMARK_LIKE, harts=HARTS, quantum=quantum)
    one = EngineRunner(programs.COREMARK_LIKE)

    def speed(runner: EngineRunner, count: int) -> float:
        run = runner.run(count)
        return run.instructions / run.seconds / MILLION

    pairs = alternate(
        partial(speed, four, iterations), partial(speed, one, 4 * iterations), settings.repetitions
    )
    return compared(name, "MIPS", pairs, "one hart, uncut", wanted=Wanted(at_least))


def _single_instructions(name: str, at_least: float, settings: Settings) -> Row:
    """Million instructions a second of four harts that change after every single one."""
    iterations = settings.iterations(4)
    runner = EngineRunner(programs.COREMARK_LIKE, harts=HARTS, quantum=1, per_instruction=True)

    def speed() -> float:
        run = runner.run(iterations)
        return run.instructions / run.seconds / MILLION

    speed()
    values = [speed() for _ in range(settings.repetitions)]
    return alone(name, "MIPS", values, Wanted(at_least, of_value=True))


def _counts_by_address(name: str, at_least: float, settings: Settings) -> Row:
    """Million instructions a second where each run ends by asking how often each single instruction ran."""
    iterations = settings.iterations(1_000)
    runner = EngineRunner(programs.COREMARK_LIKE)

    def speeds() -> tuple[float, float]:
        """With and without the question, of one run."""
        run = runner.run(iterations)
        before = time.thread_time()
        runner.counts()
        asking = time.thread_time() - before
        work = run.instructions / MILLION
        return work / (run.seconds + asking), work / run.seconds

    speeds()
    pairs = [speeds() for _ in range(settings.repetitions)]
    return compared(name, "MIPS", pairs, "nobody asks", wanted=Wanted(at_least))


def _restore(name: str, at_most: float, settings: Settings) -> Row:
    """Microseconds to bring a whole machine of four harts back to a snapshot, after a short run."""
    times = settings.iterations(200)
    options = MachineOptions(harts=HARTS, memory=programs.RAM_SIZE)
    with Machine(programs.build(programs.COREMARK_LIKE), options) as machine:
        machine.run(1_000_000)
        snapshot = machine.snapshot()

        def cost() -> float:
            seconds = 0.0
            for _ in range(times):
                machine.run(SHORT_RUN)
                before = time.thread_time()
                machine.restore(snapshot)
                seconds += time.thread_time() - before
            return seconds / times * MILLION

        cost()
        values = [cost() for _ in range(settings.repetitions)]
    return alone(name, "us", values, Wanted(at_most, of_value=True, at_most=True))


def _against_python_hook(name: str, settings: Settings) -> Row:
    """What an exact count costs by hand: a Python function for each instruction."""
    few, many = settings.iterations(2_000), settings.iterations(300_000)
    ours, raw = EngineRunner(programs.EXACT_BRANCHY), RawRunner(programs.EXACT_BRANCHY, RawMode.HOOK)

    def speed(runner: Runner, iterations: int) -> float:
        run = runner.run(iterations)
        return run.instructions / run.seconds / MILLION

    pairs = alternate(partial(speed, ours, many), partial(speed, raw, few), settings.repetitions)
    return compared(name, "MIPS", pairs, "Python UC_HOOK_CODE script")


def _no_qemu() -> str | None:
    return None if find_qemu() is not None else "qemu-system-riscv64 is not installed"


def _no_spike() -> str | None:
    return None if find_spike() is not None else "spike is neither on the path nor named by REPLUG_SPIKE"


def _no_single_instructions() -> str | None:
    return None if EngineRunner.can_count_single_instructions() else "this engine has block slices only"


def _raw(name: str, program: Program, iterations: int, mode: RawMode, at_least: float | None) -> Benchmark:
    return Benchmark(name, partial(_against_raw, name, program, iterations, mode, at_least))


def _qemu(name: str, program: Program, iterations: int, icount: bool, at_least: float | None) -> Benchmark:
    peer = QemuRunner(program, icount=icount)
    measure = partial(_against_process, name, program, iterations, peer, _qemu_name(icount), at_least)
    return Benchmark(name, measure, _no_qemu)


def _spike(name: str, program: Program, iterations: int, at_least: float | None) -> Benchmark:
    measure = partial(_against_process, name, program, iterations, SpikeRunner(program), "Spike", at_least)
    return Benchmark(name, measure, _no_spike)


def _cost(name: str, program: Program, iterations: int, operations: int, qemu_factor: int) -> Benchmark:
    return Benchmark(name, partial(_operation, name, program, iterations, operations, qemu_factor))


BENCHMARKS: tuple[Benchmark, ...] = (
    _raw("exact-integer", programs.EXACT_INTEGER, 4_000_000, RawMode.VIRTUAL, 0.9),
    _raw("exact-branchy", programs.EXACT_BRANCHY, 800_000, RawMode.VIRTUAL, 0.6),
    _raw("memory-vs-default", programs.MEMORY, 16, RawMode.DEFAULT, 2.0),
    _raw("coremark-like", programs.COREMARK_LIKE, 1_000, RawMode.VIRTUAL, None),
    _qemu("vs-qemu-icount", programs.COREMARK_LIKE, 5_000, True, 1.0),
    _qemu("vs-qemu", programs.COREMARK_LIKE, 5_000, False, None),
    _spike("vs-spike", programs.COREMARK_LIKE, 2_000, 1.0),
    Benchmark("slice-cost", partial(_slice_cost, "slice-cost", 100, 200)),
    Benchmark("slice-cost-1000", partial(_slice_cost, "slice-cost-1000", 1000, None)),
    Benchmark("four-harts-slice-1000", partial(_four_harts, "four-harts-slice-1000", 1000, 0.6)),
    Benchmark("slice-1", partial(_single_instructions, "slice-1", 3.0), _no_single_instructions),
    _cost("trap", programs.TRAPS, 400_000, 1, 4),
    _cost("mmio-device", programs.MMIO_DEVICE, 10_000, 16, 10),
    _cost("mmio-uart", programs.MMIO_UART, 20_000, 16, 5),
    _cost("mmio-clint", programs.MMIO_CLINT, 20_000, 16, 5),
    _cost("csr-minstret", programs.CSR_MINSTRET, 100_000, 16, 3),
    _cost("csr-time", programs.CSR_TIME, 100_000, 16, 3),
    _cost("wfi", programs.WFI, 200_000, 1, 1),
    _cost("tlb-fill", programs.TLB, 6_000, 256, 1),
    Benchmark("counts-by-address", partial(_counts_by_address, "counts-by-address", 0.95)),
    Benchmark("restore", partial(_restore, "restore", 100)),
    Benchmark("python-hook", partial(_against_python_hook, "python-hook")),
)
"""In the order of the report. What each row is: replug bench --help, README."""
