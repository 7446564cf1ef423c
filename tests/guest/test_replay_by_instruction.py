# SPDX-License-Identifier: GPL-2.0-or-later
"""However a run is looked at, it is the same run: interrupts come at the same instruction each time.

By blocks in one piece, cut in pieces, watched, gone back in, saved and loaded, and by single instructions
along the slices that the run by blocks had.
"""

import struct
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
from busy_programs import HARTS, LOG, LONGEST, TEXT, script
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator import Machine, MachineOptions
from emulator.engine import Pipeline
from emulator.loader.elf import open_image
from toolchain.image import Image

Guest = Callable[[str], Path]
Scripts = list[bytes]

scripts_of_harts = st.lists(st.binary(min_size=12, max_size=160), min_size=HARTS, max_size=HARTS)
quanta = st.sampled_from((1, 2, 7, 31, 32, 33, 100, 1000, 100_000))


@pytest.fixture(scope="module")
def image(guest: Guest) -> Image:
    return open_image(guest(TEXT))


class Run(NamedTuple):
    """What came of one."""

    state: str
    counts: list[int]
    traps: list[int]
    logs: bytes
    schedule: Any = None


@contextmanager
def made(image: Image, harts: int, quantum: int, scripts: Scripts, **how: bool) -> Any:
    options = MachineOptions(harts=harts, quantum=quantum, memory=4 << 20)
    with Machine(image, options, **how) as machine:
        place = image.symbol("scripts")
        assert place is not None
        for hart in range(harts):
            machine.engine.ram_write(place.address + 4 * LONGEST * hart, script(scripts[hart]))
        yield machine


def result(machine: Machine, schedule: object = None) -> Run:
    place = machine.image.symbol("logs")
    assert place is not None
    harts = range(machine.harts)
    return Run(
        machine.state_hash(),
        [machine.instret(hart) for hart in harts],
        [machine.engine.traps(hart) for hart in harts],
        machine.read_physical(place.address, LOG * HARTS),
        schedule,
    )


def by_blocks(image: Image, harts: int, quantum: int, scripts: Scripts, length: int) -> Run:
    with made(image, harts, quantum, scripts) as machine:
        machine.engine.record_schedule()
        machine.run(length)
        return result(machine, machine.engine.schedule())


def by_instruction(image: Image, harts: int, quantum: int, scripts: Scripts, run: Run) -> Run:
    """Along the slices of a run by blocks."""
    with made(image, harts, quantum, scripts, per_instruction=True) as machine:
        machine.engine.follow_schedule(run.schedule)
        machine.run(sum(run.counts))
        return result(machine)


@settings(max_examples=200)
@given(scripts=scripts_of_harts, harts=st.integers(1, HARTS), quantum=quanta, length=st.integers(1, 6000))
def test_by_single_instructions(
    image: Image, scripts: Scripts, harts: int, quantum: int, length: int
) -> None:
    blocks = by_blocks(image, harts, quantum, scripts, length)
    exact = by_instruction(image, harts, quantum, scripts, blocks)
    assert exact.counts == blocks.counts
    # A block that ends in a trap has taken it; the exact run stops in front of it.
    if exact.traps == blocks.traps:
        assert exact.logs == blocks.logs
        assert exact.state == blocks.state


