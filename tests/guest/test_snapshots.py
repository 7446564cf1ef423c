# SPDX-License-Identifier: GPL-2.0-or-later
"""Going back: run, snapshot, run on, restore, run again, and be in the same place."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator import Machine, MachineOptions, ReplugError
from guestos.images import SCENARIO, Built, build_all

Guest = Callable[[str], Path]
HARTS = 4


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build_all(tmp_path_factory.mktemp("guest"), data=bytes(range(256)) * 40)


@pytest.fixture
def machine(built: Built) -> Iterator[Machine]:
    with Machine(
        built.kernel, MachineOptions(harts=HARTS, quantum=200, disk=built.disk, bootargs=SCENARIO)
    ) as made:
        yield made


def test_the_same_future_after_every_snapshot(machine: Machine) -> None:
    points = []
    for _ in range(12):
        points.append((machine.snapshot(), machine.state_hash()))
        machine.run(400_000)
    end = machine.state_hash()
    for back in (11, 7, 6, 1, 0):
        snapshot, expected = points[back]
        machine.restore(snapshot)
        assert machine.state_hash() == expected, back
    for _ in range(12):
        machine.run(400_000)
    assert machine.state_hash() == end


@settings(max_examples=25)
@given(data=st.data())
def test_any_way_back_and_forth(built: Built, data: st.DataObject) -> None:
    """Moves at random; the same instruction number always has the same hash."""
    with Machine(
        built.kernel, MachineOptions(harts=HARTS, quantum=200, disk=built.disk, bootargs=SCENARIO)
    ) as machine:
        machine.run(data.draw(st.integers(0, 3_000_000)))
        known: dict[tuple[int, int], str] = {}
        stack = [machine.snapshot()]
        for _ in range(data.draw(st.integers(1, 8))):
            if data.draw(st.booleans()):
                machine.run(data.draw(st.integers(1, 60_000)))
                stack.append(machine.snapshot())
            else:
                del stack[data.draw(st.integers(1, len(stack))) :]
                machine.restore(stack[-1])
            place = (machine.engine.total_instret, machine.engine.now)
            assert known.setdefault(place, machine.state_hash()) == machine.state_hash()


def test_changed_code_goes_back_too(guest: Guest) -> None:
    image = guest("""
        la t0, patch
        li t1, 0x00100513       # li a0, 1
        li t2, 1 << 20
    1:  sw t1, 0(t0)
        fence.i
        jal patch
        add s1, s1, a0
        add t1, t1, t2
        addi s2, s2, 1
        j 1b
        .balign 4
    patch:
        .word 0
        ret""")
    with Machine(image) as machine:
        machine.run(10)
        first = machine.snapshot()
        hashes = [machine.state_hash()]
        for _ in range(20):
            machine.run(9)
            hashes.append(machine.state_hash())
        machine.restore(first)
        again = [machine.state_hash()]
        for _ in range(20):
            machine.run(9)
            again.append(machine.state_hash())
        assert again == hashes
        turns, total = machine.engine.get_x(0, 18), machine.engine.get_x(0, 9)
        assert turns > 10
        assert total in (sum(range(1, turns + 1)), sum(range(1, turns + 2)))


def test_reservations_go_back(guest: Guest) -> None:
    image = guest("""
        la t0, cell
        lr.d t1, (t0)
        nop
        nop
        sc.d s0, t1, (t0)
    1:  j 1b
        .data
        .balign 8
    cell: .dword 5""")
    with Machine(image) as machine:
        machine.engine.run(4)
        snapshot = machine.snapshot()
        machine.run(100)
        assert machine.engine.get_x(0, 8) == 0
        machine.engine.set_x(0, 8, 77)
        machine.restore(snapshot)
        machine.run(100)
        assert machine.engine.get_x(0, 8) == 0


def test_a_snapshot_that_is_gone(machine: Machine) -> None:
    first = machine.snapshot()
    second = machine.snapshot()
    machine.restore(first)
    with pytest.raises(ReplugError, match="snapshot 1: is not there"):
        machine.restore(second)


def test_cost_is_the_pages_that_changed(machine: Machine) -> None:
    machine.run(2_000_000)
    snapshot = machine.snapshot()
    machine.run(20_000)
    touched = machine.engine.snapshot_pages(snapshot.number)
    assert 0 < touched < 100
