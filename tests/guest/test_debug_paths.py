# SPDX-License-Identifier: GPL-2.0-or-later
"""The debugger knows which named path each hart is in, at every state, whichever way it comes there."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from test_path_attribution import FINISH, HEAD

from emulator import MachineOptions
from emulator.debug.session import DebugSession
from guestos.images import GUESTOS, INCLUDE
from toolchain.assemble import assemble
from toolchain.image import CODE_GENERATED, PathMark

Open = Callable[..., DebugSession]

NESTED = """
    nop
    PATH_END "never begun"
    PATH_BEGIN "outer"
    nop
    PATH_BEGIN "inner"
    nop
    nop
    PATH_BEGIN "inner"
    nop
    PATH_END "inner"
    nop
    PATH_END "inner"
    nop
    PATH_END "outer"
    nop
"""
NESTED_PATHS = ["", "", "outer", "inner", "inner", "inner", "inner", "outer", ""]

# Both harts run thread 7 by turns, and thread 9: the paths go along.
THREADS = """
    csrr s0, mhartid
    li s2, 7
    li s3, 9
    bnez s0, second
    PATH_THREAD 18
    nop
    PATH_BEGIN "of 7"
    nop
    PATH_THREAD 19
    nop
    PATH_BEGIN "of 9"
    nop
    li s4, 1
    la s5, turn
    sw s4, 0(s5)
1:  j 1b
second:
    la s5, turn
2:  lw s4, 0(s5)
    beqz s4, 2b
    PATH_THREAD 18
    nop
    nop
    PATH_END "of 7"
    nop
    nop
3:  j 3b
    .section .bss
turn: .word 0
"""

# A path in a loop, cut by everything: calls, a trap, blocks of all sizes.
LOOP = """
    la t0, handler
    csrw mtvec, t0
    li s1, 40
again:
    PATH_BEGIN "turn"
    addi s1, s1, -1
    call leaf
    PATH_END "turn"
    bnez s1, again
    FINISH
leaf:
    PATH_BEGIN "leaf"
    ecall
    nop
    PATH_END "leaf"
    ret
    .balign 4
handler:
    PATH_BEGIN "handler"
    csrr t1, mepc
    addi t1, t1, 4
    csrw mepc, t1
    PATH_END "handler"
    mret
"""


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    made: list[DebugSession] = []

    def open_it(text: str, **options: int) -> DebugSession:
        source = tmp_path / "program.S"
        source.write_text(HEAD + text.replace("FINISH", FINISH))
        image = assemble(
            [source], tmp_path / "program.elf", link_script=GUESTOS / "measure/link.ld", include=[INCLUDE],
            root=tmp_path,
        )  # fmt: skip
        made.append(DebugSession(image, MachineOptions(memory=1 << 22, **options)))  # type: ignore[arg-type]
        return made[-1]

    yield open_it
    for session in made:
        session.close()


def _paths(session: DebugSession) -> list[str]:
    samples = session.keep_samples()
    return [samples.path(session.engine, hart) for hart in range(session.machine.harts)]


def test_the_innermost_one_counts(opened: Open) -> None:
    session = opened(NESTED)
    found = []
    for _ in NESTED_PATHS:
        found += _paths(session)
        session.step_machine()
    assert found == NESTED_PATHS
    for step in reversed(range(len(NESTED_PATHS))):
        session.goto(step)
        assert _paths(session) == [NESTED_PATHS[step]]


def test_threads_take_their_paths_along(opened: Open) -> None:
    session = opened(THREADS, harts=2, quantum=5)
    states = []
    for _ in range(400):
        states.append(tuple(_paths(session)))
        session.step_machine()
    of_hart_0 = list(dict.fromkeys(each[0] for each in states))
    assert of_hart_0 == ["", "of 7", "of 9"] and states[-1] == ("of 9", "")
    assert ("of 9", "of 7") in states  # thread 7 has come to the other hart
    for step in range(399, 0, -13):
        session.goto(step)
        assert tuple(_paths(session)) == states[step], step


def test_every_state_has_its_paths_however_it_is_come_to(opened: Open) -> None:
    session = opened(LOOP)
    one_by_one = []
    for _ in range(600):
        one_by_one.append(_paths(session))
        session.step_machine()
    assert {path for paths in one_by_one for path in paths} == {"", "turn", "leaf", "handler"}
    whole = session.position.step
    for step in [*range(0, 600, 7), *range(599, 0, -11)]:  # in one go, and back
        session.goto(step)
        assert _paths(session) == one_by_one[step], step
    leaf = next(note.address for note in session.machine.image.notes if note.name == "leaf")
    session.break_at(leaf)
    session.goto(0)
    for _ in range(5):
        session.run()
        assert _paths(session) == ["turn"]
        session.step_machine()
        assert _paths(session) == ["leaf"] and session.position.step < whole
    session.reverse()
    session.reverse()
    assert _paths(session) == ["turn"]


def test_another_future_has_other_paths(opened: Open) -> None:
    session = opened(LOOP)
    _paths(session)
    session.step_machine(300)
    session.goto(4)  # in front of the first turn
    end = next(n.address for n in session.machine.image.notes if n.name == "turn" and n.kind == 2)
    session.set_pc(0, end)
    session.step_machine()
    assert _paths(session) == [""]  # it has ended what had not begun
    session.step_machine(2)
    assert _paths(session) == ["turn"]


def test_notes_on_what_is_not_in_ram_do_no_harm(opened: Open) -> None:
    session = opened(NESTED)
    image = session.machine.image
    elsewhere = [replace(note, address=0x100) for note in image.notes]
    code = [PathMark(CODE_GENERATED, 0x100, 10, "code", "")]
    moved = replace(image, notes=tuple(elsewhere), code_notes=tuple(code))
    with DebugSession(moved, MachineOptions(memory=1 << 22)) as other:
        assert _paths(other) == [""] and other.generated() == []
        other.step_machine(5)
        assert _paths(other) == [""] and other.generated() == []
