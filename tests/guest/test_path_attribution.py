# SPDX-License-Identifier: GPL-2.0-or-later
"""Whose cost an instruction is: own, including callees, and interrupts told apart, in programs whose costs
are known to the instruction.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from emulator import MachineOptions
from emulator.cycles.models import IDEAL, Model
from emulator.cycles.paths import PathCost
from emulator.cycles.scenario import run_image
from emulator.engine import Pipeline
from guestos.images import GUESTOS, INCLUDE
from toolchain.assemble import assemble

Costs = Mapping[str, PathCost]
Made = Callable[..., Costs]
TRAP = 7  # cycles of taking a trap, and of returning from it
TRAPS_COST = Model("traps cost", "these tests", "all else", Pipeline(trap=TRAP))

HEAD = """
#include "replug.inc"
    .option norvc
    .globl _start
_start:
"""
FINISH = """
    li t0, 0x100000
    li t1, 0x5555
    sw t1, 0(t0)
9:  j 9b
"""


def nops(count: int) -> str:
    return f"    .rept {count}\n    nop\n    .endr\n"


LOOP = 1 + 2 * 700
WAIT = """
    li t1, 700
5:  addi t1, t1, -1
    bnez t1, 5b
"""
"""LOOP instructions: longer than a slice, at whose border interrupts are taken."""


@pytest.fixture
def costs_of(tmp_path: Path) -> Made:
    def run(text: str, **options: int) -> Costs:
        source = tmp_path / "program.S"
        source.write_text(HEAD + text)
        image = assemble(
            [source], tmp_path / "program.elf", link_script=GUESTOS / "measure/link.ld", include=[INCLUDE],
            root=tmp_path,
        )  # fmt: skip
        done = run_image(image, MachineOptions(**options), [IDEAL, TRAPS_COST], max_instructions=1_000_000)  # type: ignore[arg-type]
        assert (done.outcome.reason, done.outcome.status) == ("exit", 0)
        return {cost.full_label: cost for cost in done.costs}

    return run


def three(cost: PathCost) -> tuple[int, int, int]:
    """(own, total, interrupts) in instructions, the same for all its calls."""
    found = []
    for spread in (cost.own.instructions, cost.instructions, cost.interrupts.instructions):
        assert spread.min == spread.max, (cost.full_label, spread)
        found.append(spread.min)
    return found[0], found[1], found[2]


NESTED = f"""
    PATH_BEGIN "outer"
{nops(3)}
    PATH_BEGIN "middle"
{nops(5)}
    PATH_BEGIN "inner"
{nops(7)}
    PATH_END "inner"
{nops(11)}
    PATH_END "middle"
{nops(13)}
    PATH_BEGIN "inner"
{nops(7)}
    PATH_END "inner"
{nops(17)}
    PATH_END "outer"
{FINISH}
"""


def test_nested(costs_of: Made) -> None:
    costs = costs_of(NESTED)
    assert three(costs["inner"]) == (7, 7, 0)
    assert costs["inner"].calls == 2
    assert three(costs["middle"]) == (16, 23, 0)
    assert three(costs["outer"]) == (33, 33 + 23 + 7, 0)


@pytest.mark.parametrize("place", ["outer", "middle", "inner"])
def test_nops_raise_exactly_their_rows(costs_of: Made, place: str) -> None:
    """Nops inside a path: its own cost, and the totals of those around it."""
    begin = f'    PATH_BEGIN "{place}"\n'
    padded = costs_of(NESTED.replace(begin, begin + nops(100), 1))
    plain = costs_of(NESTED)
    around = {"inner": ("middle", "outer"), "middle": ("outer",), "outer": ()}
    for name, before in plain.items():
        own = 100 if name == place else 0
        total = 100 if name == place or name in around[place] else 0
        now = padded[name]
        assert now.own.instructions.max == before.own.instructions.max + own, name
        assert now.instructions.max == before.instructions.max + total, name
        assert now.interrupts == before.interrupts


def test_recursion(costs_of: Made) -> None:
    """Ten deep, then a thousand: each instance by itself, the innermost first."""
    program = """
    la sp, top
    li a0, DEPTH
    jal down
    FINISH
down:
    PATH_BEGIN "down"
    PATH_VALUE "down", "left", 10
    beqz a0, 1f
    addi sp, sp, -16
    sd ra, 0(sp)
    addi a0, a0, -1
    jal down
    ld ra, 0(sp)
    addi sp, sp, 16
1:  PATH_END "down"
    ret
    .bss
    .balign 16
    .skip 16 * 1024
