# SPDX-License-Identifier: GPL-2.0-or-later
"""The memory that the past takes is bounded, whatever the guest does, and all of it can be reached."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from emulator import MachineOptions
from emulator.debug import history
from emulator.debug.records import StopKind
from emulator.debug.session import DebugSession
from emulator.engine import PAGE_SIZE
from emulator.loader.elf import open_image
from guestos.images import SCENARIO, Built, build_all

Guest = Callable[[str], Path]
MIB = 1 << 20

STRIDE = """
        csrr s2, mhartid
        li s5, 0x80400000        # {megabytes} MiB from here on, a word of each page, by each hart its own
        slli t0, s2, 3
        add s5, s5, t0
    again:
        mv s0, s5
        li s1, {megabytes} * 256
    page:
        ld t0, 0(s0)
        addi t0, t0, 1
        sd t0, 0(s0)
        li t1, 4096
        add s0, s0, t1
        addi s1, s1, -1
        bnez s1, page
        j again
"""


@pytest.mark.parametrize("budget", [2 * MIB, 6 * MIB])
def test_a_guest_that_writes_to_all_its_memory(
    guest: Guest, monkeypatch: pytest.MonkeyPatch, budget: int
) -> None:
    monkeypatch.setattr(history, "BUDGET", budget)
    options = MachineOptions(harts=2, quantum=1000)
    with DebugSession(open_image(guest(STRIDE.format(megabytes=4))), options) as session:
        most = 0

        def look() -> None:
            nonlocal most
            most = max(most, session.history.bytes)

        session.look = look
        known = {}
        for step in range(0, 1_200_000, 190_001):
            session.run(step)
            known[step] = session.machine.state_hash()
        assert budget // 4 < most <= budget + 4 * PAGE_SIZE
        assert len(session.history) >= (3 if budget > 4 * MIB else 2)
        for step in (*reversed(known), 570_003):
            assert session.goto(step).kind is StopKind.STEP
            assert session.machine.state_hash() == known[step], step
        assert session.reverse_step_hart(1).position.step < 570_003
        assert most <= budget + 4 * PAGE_SIZE


def test_pages_that_were_never_used_cost_nothing(guest: Guest) -> None:
    with DebugSession(open_image(guest(STRIDE.format(megabytes=16))), MachineOptions()) as session:
        session.run(16 * 256 * 7 + 20)  # all of them once
        assert session.engine.snapshot_pages(0) >= 16 * 256
        assert session.history.bytes < MIB
        session.goto(3)
        assert not any(session.machine.read_physical(0x8040_0000, 16 * MIB)[::8])


def test_what_devices_hold_is_held_once(tmp_path: Path) -> None:
    built: Built = build_all(tmp_path, data=bytes(1000))
    with DebugSession(
        open_image(built.kernel), MachineOptions(disk=built.disk, bootargs=SCENARIO)
    ) as session:
        session.run(3_500_000)
        states = [each.snapshot.devices for each in session.history.checkpoints[-3:]]
        assert len(states) == 3
        for before, after in pairwise(states):
            for name, state in after.items():
                assert state is before[name] or state != before[name]
        assert any(states[-1][name] is states[-2][name] for name in states[-1])
