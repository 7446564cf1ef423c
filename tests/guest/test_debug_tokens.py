# SPDX-License-Identifier: GPL-2.0-or-later
"""The token of a debugger's session names all of it: edits, turns against the schedule, what was typed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator import Machine, MachineOptions
from emulator.debug.records import StopKind
from emulator.debug.session import DebugSession
from emulator.errors import ReplugError
from emulator.loader.elf import open_image
from emulator.replay import replay
from emulator.token import Switch, Token
from guestos.images import Built, build_all

Guest = Callable[[str], Path]
HARTS = 3
BOOT = 300_000  # steps: all harts have started, and the shell's processes come
SSTATUS_SPIE, MSCRATCH = 1 << 5, 0x340
MOVES = (
    "run",
    "hart",
    "alone",
    "alone",
    "edit",
    "edit",
    "edit",
    "type",
    "back",
    "back_hart",
    "goto",
    "until",
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build_all(tmp_path_factory.mktemp("guest"), data=bytes(range(256)) * 40)


def _edit(session: DebugSession, data: st.DataObject) -> None:
    """Something that a guest need not survive, and a debugger must."""
    hart, what = data.draw(st.integers(0, HARTS - 1)), data.draw(st.integers(0, 5))
    value = data.draw(st.integers(0, (1 << 64) - 1))
    engine = session.engine
    if what == 0:
        session.set_x(hart, data.draw(st.integers(1, 31)), engine.get_x(hart, 10) + 1)
    elif what == 1:
        session.set_f(hart, data.draw(st.integers(0, 31)), value)
    elif what == 2:
        session.set_pc(hart, engine.get_pc(data.draw(st.integers(0, HARTS - 1))))
    elif what == 3:
        session.set_privilege(hart, data.draw(st.sampled_from((1, 3))))
    elif what == 4:
        session.set_csr(hart, MSCRATCH, value)
    else:
        place = engine.translate(hart, engine.get_x(hart, 2))
        if place is not None and session.is_ram(place - 64, 8):
            session.write_physical(place - 64, value.to_bytes(8, "little"))


def _move(session: DebugSession, data: st.DataObject, symbols: list[int]) -> None:
    move, hart = data.draw(st.sampled_from(MOVES)), data.draw(st.integers(0, HARTS - 1))
    if move == "run":
        session.run(session.position.step + data.draw(st.integers(1, 20_000)))
    elif move == "hart":
        if not session.engine.is_waiting(hart):  # who sleeps may do so for ever, after such edits
            session.step_hart(hart)
    elif move == "alone":
        session.step_hart_alone(hart, data.draw(st.sampled_from((1, 2, 3, 50, 2000))))
    elif move == "edit":
        _edit(session, data)
    elif move == "type":
        session.type(b"ls\n")
    elif move == "back":
        session.reverse_step_machine(data.draw(st.integers(1, 5000)))
    elif move == "back_hart":
        session.reverse_step_hart(hart)
    elif move == "goto":
        session.goto(data.draw(st.integers(0, session.head.step)))
    else:
        breakpoint = session.break_at(data.draw(st.sampled_from(symbols)))
        session.run(session.position.step + 20_000)
        session.breakpoints.remove(breakpoint.number)


@settings(max_examples=12)
@given(data=st.data())
def test_a_session_is_repeated_and_moved_through_by_its_token(built: Built, data: st.DataObject) -> None:
    quantum = data.draw(st.sampled_from((1, 37, 1000)))
    image = open_image(built.kernel)
    options = MachineOptions(harts=HARTS, quantum=quantum, disk=built.disk)
    with DebugSession(image, options) as session:
        symbols = [symbol.address for symbol in image.symbols if symbol.kind == "function"]
        session.run(data.draw(st.integers(0, BOOT)))
        for _ in range(10):
            _move(session, data, symbols)
        text = session.token().encode()
        token = Token.decode(text)
        assert token.encode() == text
        steps = sorted({data.draw(st.integers(0, session.head.step)) for _ in range(3)} | {session.head.step})
        known = {}
        for step in steps:
            session.goto(step)
            known[step] = (session.position, session.machine.state_hash())
    with DebugSession(image, options, None, token) as again:
        assert again.run().kind in (StopKind.END, StopKind.IDLE, StopKind.EXIT, StopKind.WILD)
        assert again.position.step == steps[-1]
        for step in data.draw(st.permutations(steps)):
            again.goto(step)
            assert (again.position, again.machine.state_hash()) == known[step], step
        assert again.token().encode() == text
    with Machine(image, options) as machine:
        replay(machine, token)
        assert (machine.engine.steps, machine.state_hash()) == (steps[-1], known[steps[-1]][1])


# --- what it takes, one by one ---

LOOP = """
        la s0, counter
        li s1, 0
    again:
        addi s1, s1, 1
        sd s1, 0(s0)
        j again
        .data
        .balign 8
    counter: .dword 0