top:
    """
    for depth in (10, 900):
        costs = costs_of(program.replace("FINISH", FINISH).replace("DEPTH", str(depth)))
        assert len(costs) == depth + 1
        assert three(costs["down (left 0)"]) == (1, 1, 0)
        own = 7 + 1  # of a caller; and the ret of its callee, which is behind the callee's end
        for left in range(1, depth + 1):
            assert three(costs[f"down (left {left})"]) == (own, 1 + own * left, 0)


def test_early_exit_and_steps(costs_of: Made) -> None:
    """Every way out has its own end; a path that is left without one stays open and is no call."""
    costs = costs_of(f"""
    li s0, 4
1:  PATH_BEGIN "path"
    PATH_STEP "path", "one"
    nop
    andi t0, s0, 1
    beqz t0, 2f
    PATH_STEP "path", "two"
{nops(5)}
    PATH_END "path"
    j 3f
2:  PATH_IS "path", "short"
    PATH_END "path"
    nop
3:  PATH_BEGIN "never ends"
    addi s0, s0, -1
    bnez s0, 1b
{FINISH}
""")
    assert {label: (cost.calls, three(cost)) for label, cost in costs.items()} == {
        "path": (2, (8, 8, 0)), "path: one": (2, (3, 3, 0)), "path: two": (2, (5, 5, 0)),
        "short": (2, (3, 3, 0)), "short: one": (2, (3, 3, 0)),
    }  # fmt: skip


def test_paths_that_overlap(costs_of: Made) -> None:
    """One that ends before one that it opened: the own cost is that of whichever was opened last."""
    costs = costs_of(f"""
    PATH_BEGIN "first"
{nops(2)}
    PATH_BEGIN "second"
{nops(3)}
    PATH_END "first"
{nops(5)}
    PATH_END "second"
{FINISH}
""")
    assert three(costs["first"]) == (2, 5, 0)
    assert three(costs["second"]) == (8, 8, 0)


MIGRATION = f"""
    la t0, struct
    bnez a0, other
    PATH_THREAD 5                       // t0
    PATH_BEGIN "moving"
{nops(10)}
    PATH_THREAD 0                       // nobody, before the other hart may have it
    fence
    li t1, 1
    sd t1, 0(t0)
1:  j 1b                                // spins meanwhile
other:
    PATH_BEGIN "of the other hart"
2:  ld t1, 0(t0)
    beqz t1, 2b
    PATH_THREAD 5
{nops(20)}
    PATH_END "moving"
    PATH_THREAD 0
    la t2, hart
    PATH_THREAD 7
{FINISH}
    .data
    .balign 8
struct: .dword 0
hart: .dword 0
"""


@pytest.mark.parametrize("quantum", [1, 7, 1000])
def test_migration_between_harts(costs_of: Made, quantum: int) -> None:
    """A path goes with its thread; what either hart does without that thread is not its cost."""
    assert three(costs_of(MIGRATION, harts=2, quantum=quantum)["moving"]) == (30, 30, 0)


# A software interrupt for the hart itself, raised inside the path; the handler takes HANDLER instructions.
HANDLER = 3 + 40 + 1
INTERRUPTED = f"""
    la t0, handler
    csrw mtvec, t0
    li t0, 8
    csrw mie, t0
    csrsi mstatus, 8
    li s0, 0x2000000                    // msip of hart 0
    li s1, 1
    PATH_BEGIN "outer"
{nops(3)}
    PATH_BEGIN "path"
    PATH_STEP "path", "one"
{nops(10)}
    PATH_STEP "path", "two"
    sw s1, 0(s0)
{WAIT}
    PATH_STEP "path", "three"
{nops(20)}
    PATH_END "path"
{nops(5)}
    PATH_END "outer"
{FINISH}
    .balign 4
handler:
    PATH_BEGIN "handler"
    sw zero, 0(s0)
    nop
    nop
{nops(40)}
    PATH_END "handler"
    mret
