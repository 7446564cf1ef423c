# SPDX-License-Identifier: GPL-2.0-or-later
"""Breakpoints where nothing can be fetched: GDB's `call` puts one on a stack that nobody may execute."""

from collections.abc import Callable
from pathlib import Path

import pytest

from emulator.debug.records import StopKind
from emulator.debug.session import DebugSession
from emulator.loader.elf import open_image
from emulator.options import MachineOptions

Guest = Callable[[str], Path]
JUMPS = """
        la t0, handler
        csrw mtvec, t0
    again:
        li t1, {target:#x}
        jalr t1
        addi s1, s1, 1
        j again
        .balign 4
    handler:
        addi s2, s2, 1
        csrw mepc, ra
        mret
"""
_STEPS = 900


@pytest.mark.parametrize("harts", [1, 2])
@pytest.mark.parametrize("target", [0x10, 0x7000, 0xFFF_FFFF_F000])
def test_it_stops_in_front_of_the_trap(guest: Guest, target: int, harts: int) -> None:
    image = open_image(guest(JUMPS.format(target=target)))
    options = MachineOptions(harts=harts, quantum=70)
    with DebugSession(image, options) as plain:
        plain.run(_STEPS)
        expected = plain.machine.state_hash()
        hits = plain.engine.get_x(0, 18) + (plain.engine.get_x(1, 18) if harts == 2 else 0)
    with DebugSession(image, options) as session:
        session.break_at(target)
        states = []
        while (stop := session.run(_STEPS)).kind is StopKind.BREAKPOINT:
            assert session.engine.get_pc(stop.hart) == target
            assert session.engine.traps(stop.hart) == session.engine.get_x(stop.hart, 18)
            states.append((stop.position, stop.hart, session.machine.state_hash()))
        assert stop.kind is StopKind.STEP and session.machine.state_hash() == expected
        assert hits <= len(states) <= hits + harts and len(states) > 50
        for position, hart, state in reversed(states[-8:]):
            stop = session.reverse()
            assert (stop.position, stop.hart, session.machine.state_hash()) == (position, hart, state)
