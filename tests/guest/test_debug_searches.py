# SPDX-License-Identifier: GPL-2.0-or-later
"""Searches of the past find what a run forward has met, all of it and nothing else."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator import MachineOptions
from emulator.debug.commands.interpreter import Interpreter
from emulator.debug.records import Stop, StopKind
from emulator.debug.session import DebugSession
from emulator.debug.symbols import Symbols
from emulator.engine import Access, Engine
from emulator.loader.elf import open_image
from guestos.images import SCENARIO, Built, build_all

Guest = Callable[[str], Path]
HARTS = 4
KINDS = (Access.WRITE, Access.READ, Access.READ | Access.WRITE)
What = tuple[int, int, Access, int]  # what was met: in front of which step, at which pc, how, by which hart

BUSY = """
        .option arch, +d
        li t0, 0x6000            # floating point is on
        csrs mstatus, t0
        la s0, area
        li s1, 0
        csrr s7, mhartid
    again:
        addi s1, s1, 1
        sd s1, 0(s0)
        ld a0, 0(s0)
        sw s1, 12(s0)
        lhu a1, 14(s0)
        sb s1, 17(s0)
        amoadd.d a2, s1, (s0)
        amoswap.w a3, s1, (s0)
        addi s2, s0, 24
    retry:
        lr.d a4, (s2)
        addi a4, a4, 1
        sc.d a5, a4, (s2)
        bnez a5, retry
        fld fa0, 0(s0)
        fsd fa0, 32(s0)
        sd s1, 43(s0)            # not aligned
        lw a6, 45(s0)
        li t0, 4032
        add t0, t0, s0
        sd s1, 59(t0)            # across the page's end
        lwu a7, 62(t0)
        bnez s7, again
        andi t1, s1, 15
        bnez t1, again
        sd s1, 56(s0)            # seldom
        j again
        .data
        .balign 4096
    area: .zero 8192
"""
"""Every kind of access to one page and over its end, by two harts."""
NEVER = 80  # bytes into the area: nobody goes there


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build_all(tmp_path_factory.mktemp("guest"), data=bytes(range(256)) * 40)


def _address(session: DebugSession, name: str) -> int:
    symbol = session.machine.image.symbol(name)
    assert symbol is not None
    return symbol.address


def _what(stop: Stop) -> What:
    assert stop.hit is not None
    return stop.hit.step, stop.hit.pc, stop.hit.kind, stop.hit.hart


def _all_forwards(session: DebugSession, end: int) -> list[What]:
    met = []
    while (stop := session.run(end)).hit is not None:
        met.append(_what(stop))
    assert stop.kind is StopKind.STEP
    return met


def _some_backwards(session: DebugSession, count: int) -> list[What]:
    met = []
    for _ in range(count):
        stop = session.reverse()
        if stop.hit is None:
            assert stop.kind is StopKind.START and session.position.step == 0
            break
        assert stop.backwards and stop.position == session.position
        assert stop.position.step == stop.hit.step
        met.append(_what(stop))
    return met


def _compare(session: DebugSession, begin: int, end: int, count: int) -> int:
    """The latest `count` hits back from `end` are those of going there; how many there are behind `begin`."""
    session.goto(begin)
    forwards = _all_forwards(session, end)
    session.goto(end)
    backwards = [met for met in _some_backwards(session, count) if met[0] >= begin]
    # Several may be met at one step: an access is in front of what is executed there.
    steps = sorted({step for step, *_ in forwards if step >= begin}, reverse=True)
    assert [step for step, *_ in backwards] == steps[:count]
    assert set(backwards) <= set(forwards)
    return len(steps)


@pytest.mark.parametrize(
    ("kind", "offset"),
    [(Access.WRITE, 17), (Access.READ, 14), (Access.READ, 4096), (Access.EXECUTE, 0)],
)
def test_each_kind_by_itself(guest: Guest, kind: Access, offset: int) -> None:
    with DebugSession(open_image(guest(BUSY)), MachineOptions(harts=2, quantum=50)) as session:
        session.run(100)
        if kind is Access.EXECUTE:
            session.break_at(session.engine.get_pc(1), harts=frozenset((1,)))
        else:
            session.watch(_address(session, "area") + offset, 1, kind)
        assert _compare(session, 0, 2000, 6) > 6


@settings(max_examples=15)
@given(data=st.data())
def test_every_access_is_found_and_nothing_else(guest: Guest, data: st.DataObject) -> None:
    options = MachineOptions(harts=2, quantum=data.draw(st.sampled_from((7, 50, 1000))))
    with DebugSession(open_image(guest(BUSY)), options) as session:
        session.run(100)
        area = _address(session, "area")
        for _ in range(data.draw(st.integers(1, 3))):
            offset = data.draw(st.one_of(st.integers(0, 72), st.integers(4080, 4110)))
            session.watch(
                area + offset,
                data.draw(st.sampled_from((1, 2, 4, 8, 24))),
                data.draw(st.sampled_from(KINDS)),
            )
        if data.draw(st.booleans()):
            pc = session.engine.get_pc(data.draw(st.integers(0, 1)))
            session.break_at(pc, harts=data.draw(st.sampled_from((None, frozenset((1,))))))
        end = data.draw(st.integers(500, 4000))
        _compare(session, max(end - 2000, 0), end, 6)


@pytest.mark.parametrize("place", [56, NEVER])
def test_a_search_that_goes_far_back_runs_at_full_speed(
    guest: Guest, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    """Only where something may have been met is every access looked at."""
    slowly = 0
    with DebugSession(open_image(guest(BUSY)), MachineOptions(harts=2)) as session:
        area = _address(session, "area")
        session.run(3000)
        session.write_physical(session.engine.get_pc(0), b"\x6f\0\0\0")  # hart 0 stays here
        end = session.run(3_000_000).position.step
        run_steps, scan, sieve = Engine.run_steps, Engine.scan, Engine.sieve
        scanning = sieving = False

        def note_scan(engine: Engine, on: bool) -> None:
            nonlocal scanning
            scanning = on
            scan(engine, on)

        def note_sieve(engine: Engine, on: bool) -> bool:
            nonlocal sieving
            sieving = on
            return sieve(engine, on)

        def count(engine: Engine, *args: int | None, alone: bool = False) -> object:
            nonlocal slowly
            before = engine.steps
            reason = run_steps(engine, *args, alone=alone)
            if scanning and not sieving:
                slowly += engine.steps - before
            return reason

        monkeypatch.setattr(Engine, "scan", note_scan)
        monkeypatch.setattr(Engine, "sieve", note_sieve)
        monkeypatch.setattr(Engine, "run_steps", count)
        stop = session.last_access(area + place, 8)
        found = place != NEVER
        assert (stop.kind is StopKind.WATCHPOINT) == found and (stop.position.step == 0) != found
        assert (slowly < end // 2) if found else slowly == 0


@settings(max_examples=8)
@given(data=st.data())
def test_the_kernel_is_searched_as_it_ran(built: Built, data: st.DataObject) -> None:
    """Under Sv39, with devices that write to RAM and harts that sleep."""
    options = MachineOptions(harts=HARTS, quantum=1000, disk=built.disk, bootargs=SCENARIO)
    with DebugSession(open_image(built.kernel), options) as session:
        symbols = session.machine.image.symbols
        functions = [s.address for s in symbols if s.kind == "function"]
        objects = [(s.address, min(s.size, 64)) for s in symbols if s.kind == "object" and s.size]
        for address in data.draw(st.lists(st.sampled_from(functions), max_size=2)):
            session.break_at(address)
        for address, size in data.draw(st.lists(st.sampled_from(objects), min_size=1, max_size=3)):
            session.watch(address, size, data.draw(st.sampled_from(KINDS)))
        end = data.draw(st.integers(150_000, 300_000))
        _compare(session, end - 3000, end, 4)


REGISTER = """
        csrr s7, mhartid
        li s2, 300
        li s3, 0x2004000         # mtimecmp, all ones
    again:
        addi s2, s2, -1
        andi t0, s2, 7
        bnez t0, again
        csrr s1, instret         # the engine does this one
        mv s1, s2
        ld s1, 0(s3)             # a device's
        jal s1, again            # the last of its block
