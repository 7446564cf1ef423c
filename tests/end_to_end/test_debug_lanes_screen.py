# SPDX-License-Identifier: GPL-2.0-or-later
"""The lanes of harts on the screen: what each did when, the current position, and ways to other ones."""

from collections.abc import Callable
from pathlib import Path

import pytest
from screen import Screen, at_screen

from guestos.images import GUESTOS, INCLUDE
from toolchain.assemble import assemble

Guest = Callable[[str], Path]

# Hart 0 goes to user mode by way of supervisor mode; hart 1 waits, for good.
PROGRAM = """
        .option norvc
        csrr t0, mhartid
        bnez t0, wait
        li t0, -1
        csrw pmpaddr0, t0
        li t0, 0x1f
        csrw pmpcfg0, t0
        la t0, trapped
        csrw mtvec, t0
        li t0, 0x800
        csrw mstatus, t0
        la t0, supervisor
        csrw mepc, t0
        mret
    supervisor:
        addi s1, s1, 1
        li t1, 10
        bne s1, t1, supervisor
        la t0, user
        csrw sepc, t0
        sret
    user:
        addi s2, s2, 1
        li t1, 10
        bne s2, t1, user
        ecall
    trapped:
        addi s3, s3, 1
        j trapped
    wait:
        csrw mie, zero
    asleep:
        wfi
        j asleep
"""
COLUMNS = slice(7, 7 + 32)  # of a lane, on 80 columns


@pytest.fixture(scope="module")
def program(guest: Guest) -> Path:
    return guest(PROGRAM)


def _lanes(screen: Screen) -> tuple[str, str, str]:
    """The axis, and the lanes of both harts."""
    axis, *lanes = (line[COLUMNS] for line in screen.lines()[:3])
    return axis, lanes[0], lanes[1]


def test_every_hart_has_a_lane(program: Path) -> None:
    async def play(screen: Screen) -> None:
        await screen.enter("break user")
        await screen.press("c")
        axis, lane, other = _lanes(screen)
        assert axis.startswith("├") and axis.rstrip().endswith("▼")
        assert lane.startswith("█") and "▅" in lane and "▂" not in lane
        await screen.enter("delete")
        await screen.enter("until trapped")
        _, lane, other = _lanes(screen)
        seen = "".join(lane.split())
        assert seen.index("█") < seen.index("▅") < seen.index("▂") < seen.index("!")
        await screen.enter("run-for 3000")
        _, lane, other = _lanes(screen)
        assert set(lane.strip()) <= {"█", "!", "▅", "▂"} and other.rstrip().endswith("···"), screen.text()

    at_screen(program, play, harts=2)


def test_the_position_moves_and_the_lanes_stay(program: Path) -> None:
    async def play(screen: Screen) -> None:
        await screen.enter("run-for 100000")
        axis, *lanes = _lanes(screen)
        assert axis.index("▼") == len(axis.rstrip()) - 1
        state = screen.session.machine.state_hash()
        await screen.enter("goto 50000")
        axis_of_past, *lanes_of_past = _lanes(screen)
        assert 14 <= axis_of_past.index("▼") <= 17 and "PAST" in screen.lines()[0]
        assert lanes_of_past == lanes
        await screen.enter("goto end")
        assert screen.session.machine.state_hash() == state and _lanes(screen)[1:] == tuple(lanes)

    at_screen(program, play, harts=2)


def test_closer_and_to_another_place(program: Path) -> None:
    async def play(screen: Screen) -> None:
        await screen.enter("run-for 100000")
        whole, state = _lanes(screen), screen.session.machine.state_hash()
        await screen.enter("goto 60")
        for _ in range(8):
            await screen.press("plus")
        axis, lane, _ = _lanes(screen)
        assert "   1:1 " in screen.lines()[0] and axis[0] == "◂" and axis[-1] == "▸"
        await screen.enter("goto 5")
        axis, lane, _ = _lanes(screen)
        assert axis[0] == "├" and axis[-1] == "▸"
        assert lane.startswith("█") and "▅" in lane  # each step by itself
        place = axis.index("▼")
        await screen.press("r", "S")
        assert _lanes(screen)[0].index("▼") == place - 1
        await screen.press("shift+tab", "home", "enter")  # the lanes are in front of the code
        assert screen.session.position.step == 0
        await screen.press("end", "right", "right", "enter")  # beyond the edge, the window moves
        assert screen.session.position.step > 32
        for _ in range(8):
            await screen.press("minus")
        await screen.enter("goto end")
        assert _lanes(screen) == whole and screen.session.machine.state_hash() == state

    at_screen(program, play, harts=2)


def test_a_click_goes_there(program: Path) -> None:
    async def play(screen: Screen) -> None:
        await screen.enter("run-for 100000")
        await screen.click("#harts", (COLUMNS.start + 16, 0))
        assert 45_000 < screen.session.position.step < 55_000
        await screen.click("#timeline", (COLUMNS.start, 0))
        assert screen.session.position.step == 0
        await screen.click("#harts", (2, 1))
        assert "Registers of hart 1" in screen.text()

    at_screen(program, play, harts=2)


def test_a_hart_says_which_named_path_it_is_in(tmp_path: Path) -> None:
    source = tmp_path / "program.S"
    source.write_text(
        """
        #include "replug.inc"
            .globl _start
        _start:
            li s1, 300
        again:
            PATH_BEGIN "the work"
            addi s1, s1, -1
            nop
            PATH_END "the work"
            bnez s1, again
        done:
            j done
        """
    )
    script = GUESTOS / "measure/link.ld"
    assemble([source], tmp_path / "program.elf", link_script=script, include=[INCLUDE], root=tmp_path)

    async def play(screen: Screen) -> None:
        for _ in range(3):  # to `nop`, `bnez` and `addi`
            await screen.press("i")
            first = screen.lines()[1]
            assert ("[the work]" in first) == ("nop" in first or "bnez" in first), first
        await screen.enter("run-for 2")
        await screen.press("+")
        assert "[the work]" in screen.lines()[1]
        await screen.press("shift+tab", "home")  # the cursor at the start of the lane
        assert "M 1 _start" in screen.lines()[1] and "the work" not in screen.lines()[1], screen.text()
        await screen.press("right", "right")
        assert "[the work] " in screen.lines()[1]
        await screen.enter("run-for 1000")
        assert "[the work]" not in screen.lines()[1]

    at_screen(tmp_path / "program.elf", play)