"""
SLEEPER = """
        csrr t0, mhartid
        bnez t0, other
        wfi
    awake:
        addi s1, s1, 1
        j awake
    other:
        addi s2, s2, 1
        j other
"""


@pytest.fixture
def loop(guest: Guest) -> Path:
    return guest(LOOP)


def _session(path: Path, token: Token | None = None) -> DebugSession:
    return DebugSession(open_image(path), MachineOptions(harts=2, quantum=50), None, token)


def test_a_token_of_a_session_is_short(loop: Path) -> None:
    with _session(loop) as session:
        session.run(1_000_000)
        session.step_hart_alone(1, 10)
        session.set_x(0, 9, 7)
        assert len(session.token().encode()) < 80


def test_a_token_stands_in_the_middle_of_a_block(loop: Path) -> None:
    with _session(loop) as session:
        session.run(1001)
        state, token = session.machine.state_hash(), session.token()
    with Machine(loop, MachineOptions(harts=2, quantum=50)) as machine:
        replay(machine, token)
        assert machine.state_hash() == state


def _read(session: DebugSession, what: str) -> int | None:
    engine = session.engine
    readers: dict[str, Callable[[], int | None]] = {
        "x": lambda: engine.get_x(1, 20),
        "f": lambda: engine.get_f(1, 3),
        "pc": lambda: engine.get_pc(1),
        "privilege": lambda: engine.get_privilege(1),
        "csr": lambda: engine.get_csr(1, MSCRATCH),
        "ram": lambda: int.from_bytes(session.machine.read_physical(0x8010_0000, 8), "little"),
    }
    return readers[what]()


EDITS: dict[str, tuple[Callable[[DebugSession], None], int]] = {
    "x": (lambda session: session.set_x(1, 20, (1 << 64) - 1), (1 << 64) - 1),
    "f": (lambda session: session.set_f(1, 3, 1 << 62), 1 << 62),
    "pc": (lambda session: session.set_pc(1, 0x8000_0000), 0x8000_0000),
    "privilege": (lambda session: session.set_privilege(1, 1), 1),
    "csr": (lambda session: session.set_csr(1, MSCRATCH, 77), 77),
    "ram": (lambda session: session.write_physical(0x8010_0000, b"12345678"), 0x3837_3635_3433_3231),
}


@pytest.mark.parametrize("what", EDITS)
def test_each_kind_of_edit_is_made_again(loop: Path, what: str) -> None:
    apply, value = EDITS[what]
    with _session(loop) as session:
        session.run(501)
        before = _read(session, what)
        apply(session)
        assert _read(session, what) == value != before
        session.goto(500)
        assert _read(session, what) != value
        session.goto(501)
        assert _read(session, what) == value
        token = Token.decode(session.token().encode())
    with _session(loop, token) as again:
        assert again.run().kind is StopKind.END and _read(again, what) == value
    with _session(loop) as fresh:
        replay(fresh.machine, token)
        assert _read(fresh, what) == value


def test_the_end_of_a_recorded_run_can_be_gone_to_at_once(loop: Path) -> None:
    with _session(loop) as session:
        session.run(1234)
        token, expected = session.token(), session.machine.state_hash()
    with _session(loop, token) as session:
        assert session.goto_end().position.step == 1234
        assert session.machine.state_hash() == expected
        session.goto(1000)
        session.set_x(0, 10, 5)  # another future, and what was recorded is none of it
        assert session.goto_end().position.step == 1000
    with Machine(loop, MachineOptions(harts=2, quantum=50)) as machine:
        machine.run(max_instructions=700)
        recorded, expected = Token.of(machine, machine.engine.total_instret), machine.state_hash()
    with _session(loop, recorded) as session:
        session.goto_end()
        assert session.machine.state_hash() == expected


def test_an_edit_at_the_end_is_in_the_token_and_one_that_was_undone_is_not(loop: Path) -> None:
    with _session(loop) as session:
        session.run(500)
        session.set_x(0, 9, 1 << 40)
        token = session.token()
        session.goto(400)
        session.step_hart_alone(1 - session.engine.next_hart)
        undone = session.token()
    with _session(loop, token) as again:
        assert again.run().kind is StopKind.END
        assert again.engine.get_x(0, 9) == 1 << 40
        assert again.goto(499).kind is StopKind.STEP and again.engine.get_x(0, 9) < 1 << 40
    assert [type(entry) for entry in undone.inputs] == [Switch]


def test_a_part_of_a_recorded_session_has_a_token_of_its_own(loop: Path) -> None:
    with _session(loop) as session:
        session.run(500)
        session.set_x(0, 9, 1)
        session.run(1000)
        session.set_x(0, 9, 2)
        token = session.token()
    with _session(loop, token) as again:
        again.run(700)
        part = again.token()
        state = again.machine.state_hash()
        assert len(part.inputs) == 1
    with _session(loop, part) as third:
        assert third.run().position.step == 700 and third.machine.state_hash() == state


def test_a_hart_alone_lets_no_other_run_while_it_sleeps(guest: Guest) -> None:
    with _session(guest(SLEEPER)) as session:
        session.run(2)  # in front of its wfi
        other = session.hart_steps(1)
        stop = session.step_hart_alone(0, 500)
        assert stop.kind is StopKind.IDLE
        assert session.hart_steps(1) == other


def test_what_was_done_behind_the_end_of_the_guest(guest: Guest) -> None:
    path = guest("li t0, 0x100000\n li t1, 0x5555\n sw t1, 0(t0)\n li s1, 5\n sw t1, 0(t0)\n j .\n")
    with DebugSession(open_image(path), MachineOptions()) as session:
        assert session.run().kind is StopKind.EXIT
        first = session.position
        session.set_x(0, 18, 77)
        assert session.run().kind is StopKind.EXIT
        assert session.position.step > first.step
        state, token = session.machine.state_hash(), session.token()
        session.goto(1)
        session.goto(session.head.step)
        assert session.machine.state_hash() == state
    with Machine(path, MachineOptions()) as machine:
        assert replay(machine, token).reason == "exit"
        assert machine.engine.get_x(0, 18) == 77 and machine.engine.get_x(0, 9) == 5


def test_a_machine_that_cannot_repeat_it(loop: Path) -> None:
    with _session(loop) as session:
        session.run(100)
        session.step_hart_alone(1)
        token = session.token()
    options = MachineOptions(harts=2, quantum=50)
    counting = Machine(loop, options, per_instruction=True)
    with counting, pytest.raises(ReplugError, match="counting by instruction"):
        replay(counting, token)
    late = replace(token, inputs=(Switch(50, 1), Switch(49, 0)))
    with Machine(loop, options) as machine, pytest.raises(ReplugError, match="does not come by step 49"):
        replay(machine, late)
