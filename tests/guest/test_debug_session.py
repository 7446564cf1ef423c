# SPDX-License-Identifier: GPL-2.0-or-later
"""The debugger's core: a run is the same however it is cut, and its states the same backwards as forwards."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator import Machine, MachineOptions
from emulator.debug.records import Position, StopKind
from emulator.debug.session import DebugSession
from emulator.engine import Access, StopReason
from emulator.loader.elf import open_image
from emulator.replay import replay
from guestos.images import SCENARIO, Built, build_all

Guest = Callable[[str], Path]
HARTS = 4
MOVES = ("run", "step", "hart", "back", "back_hart", "goto", "instruction", "reverse")
BOOT = 400_000  # instructions: through the start of all harts, and into programs that switch

LOOP = """
        la s0, counter
        li s1, 0
    again:
        addi s1, s1, 1
        sd s1, 0(s0)
        lw a1, 8(s0)
        amoadd.d a2, s1, (s0)
        csrr a3, instret
        j again
        .data
        .balign 8
    counter: .dword 0
    other: .dword 0
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build_all(tmp_path_factory.mktemp("guest"), data=bytes(range(256)) * 40)


def _options(built: Built, quantum: int = 1000) -> MachineOptions:
    return MachineOptions(harts=HARTS, quantum=quantum, disk=built.disk, bootargs=SCENARIO)


def _session(built: Built, quantum: int = 1000, console: list[bytes] | None = None) -> DebugSession:
    output = [] if console is None else console
    return DebugSession(open_image(built.kernel), _options(built, quantum), output.append)


def _harts(session: DebugSession) -> list[int]:
    return [session.machine.instret(hart) for hart in range(HARTS)]


# --- the engine: exact stops leave no trace ---


@settings(max_examples=15)
@given(quantum=st.sampled_from((1, 7, 37, 64, 1000)), cuts=st.lists(st.integers(1, 40_000), max_size=30))
def test_exact_stops_change_nothing(built: Built, quantum: int, cuts: list[int]) -> None:
    with (
        Machine(built.kernel, _options(built, quantum)) as whole,
        Machine(built.kernel, _options(built, quantum)) as cut,
    ):
        whole.run(BOOT)
        end = whole.engine.total_instret
        for count in [*cuts, end]:
            stop_at = min(cut.engine.total_instret + count, end)
            while cut.engine.total_instret < stop_at:
                left = stop_at - cut.engine.total_instret
                reason, _ = cut.advance(lambda left=left: cut.engine.run_instructions(left))
                assert reason in (StopReason.LIMIT, StopReason.EVENT)
            assert cut.engine.total_instret == stop_at
        assert whole.run(1000) == cut.run(1000)
        assert whole.state_hash() == cut.state_hash()


@pytest.mark.parametrize("chunk", [1, 2, 3, 5])
def test_every_single_step_changes_nothing(built: Built, chunk: int) -> None:
    with Machine(built.kernel, _options(built)) as whole, Machine(built.kernel, _options(built)) as cut:
        whole.run(30_000)
        while cut.engine.total_instret < whole.engine.total_instret:
            cut.advance(lambda: cut.engine.run_instructions(chunk))
        end = max(whole.engine.total_instret, cut.engine.total_instret) + 1000
        for machine in (whole, cut):
            while machine.engine.total_instret < end:
                machine.advance(
                    lambda machine=machine: machine.engine.run_instructions(
                        end - machine.engine.total_instret
                    )
                )
        assert whole.state_hash() == cut.state_hash()


def test_breakpoints_and_watchpoints_change_nothing(built: Built) -> None:
    with Machine(built.kernel, _options(built)) as plain, Machine(built.kernel, _options(built)) as watched:
        engine = watched.engine
        functions = [s.address for s in watched.image.symbols if s.kind == "function"][::7]
        objects = [s.address for s in watched.image.symbols if s.kind == "object"][::5]
        assert functions
        for number, address in enumerate(functions):
            engine.add_breakpoint(number, address)
        for number, address in enumerate(objects, 1000):
            engine.add_watchpoint(number, address, 8, Access.READ | Access.WRITE, physical=False)
        engine.scan(True)
        plain.run(BOOT)
        while (left := plain.engine.total_instret - engine.total_instret) > 0:
            watched.advance(lambda left=left: engine.run_instructions(left))
        assert engine.hits > 100
        assert plain.run(1000) == watched.run(1000)
        assert plain.state_hash() == watched.state_hash()


# --- the session: the same states backwards as forwards ---


