# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines that are made, run and dropped leave no memory behind.

REPLUG_FUZZ_MACHINES=10000 for as many of each kind; without it, as many as fit into about half a minute.
"""

import gc
import os
import resource
from collections.abc import Callable
from pathlib import Path

from fuzz_runner import Fuzzed, watch
from fuzzing import SAME_CONFIG, make_case

from emulator import Machine, MachineOptions

Guest = Callable[[str], Path]

ENGINES = int(os.environ.get("REPLUG_FUZZ_MACHINES", "2000"))
MACHINES = int(os.environ.get("REPLUG_FUZZ_MACHINES", "2000"))
SETTLED = 300
"""By then everything that is made once has been made."""
BYTES_EACH = 4096
"""Less than a page of memory for each machine: its smallest part, a page of code, is more than ten of
them.
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
    assert resident() - settled < BYTES_EACH * (count - SETTLED)


def test_engines() -> None:
    """With all that the fuzzer does to them: page tables, snapshots, marks, 1 to 3 harts."""

    def once(number: int) -> None:
        case = make_case(SAME_CONFIG * number)
        machine = Fuzzed(case.config)
        if case.observed:
            watch(machine.engine, case.seed)
        machine.run(case)
        machine.engine.record_schedule()
        machine.run(case)
        machine.close()

    assert_bounded(ENGINES, once)


def test_machines(guest: Guest) -> None:
    """Whole ones, with devices and a console, dropped in mid-run; every other one is not closed."""
    image = guest("""
        li t0, 0x10000000
        li t1, 65
    1:  sb t1, 0(t0)
        sd t1, (sp)
        addi sp, sp, -2048
        addi a1, a1, 1
        j 1b""")

    def once(number: int) -> None:
        machine = Machine(image, MachineOptions(harts=1 + number % 2, memory=4 << 20))
        machine.engine.set_x(0, 2, 0x8020_0000)
        machine.run(50)
        machine.snapshot()
        machine.run(50 + number % 7)
        if number % 4 < 2:
            machine.close()
        if number % 10 == 0:
            gc.collect()

    assert_bounded(MACHINES, once)
