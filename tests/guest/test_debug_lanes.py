# SPDX-License-Identifier: GPL-2.0-or-later
"""What is kept of what harts did: the same whichever way the run came by, and no trace of it in the run."""

from collections.abc import Iterator

import pytest

from emulator import MachineOptions
from emulator.debug.lanes import Cell, Samples, window
from emulator.debug.session import DebugSession
from emulator.loader.elf import open_image
from guestos.images import SCENARIO, Built, build_all

HARTS, COLUMNS = 4, 50
FAR = 3_000_000


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build_all(tmp_path_factory.mktemp("guest"), data=bytes(range(256)) * 40)


def _session(built: Built) -> DebugSession:
    options = MachineOptions(harts=HARTS, quantum=1000, disk=built.disk, bootargs=SCENARIO)
    return DebugSession(open_image(built.kernel), options)


@pytest.fixture
def session(built: Built) -> Iterator[DebugSession]:
    with _session(built) as made:
        yield made


def _seen(session: DebugSession, per_column: int | None, around: int) -> list[list[Cell | None]]:
    shown = window(session.head.step + 1, COLUMNS, per_column, around)
    seen = session.lanes(shown)
    assert not session.keep_samples().missing(shown.places(session.head.step))
    return seen


def test_samples_leave_no_trace(built: Built, session: DebugSession) -> None:
    session.keep_samples()
    session.step_machine(FAR)
    position, state = session.position, session.machine.state_hash()
    with _session(built) as other:
        other.step_machine(FAR)
        assert (other.position, other.machine.state_hash()) == (position, state)
    session.goto(FAR // 2)
    middle, state_there = session.position, session.machine.state_hash()
    for per_column in (None, 4096, 100, 1):
        _seen(session, per_column, middle.step)
        assert (session.position, session.machine.state_hash()) == (middle, state_there)
    session.goto(position.step)
    assert session.machine.state_hash() == state


@pytest.mark.parametrize("per_column", [None, 5000, 64, 1])
def test_the_same_whichever_way_it_came(built: Built, session: DebugSession, per_column: int | None) -> None:
    samples = session.keep_samples()
    session.step_machine(FAR)
    head = session.position.step
    around = 2 * head // 3
    session.goto(head)
    seen = _seen(session, per_column, around)
    with _session(built) as other:  # with other steps, back and forth, and kept from the end on only
        while other.position.step < head:
            other.step_machine(min(77_777, head - other.position.step))
        other.goto(head // 3)
        other.goto(head)
        again = _seen(other, per_column, around)
    assert again == seen
    assert any(cell is not None and cell.ran for lane in seen for cell in lane)
    assert len(seen) == HARTS and samples.at(0) is not None


def test_cells_tell_what_was_done(session: DebugSession) -> None:
    session.keep_samples()
    session.step_machine(FAR)
    head = session.position.step
    cells = [[cell for cell in lane if cell is not None] for lane in _seen(session, None, 0)]
    assert sum(cell.ran + cell.traps for lane in cells for cell in lane) == head
    for hart, lane in enumerate(cells):
        assert sum(cell.ran for cell in lane) == session.engine.instret(hart)
        assert sum(cell.traps for cell in lane) == session.engine.traps(hart)
    modes = {(cell.seen.mode, cell.seen.waits) for lane in cells for cell in lane}
    assert {(0, False), (1, False), (1, True), (3, False)} <= modes
    one_by_one = _seen(session, 1, head // 2)
    for column in range(COLUMNS - 1):
        done = [lane[column] for lane in one_by_one]
        assert sum(cell.ran + cell.traps for cell in done if cell is not None) == 1  # of a single hart


def test_another_future_is_another_lane(session: DebugSession) -> None:
    samples = session.keep_samples()
    session.step_machine(FAR)
    session.goto(FAR // 2)
    session.set_x(0, 31, 1)
    assert samples.at(samples.grid * (FAR // samples.grid // 2 - 1)) is not None
    assert all(samples.at(step) is None for step in range(FAR // 2, FAR))
    session.step_machine(FAR // 4)
    assert not samples.missing(range(0, session.position.step, samples.grid))


def test_few_are_kept_of_a_long_run(session: DebugSession) -> None:
    samples = session.keep_samples()
    samples.grid = 64  # as if it were a thousand times as long
    session.step_machine(400_000)
    assert samples.grid >= 256 and len(samples) <= 1024
    assert not samples.missing(range(0, 400_000, samples.grid))
    for around in range(0, 400_000, 10_000):
        _seen(session, 1, around)
    assert len(samples) <= 1024 + 4096


def test_windows() -> None:
    assert [window(5, 80, None, 3).columns, window(0, 80, None, 0).columns] == [5, 1]
    for around in (0, 17, 4999, 5000, 9999):
        shown = window(10_000, 80, 4, around)
        assert 0 <= shown.start <= around < shown.end <= 10_000 and shown.end - shown.start == 320
        assert shown.step(shown.column(around)) <= around < shown.step(shown.column(around) + 1)
    assert window(10_000, 80, 1000, 50).end == 10_000  # more than there is: all of it
    assert Samples().at(0) is None and Samples().lanes(window(10, 10, None, 0), 10) == []
