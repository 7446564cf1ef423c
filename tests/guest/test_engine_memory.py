# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines that are made, run and dropped leave no memory behind.

REPLUG_FUZZ_MACHINES=100000 for as many of each kind; without it, 10,000 bare engines and 2,000 whole ones.
"""

import gc
import os
import resource
from collections.abc import Callable
from pathlib import Path

from fuzz_runner import Fuzzed, watch
from fuzzing import SAME_CONFIG, make_case

from emulator import Machine, MachineOptions
from emulator.loader.elf import open_image

Guest = Callable[[str], Path]

ENGINES = int(os.environ.get("REPLUG_FUZZ_MACHINES", "10000"))
MACHINES = int(os.environ.get("REPLUG_FUZZ_MACHINES", "2000"))
CASES = 501
"""Different ones; not a multiple of 4, so that everything happens to each."""
SETTLED = 600
"""By then everything that is made once has been made."""
BYTES_EACH, NOISE = 512, 2 << 20
"""The smallest part that the engine allocates for a machine and could forget is larger; the host's allocator
comes and goes by some hundreds of kilobytes.
"""


def resident() -> int:
    """Bytes of this process in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def assert_bounded(count: int, once: Callable[[int], None]) -> None:
    settled = 0
    for number in range(count):
        once(number)
        if number == SETTLED:
            gc.collect()
            settled = resident()
    gc.collect()
    assert resident() - settled < NOISE + BYTES_EACH * (count - SETTLED)


def test_engines() -> None:
    """1 to 3 harts; a quarter never run; others with all that the fuzzer does to them: page tables,
    snapshots, marks; dropped with snapshots and a recorded schedule.
    """
    cases = [make_case(SAME_CONFIG * (number // 5) + number % 5) for number in range(CASES)]

    def once(number: int) -> None:
        case = cases[number % CASES]
        machine = Fuzzed(case.config)
        if number % 4:
            if case.observed:
                watch(machine.engine, case.seed)
            if number % 4 == 1:
                machine.engine.record_schedule()
            machine.run(case)
            machine.engine.snapshot()
            machine.run_piece(20)
        machine.close()

    assert_bounded(ENGINES, once)


def test_machines(guest: Guest) -> None:
    """Whole ones, with devices and a console, dropped in mid-run; every other one is not closed."""
    file = guest("""
        li t0, 0x10000000
        li t1, 65
    1:  sb t1, 0(t0)
        sd t1, (sp)
        addi sp, sp, -2048
        addi a1, a1, 1
        j 1b""")
    image = open_image(file)

    def once(number: int) -> None:
        machine = Machine(image if number % 8 else file, MachineOptions(harts=1 + number % 2, memory=4 << 20))
        machine.engine.set_x(0, 2, 0x8020_0000)
        machine.run(50)
        machine.snapshot()
        machine.run(50 + number % 7)
        if number % 4 < 2:
            machine.close()
        if number % 10 == 0:
            gc.collect()

    assert_bounded(MACHINES, once)
