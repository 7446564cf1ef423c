# SPDX-License-Identifier: GPL-2.0-or-later
"""Stepping over calls and out of them: recursion, threads that go on on another hart, what is no return."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from emulator import MachineOptions
from emulator.debug.commands.interpreter import Interpreter
from emulator.debug.session import DebugSession
from emulator.debug.symbols import Symbols
from emulator.errors import ReplugError
from emulator.loader.elf import open_image

Guest = Callable[[str], Path]

# Hart 0 calls `sleep`, which leaves its stack to hart 1; that one returns from the call.
MOVES = """
        .option norvc
        csrr t0, mhartid
        la s0, left
        bnez t0, wake
        la sp, stack_top - 256
        nop
    called:
        jal sleep
    returned:
        addi s1, s1, 1
    stop:
        j stop

        .globl sleep
        .type sleep, @function
    sleep:
        addi sp, sp, -16
        sd ra, 8(sp)
        sd sp, 0(s0)
        fence
        li t1, 1
        sd t1, 8(s0)
        la sp, stack_top
    1:  j 1b
        .size sleep, . - sleep

    wake:
        ld t1, 8(s0)
        beqz t1, wake
        ld sp, 0(s0)
        ld ra, 8(sp)
        addi sp, sp, 16
        ret

        .bss
        .balign 16
    left: .skip 16
        .skip 1024
    stack_top:
"""
# f(a0) calls itself a0 times, and `again` is behind a call, but reached by a branch too.
RECURSION = """
        .option norvc
        la sp, stack_top
        li a0, 3
        jal f
    after:
        li s2, 3
        jal leaf
    again:
        addi s2, s2, -1
        bnez s2, again
    stop:
        j stop

        .globl f
        .type f, @function
    f:
        addi sp, sp, -16
        sd ra, 8(sp)
        sd a0, 0(sp)
        beqz a0, 1f
        addi a0, a0, -1
    inside:
        jal f
    back:
        nop
    1:  ld a0, 0(sp)
        ld ra, 8(sp)
        addi sp, sp, 16
        ret
        .size f, . - f

        .globl leaf
        .type leaf, @function
    leaf:
        ret
        .size leaf, . - leaf

        .bss
        .balign 16
        .skip 1024
    stack_top:
"""


@contextmanager
def _opened(path: Path, harts: int) -> Iterator[Callable[..., list[str]]]:
    """Commands to what they say."""
    image = open_image(path)
    with DebugSession(image, MachineOptions(harts=harts)) as session:
        said: list[str] = []
        interpreter = Interpreter(session, Symbols(image), said.append)

        def ask(*commands: str) -> list[str]:
            said.clear()
            for command in commands:
                interpreter.execute(command)
            return said.copy()

        yield ask


def _error(ask: Callable[..., list[str]], command: str) -> str:
    with pytest.raises(ReplugError) as caught:
        ask(command)
    return str(caught.value)


def _place(said: list[str]) -> tuple[str, str]:
    """(hart, symbol) of the last line about where one is."""
    words = said[-1].split()
    return words[1], words[3].strip("<>:")


def test_a_call_returns_on_another_hart(guest: Guest) -> None:
    with _opened(guest(MOVES), 2) as ask:
        ask("until called")
        assert _place(ask("nexti")) == ("1", "returned")
        assert _place(ask("reverse-nexti")) == ("0", "called")
        assert _place(ask("next")) == ("1", "returned")
        assert _place(ask("reverse-next")) == ("0", "called")
        ask("until sleep", "stepi 3")
        assert _place(ask("finish")) == ("1", "returned")
        assert _place(ask("goto 0", "hart 0", "until sleep", "stepi 2", "reverse-finish")) == ("0", "called")


def test_a_recursive_call_is_one_call(guest: Guest) -> None:
    with _opened(guest(RECURSION), 1) as ask:
        ask("until inside")
        depth = ask("p $sp")
        assert _place(ask("nexti")) == ("0", "back")
        assert ask("p $sp") == depth
        assert _place(ask("reverse-nexti")) == ("0", "inside")
        assert ask("p $sp", "p $a0") == [*depth, "2 = 0x2"]  # the outermost, not the last that was entered
        ask("nexti")
        assert _place(ask("reverse-finish")) == ("0", "_start+12")  # and so is what has called it


def test_a_caller_is_looked_at(guest: Guest) -> None:
    with _opened(guest(RECURSION), 1) as ask:
        ask("until inside", "stepi", "until inside", "stepi", "stepi 2")
        inner, outer = ask("p $sp", "p $ra"), ask("up", "p $sp", "p $pc", "list", "disassemble")
        assert "<back>" in outer[0] and "<back>" in outer[2]
        assert next(line for line in outer if line.startswith("=> 0x")).split()[2] == "<inside>:"
        assert next(line for line in outer if line.startswith("=>")).endswith("jal f")
        assert int(outer[1].split()[0]) == int(inner[0].split()[0]) + 16
        assert _error(ask, "p $a0") == "$a0: what a caller had there is not known"
        assert ask("info registers pc sp")[0].split()[2] == "<back>"
        assert _error(ask, "set $a0 = 3").startswith("$a0: only the innermost")
        assert "frame 9: 4 are known" in _error(ask, "frame 9")
        assert ask("down", "p $sp")[1] == inner[0]
        assert _error(ask, "down") == "frame 0 is the innermost"
        assert ask("up 2", "stepi", "frame")[-1].startswith("#0 ")  # a hart that moves is looked at itself


def test_a_branch_to_behind_a_call_is_no_return(guest: Guest) -> None:
    with _opened(guest(RECURSION), 1) as ask:
        ask("until again", "until again")
        assert ask("p $s2") == ["2 = 0x2"]
        assert _place(ask("reverse-nexti")) == ("0", "again+4")
        assert ask("p $s2") == ["2 = 0x2"]
        ask("goto 0", "until again")
        assert _place(ask("reverse-nexti")) == ("0", "after+4")