"""


@settings(max_examples=8)
@given(data=st.data())
def test_a_watched_register_changes_where_it_does(guest: Guest, data: st.DataObject) -> None:
    options = MachineOptions(harts=2, quantum=data.draw(st.sampled_from((1, 7, 50))))
    with DebugSession(open_image(guest(REGISTER)), options) as session:
        hart, end = data.draw(st.integers(0, 1)), data.draw(st.integers(100, 1000))
        session.watch_register(hart, 9)
        forwards = _all_forwards(session, end)
        for step, _, _, who in forwards:
            session.goto(step)
            before = session.engine.get_x(hart, 9)
            session.goto(step + 1)
            assert who == hart and session.engine.get_x(hart, 9) != before
        session.goto(end)
        backwards = _some_backwards(session, 5)
        assert forwards and backwards == forwards[:-6:-1]


def test_what_a_user_writes_to_a_watched_register_is_no_change_of_the_guest(guest: Guest) -> None:
    with DebugSession(open_image(guest(REGISTER)), MachineOptions()) as session:
        session.watch_register(0, 10)
        session.run(5)
        session.set_x(0, 10, 77)
        assert session.run(100).kind is StopKind.STEP


def test_a_search_that_is_interrupted_changes_nothing(built: Built) -> None:
    """Neither in the machine nor outside; and a question about the past ends where it was asked."""
    console: list[bytes] = []
    options = MachineOptions(harts=HARTS, disk=built.disk, bootargs=SCENARIO)
    with DebugSession(open_image(built.kernel), options, console.append) as session:
        said: list[str] = []
        interpreter = Interpreter(session, Symbols(session.machine.image), said.append)
        end = session.run(6_000_000).position
        state, seen = session.machine.state_hash(), b"".join(console)
        searched = 0

        def interrupt() -> None:
            nonlocal searched
            searched += not session.is_live
            if searched == 3:
                session.pause()

        session.look = interrupt
        interpreter.execute("last exec panic")
        assert searched >= 3 and said[0].startswith("interrupted: panic has not been executed")
        assert (session.position, session.machine.state_hash()) == (end, state)
        searched = 0
        panic = session.break_at(_address(session, "panic"))
        assert session.reverse().kind is StopKind.PAUSED and session.position < end
        session.breakpoints.remove(panic.number)
        session.look = lambda: None
        session.goto(end.step)
        assert session.machine.state_hash() == state and b"".join(console) == seen
        assert session.head == end
