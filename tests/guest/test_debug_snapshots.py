# SPDX-License-Identifier: GPL-2.0-or-later
"""Snapshot files that a debugger writes: from any state, and the machine goes on as if nobody had looked."""

from pathlib import Path

import pytest

from emulator import Machine, MachineOptions
from emulator.debug.records import StopKind
from emulator.debug.session import DebugSession
from emulator.errors import ReplugError
from emulator.loader.elf import open_image
from guestos.images import SCENARIO, Built, build_all

TYPED = b"echo typed\n\x04"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build_all(tmp_path_factory.mktemp("guest"), data=bytes(range(256)) * 40)


@pytest.mark.parametrize("step", [5_001, 12_345, 49_999, 151_117, 240_000])
def test_a_machine_goes_on_from_any_state(built: Built, tmp_path: Path, step: int) -> None:
    """To where the shell has executed what was typed, and the guest ends."""
    options = MachineOptions(harts=3, disk=built.disk, quantum=200)
    with DebugSession(open_image(built.kernel), options) as session:
        session.run(3_000)
        session.type(TYPED)
        assert session.run().kind is StopKind.EXIT
        end, expected = session.engine.total_instret, session.machine.state_hash()
        session.goto(step)
        here = session.machine.state_hash()
        session.save(tmp_path / "state")
        assert session.machine.state_hash() == here
    said: list[bytes] = []
    with Machine.load(tmp_path / "state", built.kernel, built.disk, said.append) as machine:
        assert machine.state_hash() == here
        machine.run()
        assert (machine.engine.total_instret, machine.state_hash()) == (end, expected)
        assert [each.data for each in machine.inputs] == [TYPED]  # its token will tell
    assert b"typed" in b"".join(said)


def test_what_was_done_to_the_run_is_no_part_of_a_snapshot(built: Built, tmp_path: Path) -> None:
    options = MachineOptions(harts=3, disk=built.disk, bootargs=SCENARIO)
    with DebugSession(open_image(built.kernel), options) as session:
        session.run(1000)
        session.set_x(0, 10, 1)
        with pytest.raises(ReplugError, match="holds no edits"):
            session.save(tmp_path / "state")
        session.goto(500)  # in front of the edit
        session.save(tmp_path / "state")
        with pytest.raises(ReplugError, match="no such directory"):
            session.save(tmp_path / "nowhere" / "state")
