# SPDX-License-Identifier: GPL-2.0-or-later
"""Mutants of guestos/PROTOCOL.md, section 9, that one preemption at the right instruction shows: the walks of
test_events.py, cut down to the one that shows it, find each for certain.  And M17, for which two readers have
to be in the tank.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from protocol_stage import (
    DATA,
    FORK,
    LOCK_FAR,
    OPEN,
    READ,
    READ_BEFORE,
    READ_NOWHERE,
    Stage,
    make_program,
)
from test_events import Walk, run_walk

from guestos.images import GUESTOS
from toolchain.assemble import assemble

CHECK = """    lw      s5, DESCRIPTOR_DEPENDS(s0)
    ld      t1, DESCRIPTOR_PROCESS(s0)
    and     t0, s5, s4
    beqz    t0, .Lalready_done
    bne     t1, s2, .Lalready_done
    ld      t1, DESCRIPTOR_INODE(s0)
    bne     t1, s1, .Lalready_done
"""
CHECK_BEFORE = """    lw      s5, DESCRIPTOR_DEPENDS(s0)
    ld      t1, DESCRIPTOR_PROCESS(s0)
    ld      t2, DESCRIPTOR_INODE(s0)
    sub     t1, t1, s2
    sub     t2, t2, s1
    or      t1, t1, t2
    seqz    t1, t1
    and     t0, s5, s4
    snez    t0, t0
    and     s3, t0, t1
    addi    a0, s2, PROCESS_LOCK
    jal     sleep_lock_acquire
    beqz    s3, .Lalready_done
    mv      s3, a0"""
FIRST_LOCK = """    addi    a0, s2, PROCESS_LOCK
    jal     sleep_lock_acquire
    mv      s3, a0"""
TANK_WAIT = """    addi    a0, a0, DESCRIPTOR_LOCK
    jal     sleep_lock_acquire
    ld      a0, 16(sp)
    addi    a0, a0, DESCRIPTOR_LOCK
    jal     sleep_lock_release
"""
LOOK_THEN_SLEEP = """    addi    a0, a0, DESCRIPTOR_LOCK
    jal     spin_acquire
    lw      t0, 4(a0)
    beqz    t0, 8f
    li      t0, 2
    sw      t0, 4(a0)
    jal     spin_release
    ld      a0, 16(sp)
    addi    a0, a0, DESCRIPTOR_LOCK
    jal     spin_acquire
    mv      a1, a0
    jal     sleep_on
    ld      a0, 16(sp)
    addi    a0, a0, DESCRIPTOR_LOCK
8:  jal     spin_release
"""
WAKE_ONE = """END sleep_lock_release
wake_one:
    mv      t6, ra
    mv      a1, a0
    la      a0, scheduler_lock
    jal     spin_acquire
    la      a0, processes
    li      a2, MAX_PROCESSES
1:  lw      t0, PROCESS_STATE(a0)
    addi    t0, t0, -STATE_SLEEPING
    bnez    t0, 2f
    ld      t0, PROCESS_CHANNEL(a0)
    bne     t0, a1, 2f
    jal     make_runnable
    j       3f
2:  addi    a0, a0, PROCESS_SIZE
    addi    a2, a2, -1
    bnez    a2, 1b
3:  la      a0, scheduler_lock
    jal     spin_release
    jr      t6
"""
REPLUG_IN_GUARD = "    mv      a3, s1\n    jal     replug\n    j       .Lagain\n"
REPLUG_UNDER_INODE_LOCK = """    addi    sp, sp, -32
    sd      a0, 0(sp)
    sd      a2, 8(sp)
    mv      a0, s0
    jal     inode_lock
    ld      a0, 0(sp)
    ld      a2, 8(sp)
    mv      a1, s0
    mv      a3, s1
    jal     replug
    mv      a0, s0
    jal     inode_unlock
    addi    sp, sp, 32
    j       .Lagain
"""
FAULT_OPENS_ITS_FILE = """    PATH_VALUE "trap", "bytes", 10
    ret