"""


@pytest.mark.parametrize("quantum", [10, 97, 1000])
def test_interrupts_are_told_apart(costs_of: Made, quantum: int) -> None:
    costs = costs_of(INTERRUPTED, quantum=quantum)
    assert three(costs["path"]) == (31 + LOOP, 31 + LOOP, HANDLER)
    assert three(costs["path: one"]) == (10, 10, 0)
    assert three(costs["path: two"]) == (1 + LOOP, 1 + LOOP, HANDLER)
    assert three(costs["path: three"]) == (20, 20, 0)
    assert three(costs["outer"]) == (8, 8 + 31 + LOOP, HANDLER)
    assert three(costs["handler"]) == (HANDLER - 1, HANDLER - 1, 0)
    for name in ("path", "outer"):  # taking it and returning from it belong to the interrupt
        cost = costs[name]
        assert cost.cycles["traps cost"] == cost.instructions
        assert cost.interrupts.cycles["traps cost"].max == HANDLER + 2 * TRAP


def test_a_path_costs_the_same_with_and_without_interrupts(costs_of: Made) -> None:
    """Without the interrupt everything is as it was, but for the interrupt."""
    quiet = costs_of(INTERRUPTED.replace("sw s1, 0(s0)", "sw s1, 4(s0)"))
    loud = costs_of(INTERRUPTED)
    for name, cost in quiet.items():
        assert loud[name].instructions == cost.instructions
        assert loud[name].own == cost.own
        assert three(cost)[2] == 0
    assert set(loud) - set(quiet) == {"handler"}


def test_an_interrupt_inside_an_interrupt(costs_of: Made) -> None:
    """Both are the path's interrupts, and the inner one is the outer handler's."""
    program = INTERRUPTED.replace(
        "    sw zero, 0(s0)\n    nop\n    nop\n",
        f"""    sw zero, 0(s0)
    bnez s3, 1f
    li s3, 1
    csrr s4, mepc
    csrsi mstatus, 8
    sw s1, 0(s0)
    mv s5, t1
{WAIT}
    mv t1, s5
    csrci mstatus, 8
    csrw mepc, s4
    li t0, 0x1880                       // the inner return has set MPP to U
    csrs mstatus, t0
1:  nop
""",
    )
    costs = costs_of(program, quantum=50)
    inner = 3 + 40 + 1
    outer = 6 + 1 + LOOP + 1 + 2 + 3 + 1 + 40 + 1
    assert three(costs["path"]) == (31 + LOOP, 31 + LOOP, outer + inner)
    handlers = costs["handler"]
    assert handlers.calls == 2
    assert (handlers.interrupts.instructions.min, handlers.interrupts.instructions.max) == (0, inner)
    assert (handlers.instructions.min, handlers.instructions.max) == (inner - 1, outer - 1)


def test_exceptions_belong_to_the_path(costs_of: Made) -> None:
    """What a path causes itself is its own cost, or its callee's where the handler declares a path."""
    costs = costs_of(f"""
    la t0, handler
    csrw mtvec, t0
    PATH_BEGIN "path"
    nop
    ecall
    nop
    lw t0, 0(zero)                      // nothing there
    nop
    PATH_END "path"
{FINISH}
    .balign 4
handler:
    csrr t1, mepc
    addi t1, t1, 4
    csrw mepc, t1
    PATH_BEGIN "inside"
{nops(9)}
    PATH_END "inside"
    mret
""")
    assert three(costs["inside"]) == (9, 9, 0)
    assert three(costs["path"]) == (3 + 2 * 4, 3 + 2 * 13, 0)
    assert costs["path"].cycles["traps cost"].max == 3 + 2 * 13 + 4 * TRAP + 1  # the ecall takes its cycle


def test_a_switch_to_another_thread_inside_an_interrupt(costs_of: Made) -> None:
    """Preemption: the interrupt of the one thread goes on when that thread has the hart again, and what the
    other does meanwhile is neither its cost nor its interrupt.
    """
    costs = costs_of(
        f"""
    la t0, handler
    csrw mtvec, t0
    li t0, 8
    csrw mie, t0
    li s0, 0x2000000
    li s1, 1
    la s2, first
    la s3, second
    PATH_THREAD 18                      // s2
    csrsi mstatus, 8
    PATH_BEGIN "first"
    sw s1, 0(s0)
{WAIT}
    PATH_END "first"
{FINISH}
    .balign 4
handler:
    sw zero, 0(s0)
    csrr s4, mepc
    la t0, elsewhere
    csrw mepc, t0
    PATH_THREAD 19                      // s3: it gets the hart for the first time
    mret
elsewhere:
    PATH_BEGIN "second"
{nops(1000)}
    PATH_END "second"
    csrci mstatus, 8
    csrw mepc, s4
    li t0, 0x1880                       // back to M-mode with interrupts on
    csrs mstatus, t0
    PATH_THREAD 18
    mret
    .data
    .balign 8
first: .dword 0
second: .dword 0
""",
        quantum=100,
    )
    assert three(costs["second"]) == (1000, 1000, 0)
    assert three(costs["first"]) == (1 + LOOP, 1 + LOOP, 5 + 1)