@settings(max_examples=100)
@given(data=st.data(), scripts=scripts_of_harts, harts=st.integers(1, HARTS), quantum=quanta)
def test_in_pieces_watched_gone_back_in_and_loaded(
    image: Image,
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
    scripts: Scripts,
    harts: int,
    quantum: int,
) -> None:
    lengths = data.draw(st.lists(st.integers(1, 1500), min_size=1, max_size=5))
    watched = data.draw(st.booleans())
    with made(image, harts, quantum, scripts) as machine:
        wanted = []
        for length in lengths:
            machine.run(length)
            wanted.append(machine.state_hash())
        whole = by_blocks(image, harts, quantum, scripts, machine.engine.total_instret)
        assert result(machine)[:4] == whole[:4]
    file = tmp_path_factory.mktemp("files") / "machine"
    with made(image, harts, quantum, scripts) as machine:
        if watched:
            machine.engine.set_pipeline(Pipeline(load_use=1, multiply=3, mispredict=3, csr=2, trap=5))
            for number in range(40):
                machine.engine.mark(0x8000_0000 + 6 * number, 1 + number % 3, 1 + number % 2, 0, 0)
        saved_at = data.draw(st.integers(0, len(lengths) - 1))
        for number, length in enumerate(lengths):
            snapshot = machine.snapshot()
            machine.run(data.draw(st.integers(1, 1500)))
            machine.restore(snapshot)
            machine.run(length)
            assert machine.state_hash() == wanted[number]
            if number == saved_at:
                machine.save(file)
    with Machine.load(file, image) as machine:
        for number in range(saved_at + 1, len(lengths)):
            machine.run(lengths[number])
            assert machine.state_hash() == wanted[number]


@settings(max_examples=60)
@given(
    scripts=scripts_of_harts,
    harts=st.integers(1, HARTS),
    quantum=quanta,
    length=st.integers(1, 4000),
    pieces=st.lists(st.tuples(st.integers(1, 120), st.sampled_from(("", "save", "back"))), min_size=1),
)
def test_stopped_at_any_instruction_and_brought_back(
    image: Image, scripts: Scripts, harts: int, quantum: int, length: int, pieces: list[tuple[int, str]]
) -> None:
    """The state is saved and restored, or gone back to from later, in the middle of anything."""
    whole = by_blocks(image, harts, quantum, scripts, length)
    end = sum(whole.counts)
    with made(image, harts, quantum, scripts) as machine:
        engine = machine.engine
        for count, action in pieces * (end // len(pieces) + 1):
            if engine.total_instret >= end:
                break
            machine.advance(partial(engine.run_instructions, min(count, end - engine.total_instret)))
            if action == "save":
                engine.restore(engine.save())
            elif action == "back":
                snapshot = machine.snapshot()
                engine.run_instructions(2 * count)
                machine.restore(snapshot)
        machine.run(0)
        assert result(machine)[:4] == whole[:4]


@pytest.mark.parametrize("quantum", [1, 33, 1000])
def test_the_programs_do_what_they_are_for(image: Image, quantum: int) -> None:
    """Every kind of trap is there often, and most runs can be compared to the last bit."""
    causes: Counter[int] = Counter()
    compared = 0
    for seed in range(60):
        rng = Random(seed)
        scripts = [rng.randbytes(120) for _ in range(HARTS)]
        blocks = by_blocks(image, HARTS, quantum, scripts, 6000)
        exact = by_instruction(image, HARTS, quantum, scripts, blocks)
        assert exact.counts == blocks.counts
        if exact.traps == blocks.traps:
            compared += 1
            assert exact.state == blocks.state, seed
        for _, cause, _, _ in struct.iter_unpack("<4Q", blocks.logs):
            causes[cause] += 1
    assert compared > 40
    assert all(causes[cause] > 20 for cause in (2, 3, 5, 7, 11, 1 << 63 | 3, 1 << 63 | 7)), causes


@pytest.mark.parametrize("quantum", [33, 1000, 100_000])
def test_cut_where_interrupts_are_pending(image: Image, quantum: int) -> None:
    """The end of a call of run() is no place for an interrupt."""
    pending = 0
    for seed in range(30):
        rng = Random(seed)
        scripts = [rng.randbytes(120) for _ in range(HARTS)]
        with made(image, HARTS, quantum, scripts) as machine:
            for _ in range(40):
                machine.run(rng.randrange(1, 200))
                for hart in range(HARTS):
                    mip, mie, mstatus = (
                        machine.engine.get_csr(hart, number) for number in (0x344, 0x304, 0x300)
                    )
                    pending += bool(mip & mie and mstatus & 8)
            whole = by_blocks(image, HARTS, quantum, scripts, machine.engine.total_instret)
            assert result(machine)[:4] == whole[:4], seed
    assert pending > 20
