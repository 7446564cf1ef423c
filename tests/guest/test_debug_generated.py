# SPDX-License-Identifier: GPL-2.0-or-later
"""Code that the guest generates has names in the debugger: those of the present state, forwards and back."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from test_generated_code import PROGRAM
from test_path_attribution import FINISH, HEAD

from emulator import MachineOptions
from emulator.debug.commands.interpreter import Interpreter
from emulator.debug.listing import listing
from emulator.debug.records import StopKind
from emulator.debug.session import DebugSession
from emulator.debug.symbols import Symbols
from guestos.images import GUESTOS, INCLUDE
from toolchain.assemble import assemble

COPIES, APART = 3, 256


class Debugger:
    """A session, and what it says."""

    def __init__(self, session: DebugSession) -> None:
        self.session = session
        self.interpreter = Interpreter(session, Symbols(session.machine.image), lambda _line: None)
        pool = self.interpreter.symbols.address("pool")
        assert pool is not None
        self.pool = pool

    def names(self) -> list[str]:
        """Of the places where copies are to be."""
        name = self.interpreter.symbols.name
        return [name(self.pool + APART * copy + 4) for copy in range(COPIES)]

    def told(self, text: str) -> int:
        """The number of the first source line with a text."""
        image = self.session.machine.image
        assert image is not None
        source = image.path.with_suffix(".S").read_text().splitlines()
        return next(number for number, line in enumerate(source, 1) if text in line)


@pytest.fixture
def debugger(tmp_path: Path) -> Iterator[Debugger]:
    source = tmp_path / "program.S"
    source.write_text(
        HEAD + PROGRAM.replace("FINISH", FINISH).replace("TEMPLATE", "template")
        .replace("TOLD", 'CODE_VALUE "adder", "whom", 18').replace("LENGTH", "12")
    )  # fmt: skip
    image = assemble(
        [source], tmp_path / "program.elf", link_script=GUESTOS / "measure/link.ld", include=[INCLUDE],
        root=tmp_path,
    )  # fmt: skip
    with DebugSession(image, MachineOptions()) as session:
        yield Debugger(session)


def test_names_come_and_go_with_time(debugger: Debugger) -> None:
    session, second = debugger.session, debugger.pool + APART
    none, all_ = debugger.names(), [f"adder [generated]{offset}" for offset in ("+4",) * COPIES]
    assert not any("adder" in name for name in none)
    breakpoint = session.break_at(second)
    assert session.run().kind is StopKind.BREAKPOINT
    there = session.position.step
    assert debugger.names() == [*all_[:2], none[2]]
    assert "whom 0x2" in debugger.interpreter.captured("info generated").splitlines()[-1]
    session.breakpoints.remove(breakpoint.number)
    session.step_machine(200)
    assert debugger.names() == all_
    session.goto(there)
    assert debugger.names() == [*all_[:2], none[2]]
    session.goto(0)
    assert debugger.names() == none
    assert debugger.interpreter.captured("info generated") == "none is declared\n"


def test_every_state_has_its_names_whichever_way_it_is_come_to(debugger: Debugger) -> None:
    session = debugger.session
    forwards = []
    for _ in range(180):
        forwards.append(debugger.names())
        session.step_machine()
    assert len({tuple(names) for names in forwards}) == COPIES + 1
    for step in reversed(range(180)):
        session.goto(step)
        assert debugger.names() == forwards[step], step


def test_another_future_has_other_names(debugger: Debugger) -> None:
    session, ready = debugger.session, debugger.interpreter.symbols.address("ready")
    assert ready is not None
    breakpoint = session.break_at(ready)
    session.run()
    session.step_machine(100)  # to the second copy
    assert "adder" in debugger.names()[0]
    session.reverse()
    session.set_x(0, 8, debugger.pool + APART * 2)  # s0: where the first copy is said to be
    session.breakpoints.remove(breakpoint.number)
    session.step_machine(8)
    assert ["adder" in name for name in debugger.names()] == [False, False, True]


def test_lines_are_those_of_the_template(debugger: Debugger) -> None:
    session, symbols = debugger.session, debugger.interpreter.symbols
    session.break_at(debugger.pool)
    session.run()
    first = debugger.told("line one of the template")
    assert [symbols.line(debugger.pool + 4 * i) for i in range(3)] == [
        ("program.S", first + i) for i in range(3)
    ]
    shown = listing(debugger.interpreter, debugger.pool, source=True)
    assert "adder [generated]" in shown.title
    if shown.source:  # it is found where the image is
        assert shown.rows[shown.current].harts == (0,)
        assert [shown.rows[first - 1 + i].address for i in range(3)] == [
            debugger.pool + 4 * i for i in range(3)
        ]
    text = listing(debugger.interpreter, debugger.pool, source=False)
    assert [row.text for row in text.rows[text.current - 1 : text.current]] == ["adder [generated]:"]
    assert "<adder [generated]>" in debugger.interpreter.where(0)
    assert debugger.interpreter.captured("backtrace").startswith(
        f"#0  {debugger.pool:#x} <adder [generated]>"
    )
    debugger.interpreter.execute("finish")
    assert session.stop.kind is StopKind.BREAKPOINT and session.engine.get_x(0, 10) == 3
