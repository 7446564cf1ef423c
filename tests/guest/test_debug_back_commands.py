# SPDX-License-Identifier: GPL-2.0-or-later
"""reverse-step, reverse-next and reverse-finish undo what step, next and finish do: through recursion,
frameless functions, interrupts and traps; and whatever way a state is reached, it is the same one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator import MachineOptions
from emulator.debug.commands.interpreter import Interpreter
from emulator.debug.session import DebugSession
from emulator.debug.symbols import Symbols
from emulator.errors import ReplugError
from emulator.loader.elf import open_image
from guestos.images import SCENARIO, Built, build_all

Guest = Callable[[str], Path]

PROGRAM = """
        la sp, stack
        csrr s7, mhartid
        slli t0, s7, 10
        sub sp, sp, t0
        la t0, handler
        csrw mtvec, t0
        li s6, 0x2004000         # mtimecmp, by hart
        slli t0, s7, 3
        add s6, s6, t0
        li t0, 1
        sd t0, 0(s6)
        li t0, 0x80
        csrs mie, t0
        csrsi mstatus, 8
    again:
        li a0, 3
        jal recurse
        jal leaf
        jal leaf
    loop:                        # entered behind a call, and by a jump
        addi s1, s1, 1
        andi t0, s1, 3
    jump:
        bnez t0, loop
        ecall
        jal t0, leaf2
        j again

    .type recurse, @function
    recurse:
        addi sp, sp, -16
        sd ra, 8(sp)
        sd a0, 0(sp)
        addi a0, a0, -1
        blez a0, bottom
    inner:
        jal recurse
    behind:
        jal leaf
    bottom:
        ld a0, 0(sp)
        ld ra, 8(sp)
        addi sp, sp, 16
        ret
        .size recurse, . - recurse
    .type leaf, @function
    leaf:
        addi s2, s2, 1
        ret
        .size leaf, . - leaf
    .type leaf2, @function
    leaf2:
        addi s3, s3, 1
        jr t0
        .size leaf2, . - leaf2
    .balign 4
    .type handler, @function
    handler:
        addi sp, sp, -32
        sd t0, 0(sp)
        sd t1, 8(sp)
        csrr t0, mcause
        bgez t0, exception
        li t0, 0x200bff8         # again in a tick
        ld t1, 0(t0)
        addi t1, t1, 1
        sd t1, 0(s6)
        j done
    exception:
        csrr t0, mepc
        addi t0, t0, 4
        csrw mepc, t0
    done:
        ld t1, 8(sp)
        ld t0, 0(sp)
        addi sp, sp, 32
        mret
        .size handler, . - handler
        .bss
        .balign 16
        .skip 4096
    stack:
"""
HARTS = 2


@contextmanager
def _interpreter(path: Path, options: MachineOptions) -> Iterator[tuple[Interpreter, list[str]]]:
    said: list[str] = []
    image = open_image(path)
    with DebugSession(image, options) as session:
        yield Interpreter(session, Symbols(image), said.append), said


def _place(interpreter: Interpreter) -> tuple[int, int, int]:
    engine, hart = interpreter.session.engine, interpreter.hart
    return hart, engine.get_pc(hart), engine.get_x(hart, 2)


def _symbol(interpreter: Interpreter, name: str) -> int:
    symbol = interpreter.session.machine.image.symbol(name)
    assert symbol is not None
    return symbol.address


PLAIN = """
        la s0, spot
    again:
        addi s1, s1, 1
        sd s1, 0(s0)
    behind:
        addi s2, s2, 1
        j again
    nowhere:
        nop
        .data
        .balign 8
    spot: .dword 0
