# SPDX-License-Identifier: GPL-2.0-or-later
"""`last`: who wrote or read there, when a path was entered, an inside-flag changed; and if it never was."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emulator import MachineOptions
from emulator.debug.commands.interpreter import Interpreter
from emulator.debug.session import DebugSession
from emulator.debug.symbols import Symbols
from emulator.errors import ReplugError
from emulator.loader.elf import open_image
from guestos.images import SCENARIO, build_all

Guest = Callable[[str], Path]

PROGRAM = """
        la s0, counter
        csrr s7, mhartid
    again:
        addi s1, s1, 1
        bnez s7, reader
    writer:
        sd s1, 0(s0)
    same:
        sd zero, 8(s0)           # a value that is there already
        j again
    reader:
        lw a1, 0(s0)
        j again
    nobody:
        nop
        .data
        .balign 8
    counter: .dword 0
    constant: .dword 0
    unused: .dword 0
"""


@pytest.fixture
def asked(guest: Guest) -> Iterator[Callable[..., list[str]]]:
    """asked(command): what it says at step 1000, and the step and hart where it leads."""
    said: list[str] = []
    with DebugSession(open_image(guest(PROGRAM)), MachineOptions(harts=2, quantum=50)) as session:
        interpreter = Interpreter(session, Symbols(session.machine.image), said.append)

        def ask(command: str) -> list[str]:
            session.run(1000) if session.head.step < 1000 else session.goto(1000)
            interpreter.hart = 1
            state = session.machine.state_hash()
            said.clear()
            interpreter.execute(command)
            if session.position.step == 1000:
                assert session.machine.state_hash() == state and interpreter.hart == 1
            else:
                said.append(f"to hart {session.stop.hart}")
                assert session.stop.hart == interpreter.hart
            return list(said)

        yield ask


@pytest.mark.parametrize(
    ("command", "answer", "hart"),
    [
        ("last write counter", "is about to be written by writer, value", 0),
        ("last counter", "is about to be written by writer, value", 0),
        ("last read counter", "is about to be read by reader, value", 1),
        ("last access counter", "is about to be (read by reader|written by writer)", None),
        ("last write constant", "is about to be written by same, value 0x0", 0),
        ("last exec reader", "reader is about to be executed", 1),
        ("last change counter", "is about to be written by writer", 0),
    ],
)
def test_what_happened_last(
    asked: Callable[..., list[str]], command: str, answer: str, hart: int | None
) -> None:
    said = asked(command)
    assert re.search(answer if hart is None else re.escape(answer), said[0]), said
    assert hart is None or said[-1] == f"to hart {hart}"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("last write unused", "unused has not been written to since the start of the run"),
        ("last read constant", "constant has not been read since the start of the run"),
        ("last access unused", "unused has not been read or written to since the start of the run"),
        ("last change constant", "constant has not changed since the start of the run"),
        ("last exec nobody", "nobody has not been executed since the start of the run"),
    ],
)
def test_what_never_was(asked: Callable[..., list[str]], command: str, answer: str) -> None:
    assert asked(command) == [answer]  # and the machine stays


def test_questions_that_are_none(asked: Callable[..., list[str]]) -> None:
    for command, error in (
        ("last", "last what"),
        ("last write", "write"),
        ("last path nowhere", "no path nowhere is declared"),
        ("last inside", "our own guest only"),
        ("last change 0", "no RAM there"),
    ):
        with pytest.raises(ReplugError, match=error):
            asked(command)


def test_paths_and_inside_flags_of_our_guest(tmp_path: Path) -> None:
    built = build_all(tmp_path, data=bytes(range(256)) * 40)
    options = MachineOptions(harts=2, disk=built.disk, bootargs=SCENARIO)
    said: list[str] = []
    with DebugSession(open_image(built.kernel), options) as session:
        interpreter = Interpreter(session, Symbols(session.machine.image), said.append)
        read = session.machine.image.symbol("sys_read")
        assert read is not None
        for _ in range(3):
            session.break_at(read.address, temporary=True)
            session.run()
            session.step_machine(300)
        end = session.position.step
        interpreter.execute("last path invocation")
        assert any("path invocation is about to be entered by hart" in line for line in said), said
        entered = session.position.step
        said.clear()
        session.goto(end)
        interpreter.execute("last inside")
        assert re.search(r"it is the inside-flag of .*descriptor \d", said[-1]), said
        assert session.stop.hit is not None
        flag = session.stop.hit.physical
        assert entered < end
        before = session.machine.read_physical(flag, 4)
        session.step_hart(session.stop.hart)
        assert session.machine.read_physical(flag, 4) != before
        after = session.machine.read_physical(flag, 4)
        session.goto(end)
        assert session.machine.read_physical(flag, 4) == after  # it was the last change
        said.clear()
        interpreter.execute("last path holding tank leave")
        assert said == ["path holding tank has not been left since the start of the run"]