@settings(max_examples=15)
@given(data=st.data())
def test_the_same_states_whichever_way(built: Built, data: st.DataObject) -> None:
    known: dict[int, tuple[Position, str]] = {}
    with _session(built, data.draw(st.sampled_from((1, 37, 1000)))) as session:
        symbols = [s.address for s in session.machine.image.symbols if s.kind == "function"]
        for address in data.draw(st.lists(st.sampled_from(symbols), max_size=3)):
            session.break_at(address)
        session.run(data.draw(st.integers(1, BOOT)))
        for _ in range(12):
            move = data.draw(st.sampled_from(MOVES))
            hart = data.draw(st.integers(0, HARTS - 1))
            if move == "run":
                stop = session.run(session.position.step + data.draw(st.integers(1, 20_000)))
            elif move == "step":
                stop = session.step_machine()
            elif move == "hart":
                stop = session.step_hart(hart)
            elif move == "back":
                stop = session.reverse_step_machine()
            elif move == "back_hart":
                stop = session.reverse_step_hart(hart)
            elif move == "goto":
                stop = session.goto(data.draw(st.integers(0, session.head.step)))
            elif move == "instruction":
                stop = session.goto_instruction(data.draw(st.integers(0, session.head.instructions)))
            else:
                stop = session.reverse()
            assert stop.position == session.position
            state = (session.position, session.machine.state_hash())
            assert known.setdefault(session.position.step, state) == state, move


def test_the_session_sees_the_run_that_boot_sees(built: Built) -> None:
    with Machine(built.kernel, _options(built)) as machine, _session(built) as session:
        machine.run(BOOT)
        session.goto_instruction(machine.engine.total_instret - 50)
        session.reverse_step_hart(2)
        session.goto_instruction(machine.engine.total_instret)
        assert _harts(session) == [machine.instret(hart) for hart in range(HARTS)]


def test_console_output_happens_once(built: Built) -> None:
    console: list[bytes] = []
    with _session(built, console=console) as session:
        session.run(6_000_000)
        seen = b"".join(console)
        session.goto(1000)
        session.run(6_000_000)
        assert b"".join(console) == seen
        session.run(40_000_000)
        assert b"".join(console).startswith(seen)
    with _session(built, console=(plain := [])) as session:
        session.run(40_000_000)
    assert b"".join(plain) == b"".join(console)
    assert seen or console  # the guest does say something in that time


# --- stepping and stopping, on a small program ---


@pytest.fixture
def loop(guest: Guest) -> Iterator[DebugSession]:
    with DebugSession(open_image(guest(LOOP)), MachineOptions(harts=2, quantum=50)) as session:
        yield session


def _address(session: DebugSession, name: str) -> int:
    symbol = session.machine.image.symbol(name)
    assert symbol is not None
    return symbol.address


def test_a_step_of_a_hart_is_one_instruction_of_it(loop: DebugSession) -> None:
    for _ in range(20):
        before = loop.hart_steps(1)
        stop = loop.step_hart(1)
        assert stop.kind is StopKind.STEP and stop.hart == 1
        assert loop.hart_steps(1) == before + 1
    here = loop.engine.get_pc(1)
    loop.step_hart(1)
    loop.reverse_step_hart(1)
    assert loop.engine.get_pc(1) == here


def test_one_hart_alone(loop: DebugSession) -> None:
    loop.run(7)
    others = loop.hart_steps(0)
    for _ in range(120):  # more than a slice
        loop.step_hart_alone(1)
        assert loop.hart_steps(0) == others
    assert loop.hart_steps(1) == 120
    state = loop.machine.state_hash()
    here = loop.position
    loop.goto(3)
    loop.goto(here.step)
    assert loop.machine.state_hash() == state


def test_watched_bytes(loop: DebugSession) -> None:
    counter, other = _address(loop, "counter"), _address(loop, "other")
    watch = loop.watch(counter, 8, Access.WRITE)
    kinds = []
    for _ in range(4):
        stop = loop.run()
        assert stop.kind is StopKind.WATCHPOINT and stop.breakpoint is watch and stop.hit is not None
        assert stop.hit.address == counter
        kinds.append(stop.hit.kind)
    assert kinds == [Access.WRITE, Access.READ | Access.WRITE] * 2
    loop.breakpoints.remove(watch.number)
    loop.watch(other, 4, Access.READ)
    stop = loop.run()
    assert stop.hit is not None and stop.hit.kind is Access.READ and stop.hit.width == 4
    assert stop.hit.address == other