"""


def test_what_commands_set_for_themselves_takes_no_number_and_does_not_stay(guest: Guest) -> None:
    said: list[str] = []
    with DebugSession(open_image(guest(PLAIN)), MachineOptions(harts=1)) as session:
        interpreter = Interpreter(session, Symbols(session.machine.image), said.append)
        for command in ("until behind", "nexti", "reverse-nexti", "last write spot", "last exec again"):
            interpreter.execute(command)
        interpreter.execute("break again")
        assert said[-1].startswith("breakpoint 1 at ")
        interpreter.execute("until nowhere")
        assert "breakpoint 1" in "".join(said[-2:])  # which comes first
        interpreter.execute("tbreak behind")
        assert said[-1].startswith("breakpoint 2 at ")
        assert [each.number for each in session.breakpoints] == [1, 2]


@pytest.mark.parametrize("kind", ["step", "next", "stepi", "nexti"])
def test_steps_are_undone_one_by_one(guest: Guest, kind: str) -> None:
    options = MachineOptions(harts=HARTS, quantum=50)
    with _interpreter(guest(PROGRAM), options) as (interpreter, _):
        interpreter.execute("until again")
        places = [_place(interpreter)]
        for _ in range(150):
            interpreter.execute(kind)
            places.append(_place(interpreter))
        assert interpreter.session.engine.traps(interpreter.hart) >= 2  # interrupts came in between
        for place in places[-2::-1]:
            interpreter.execute(f"reverse-{kind}")
            assert _place(interpreter) == place


def _until(interpreter: Interpreter, address: int, sp: int | None = None) -> None:
    """On until its hart is there, with that stack pointer."""
    session, hart = interpreter.session, interpreter.hart
    condition = None if sp is None else f"$sp == {sp}"
    session.break_at(address, harts=frozenset((hart,)), condition=condition, temporary=True)
    interpreter.report(session.run())
    assert session.engine.get_pc(hart) == address


def test_reverse_finish_means_the_frame_that_it_stands_in(guest: Guest) -> None:
    options = MachineOptions(harts=HARTS, quantum=50)
    with _interpreter(guest(PROGRAM), options) as (interpreter, _):
        bottom, recurse = _symbol(interpreter, "bottom"), _symbol(interpreter, "recurse")
        interpreter.execute("until again")
        interpreter.execute("next")
        hart, outside, sp = _place(interpreter)
        inside, behind = _symbol(interpreter, "inner"), _symbol(interpreter, "behind")
        _until(interpreter, bottom)
        for place in ((hart, inside, sp - 32), (hart, inside, sp - 16), (hart, outside, sp)):
            interpreter.execute("reverse-finish")
            assert _place(interpreter) == place
        # Behind the deeper calls, they are not meant.
        _until(interpreter, behind, sp - 16)
        interpreter.execute("reverse-next")
        assert _place(interpreter) == (hart, inside, sp - 16)
        _until(interpreter, behind, sp - 16)
        interpreter.execute("reverse-finish")
        assert _place(interpreter) == (hart, outside, sp)
        _until(interpreter, recurse)
        interpreter.execute("reverse-finish")
        assert _place(interpreter) == (hart, outside, sp)


def test_a_loop_behind_a_call_is_no_call(guest: Guest) -> None:
    with _interpreter(guest(PROGRAM), MachineOptions()) as (interpreter, _):
        loop = _symbol(interpreter, "loop")
        _until(interpreter, loop)
        interpreter.execute("next")
        _until(interpreter, loop)
        interpreter.execute("reverse-next")
        assert _place(interpreter)[1] == _symbol(interpreter, "jump")  # no call, though one is in front of it


@pytest.mark.parametrize(
    "command",
    ["stepi", "step", "nexti", "next", "step-machine", "continue", "finish"],
)
def test_nothing_is_in_front_of_the_start(guest: Guest, command: str) -> None:
    with _interpreter(guest(PROGRAM), MachineOptions(harts=2)) as (interpreter, said):
        if command == "finish":
            interpreter.execute("stepi 2")
        interpreter.execute(f"reverse-{command}" if command != "finish" else "reverse-stepi 9")
        assert said[-2] == "the start of the run" and interpreter.session.position.step == 0


MOVES = (
    "stepi", "step", "nexti", "next", "finish", "step-machine 7", "step-alone 3", "continue",
    "reverse-stepi", "reverse-step", "reverse-nexti", "reverse-next", "reverse-finish",
    "reverse-step-machine 9", "reverse-continue", "goto end",
)  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build_all(tmp_path_factory.mktemp("guest"), data=bytes(range(256)) * 40)


@settings(max_examples=6)
@given(data=st.data())
def test_commands_lead_to_the_same_states_whichever_way(built: Built, data: st.DataObject) -> None:
    """In our kernel, on four harts, through its traps, sleeps and devices."""
    options = MachineOptions(harts=4, quantum=200, disk=built.disk, bootargs=SCENARIO)
    known: dict[int, str] = {}
    with _interpreter(built.kernel, options) as (interpreter, said):
        session = interpreter.session
        functions = [each for each in session.machine.image.symbols if each.kind == "function"]
        farthest = 0

        def look() -> None:
            if session.is_live and session.position.step > farthest + 20_000:
                session.pause()

        session.look = look
        farthest = data.draw(st.integers(100_000, 250_000))
        session.run(farthest)
        for _ in range(14):
            farthest = session.position.step
            interpreter.hart = data.draw(st.integers(0, 3))
            move = data.draw(st.sampled_from(MOVES))
            if "continue" in move:
                interpreter.execute("delete")
                interpreter.execute(f"break {data.draw(st.sampled_from(functions)).name}")
            try:
                interpreter.execute(move)
            except ReplugError as error:  # no caller is known, and the like
                said.append(str(error))
            if move.startswith("step-alone") or any("new timeline" in line for line in said):
                known = {step: state for step, state in known.items() if step <= session.position.step}
                known.pop(session.position.step, None)
                said.clear()
            state = session.machine.state_hash()
            assert known.setdefault(session.position.step, state) == state, move
        for step, state in known.items():
            session.goto(step)
            assert session.machine.state_hash() == state, step