8:  sd      a0, 0(sp)
    addi    a0, s0, RECORD_TO_DESCRIPTOR
    ld      a1, DESCRIPTOR_INODE(a0)
    ld      a2, DESCRIPTOR_PROCESS(a0)
    li      a3, -1
    jal     replug
    ld      a0, 0(sp)
    j       1b
END IS_READ
"""
INVOKE = "include/replug_invoke.inc"
LOAD = "    ld      t2, DESCRIPTOR_PATH(\\descriptor)\n"
FLAG = "    sw      t0, DESCRIPTOR_INSIDE(\\descriptor)\n"
FUNCTION = "    ld      t0, \\function(t2)\n"
FAILS = "    bnez    a0, 1f\n    ld      t0, RECORD_OFFSET(s0)"
LEFT = '    PATH_END "flag clear"\n    ld      ra, 24(sp)\n'
BACK_TO_STEP_1 = "    REPLUG_INVOKE a0, 1f\n1:  j       read_from_tank\n"
JUMP = "    ld      t2, DESCRIPTOR_PATH(a0)\n    ld      t0, PATH_READ(t2)\n    jr      t0\n"
SHARE_GUARD = """    li      a1, PREDICATE_NO_FP_SHARE | PREDICATE_NO_INODE_SHARE
    ld      ra, 8(sp)
    addi    sp, sp, 16
    j       guard_falsify
