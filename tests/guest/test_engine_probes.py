# SPDX-License-Identifier: GPL-2.0-or-later
"""What a probe says of the count is what the guest itself reads there, whatever has happened before."""

import struct
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from busy_programs import CHANGE_COUNTERS, HARTS, LOG, LONGEST, TEXT, script

from emulator import Machine, MachineOptions
from emulator.engine import EventKind
from emulator.loader.elf import open_image
from toolchain.image import Image

Guest = Callable[[str], Path]
VALUE = 5  # the kind of mark that captures a register


@pytest.fixture(scope="module")
def image(guest: Guest) -> Image:
    return open_image(guest(TEXT))


def address_of(image: Image, name: str) -> int:
    symbol = image.symbol(name)
    assert symbol is not None
    return symbol.address


@pytest.mark.parametrize("quantum", [1, 7, 33, 1000])
def test_counts_at_a_probe_in_the_trap_handler(image: Image, quantum: int) -> None:
    """In front of the guest's own read of minstret: behind faults in mid-block, ecalls, interrupts, wfi, code
    that was changed, compressed code, on several harts.
    """
    assert len(CHANGE_COUNTERS) == 2
    seen = 0
    for seed in range(40):
        rng = Random(seed)
        options = MachineOptions(harts=HARTS, quantum=quantum, memory=4 << 20)
        with Machine(image, options) as machine:
            engine = machine.engine
            mark = engine.mark(address_of(image, "count"), VALUE, 1, 0, 10)
            engine.keep_events()
            for hart in range(HARTS):
                place = address_of(image, "scripts") + 4 * LONGEST * hart
                engine.ram_write(place, script(rng.randbytes(120), counters_change=False))
            machine.run(8000)
            events = engine.drain_events()
            for hart in range(HARTS):
                probed = [
                    event.instret
                    for event in events
                    if (event.kind, event.mark, event.hart) == (EventKind.MARK, mark, hart)
                ]
                log = machine.read_physical(address_of(image, "logs") + LOG * hart, LOG)
                # The log begins anew when it is full; the last one may not have been written yet.
                read = sorted(count for _, _, count, _ in struct.iter_unpack("<4Q", log) if count)
                assert read in (probed[len(probed) - len(read) :], probed[:-1][-len(read) :], probed[:-1])
                seen += len(read)
    assert seen > 1000