def test_who_wrote_last(loop: DebugSession) -> None:
    counter = _address(loop, "counter")
    loop.run(3000)
    value = loop.machine.read_physical(counter, 8)
    stop = loop.last_access(counter, 8)
    assert stop.kind is StopKind.WATCHPOINT and stop.backwards and stop.hit is not None
    assert loop.engine.get_pc(stop.hart) == stop.hit.pc
    loop.step_machine()
    assert loop.machine.read_physical(counter, 8) == value


def test_a_register_changes(loop: DebugSession) -> None:
    loop.run(30)
    before = loop.engine.get_x(1, 9)
    loop.watch_register(1, 9)
    for _ in range(3):
        stop = loop.run()
        assert stop.kind is StopKind.WATCHPOINT and stop.hart == 1
    assert loop.engine.get_x(1, 9) == before + 3


def test_back_to_a_breakpoint_and_to_the_start(loop: DebugSession) -> None:
    again = _address(loop, "again")
    loop.run(1000)
    loop.break_at(again, harts=frozenset((1,)))
    seen = []
    for _ in range(5):
        stop = loop.reverse()
        assert stop.kind is StopKind.BREAKPOINT and stop.hart == 1 and loop.engine.get_pc(1) == again
        seen.append(stop.position)
    assert seen == sorted(seen, reverse=True)
    forward = loop.run()
    assert forward.position == seen[-2]
    while stop.kind is not StopKind.START:
        stop = loop.reverse()
    assert stop.position == Position(0, 0)
    assert loop.reverse().kind is StopKind.START


def test_conditions_decide(loop: DebugSession) -> None:
    again = _address(loop, "again")
    loop.condition = lambda _breakpoint, hart: hart == 0 and loop.engine.get_x(0, 9) == 7
    loop.break_at(again, condition="its own")
    assert loop.run().kind is StopKind.BREAKPOINT
    assert loop.engine.get_x(0, 9) == 7
    here = loop.position
    loop.run(2000)
    assert loop.reverse().position == here


def test_an_edit_in_the_past_begins_a_new_timeline(loop: DebugSession) -> None:
    said: list[str] = []
    loop.notify = said.append
    loop.run(2000)
    assert loop.head == loop.position
    loop.goto(500)
    loop.set_x(0, 9, 1_000_000)
    assert loop.head == loop.position and "new timeline" in said[0]
    loop.run(1000)
    assert loop.engine.get_x(0, 9) > 1_000_000
    state = loop.machine.state_hash()
    loop.goto(100)
    assert loop.engine.get_x(0, 9) < 1000
    loop.goto(1000)
    assert loop.machine.state_hash() == state  # the edit is part of this timeline's past


def test_code_that_is_written_is_code_that_runs(loop: DebugSession) -> None:
    again = _address(loop, "again")
    loop.run(1000)
    loop.write_virtual(0, again, (0x0000_006F).to_bytes(4, "little"))  # j .
    loop.run(2000)
    assert [loop.engine.get_pc(hart) for hart in (0, 1)] == [again, again]
    loop.goto(999)
    assert loop.machine.read_physical(again, 4) != (0x0000_006F).to_bytes(4, "little")


def test_memory_of_the_history_is_bounded(loop: DebugSession) -> None:
    loop.run(60_000_000)
    assert len(loop.history) < 64
    gaps = [
        later.step - earlier.step
        for earlier, later in zip(loop.history.checkpoints, loop.history.checkpoints[1:], strict=False)
    ]
    assert gaps[-1] < 2_000_000 < max(gaps)


def test_what_is_typed_is_part_of_the_run_and_of_its_token(built: Built) -> None:
    image, options = open_image(built.kernel), MachineOptions(harts=HARTS, disk=built.disk)
    console: list[bytes] = []
    with DebugSession(image, options, console.append) as session:
        assert session.run().kind is StopKind.IDLE  # our shell waits for somebody to type
        session.type(b"echo hello\n")
        session.step_machine(777)
        session.type(b"echo again\n")
        assert session.run().kind is StopKind.IDLE
        end, state = session.position, session.machine.state_hash()
        session.goto(100_000)
        session.goto(end.step)
        assert session.machine.state_hash() == state
        token = session.token()
    assert b"".join(console).count(b"hello") == b"".join(console).count(b"again") == 2  # echo, and its answer
    replayed: list[bytes] = []
    with Machine(built.kernel, options, replayed.append) as machine:
        replay(machine, token)
        assert machine.engine.total_instret == end.instructions
    assert b"".join(replayed) == b"".join(console)
    with DebugSession(image, options, None, token) as again:
        assert again.run().kind is StopKind.END
        assert (again.position, again.machine.state_hash()) == (end, state)