"""
READ_AND_LOCK = Walk("owner", READ, (LOCK_FAR,))


@dataclass(frozen=True)
class Mutant:
    """edits: (file, text that occurs once, what takes its place); found: a word of what is wrong."""

    name: str
    edits: tuple[tuple[str, str, str], ...]
    walk: Walk
    found: str
    bootargs: str = ""


READ_AND_OPEN = Walk("owner", READ, (OPEN,))
MUTANTS = [
    Mutant(
        "M3 the pointer is loaded before the flag is set",
        ((INVOKE, FLAG, LOAD + FLAG), (INVOKE, LOAD + FUNCTION, FUNCTION)),
        READ_AND_OPEN,
        "not the byte at",
    ),
    Mutant(
        "M5 the generic target leaves the flag set",
        (("kernel/read.S", "    REPLUG_LEAVE DESCRIPTOR_INSIDE, a0\n", ""),),
        READ_AND_OPEN,
        "somebody is inside",
        "again=no",
    ),
    Mutant(
        "M8 a failing exit leaves the flag set",
        (
            ("kernel/is_read.S", FAILS, FAILS.replace("1f", "9f")),
            ("kernel/is_read.S", LEFT, LEFT.replace("    ld ", "9:  ld ", 1)),
        ),
        Walk("owner", READ_NOWHERE, (OPEN,)),
        "I6",
    ),
    Mutant(
        "M11 no re-check",
        (("kernel/replug.S", "    beqz    t0, .Lalready_done\n", ""),),
        Walk("other", OPEN, (FORK,)),
        "does not come back",
    ),
    Mutant(
        "M12 the re-check outside the per-process lock",
        (("kernel/replug.S", CHECK, ""), ("kernel/replug.S", FIRST_LOCK, CHECK_BEFORE)),
        Walk("other", OPEN, (FORK,)),
        "does not come back",
    ),
    Mutant(
        "M13 no spin",
        (("kernel/replug.S", "    bnez    t0, .Linside\n", ""),),
        READ_AND_OPEN,
        "not the byte at",
    ),
    Mutant(
        "M18 the tank looks, then sleeps, in two steps",
        (("kernel/holding_tank.S", TANK_WAIT, LOOK_THEN_SLEEP),),
        Walk("owner", READ, (0,), met="tank"),
        "I6, I7",
    ),
    Mutant(
        "M19 the tank jumps to the new path",
        (("kernel/holding_tank.S", BACK_TO_STEP_1, JUMP),),
        Walk("owner", READ, (LOCK_FAR,), met="tank's end"),
        "not the byte at",
        "levels=ews",
    ),
    Mutant(
        "M20 no guard in fork and dup",
        (("kernel/guards.S", SHARE_GUARD, SHARE_GUARD.replace("j       guard_falsify", "ret")),),
        Walk("owner", FORK, (0,)),
        "not the byte at",
    ),
    Mutant(
        "M21 a guard fires inside the body of the same descriptor",
        (
            ("kernel/is_read.S", FAILS, FAILS.replace("1f", "8f")),
            (
                "kernel/is_read.S",
                '    PATH_VALUE "trap", "bytes", 10\n    ret\nEND IS_READ\n',
                FAULT_OPENS_ITS_FILE,
            ),
        ),
        Walk("owner", READ_NOWHERE, (OPEN,)),
        "I6",
    ),
    Mutant(
        "M22 a guard holds the inode lock",
        (("kernel/guards.S", REPLUG_IN_GUARD, REPLUG_UNDER_INODE_LOCK),),
        READ_AND_LOCK,
        "I6, I7",
        "levels=s",
    ),
]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_program(tmp_path_factory.mktemp("program"))


def kernel_with(
    edits: tuple[tuple[str, str, str], ...], out: Path, defines: dict[str, str] | None = None
) -> Path:
    for directory in ("kernel", "include"):
        shutil.copytree(GUESTOS / directory, out / directory)
    for file, old, new in edits:
        text = (out / file).read_text()
        assert text.count(old) == 1, f"{file} has changed: {old!r}"
        (out / file).write_text(text.replace(old, new))
    return assemble(
        sorted((out / "kernel").glob("*.S")), out / "kernel.elf",
        link_script=GUESTOS / "link.ld", include=[out / "include"], defines=defines or {}, root=out,
    )  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_is_found(mutant: Mutant, program: Path, tmp_path: Path) -> None:
    kernel = kernel_with(mutant.edits, tmp_path)
    with (
        Stage(kernel, program, tmp_path, mutant.bootargs) as stage,
        pytest.raises(AssertionError) as raised,
    ):
        run_walk(stage, mutant.walk)
    assert mutant.found in str(raised.value)


@pytest.mark.parametrize(
    ("bootargs", "walk"),
    [("levels=ews", Walk("owner", READ, (LOCK_FAR,), met="tank's end")), ("levels=s", READ_AND_LOCK)],
)
def test_nothing_is_found_without_it(bootargs: str, walk: Walk, program: Path, tmp_path: Path) -> None:
    """The walks that test_events.py does not take."""
    with Stage(kernel_with((), tmp_path), program, tmp_path, bootargs) as stage:
        assert run_walk(stage, walk) > 20


WAKES_ONE = (
    ("kernel/lock.S", "    j       wake_all ", "    j       wake_one "),
    ("kernel/lock.S", "END sleep_lock_release\n", WAKE_ONE),
    ("kernel/lock.S", '#include "lock.inc"\n', '#include "lock.inc"\n#include "process.inc"\n'),
    (
        "kernel/lock.S",
        "    li      t0, 2                       // others may",
        "    li      t0, 1  // others may",
    ),
)


@pytest.mark.parametrize("edits", [(), WAKES_ONE], ids=["as it is", "M17 the tank wakes one sleeper"])
def test_two_readers_in_the_tank(
    edits: tuple[tuple[str, str, str], ...], program: Path, tmp_path: Path
) -> None:
    """With an inside-counter: two processes read through one descriptor, which only the host can arrange."""
    kernel = kernel_with(edits, tmp_path, {"REPLUG_COUNTER": "1"})
    with Stage(kernel, program, tmp_path, twin=True) as stage:
        stage.share("twin")
        hart = stage.tell("other", OPEN)
        for now, place in stage.walk("other", hart):
            if now is not None and place.step == 5:
                break
        assert now is not None
        pc = stage.freeze(now)
        for name in ("owner", "twin"):
            stage.tell(name, READ)
            for _ in range(100):
                stage.machine.run(500)
                if stage.hart_of(name) is None:
                    break
            assert stage.hart_of(name) is None, "it does not sleep in the tank"
        stage.thaw(now, pc)
        came_back = stage.until_idle("owner", "twin", "other")
        assert came_back == (edits == ()), "the two in the tank were not woken as expected (I7)"
        if came_back:
            bytes_read = {stage.result("owner"), stage.result("twin")}
            assert bytes_read <= set(DATA[READ_BEFORE : READ_BEFORE + 2])  # (the offset is not shared so)
