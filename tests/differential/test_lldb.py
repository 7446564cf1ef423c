# SPDX-License-Identifier: GPL-2.0-or-later
"""Our GDB server, driven by the real LLDB in batch mode: GDB's protocol, and packets of its own."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from gdb_mi import Server

Guest = Callable[[str], Path]
HostTool = Callable[[str, str], str]

PROGRAM = """
        la s0, counter
        li s1, 0
        csrr s2, mhartid
    again:
        addi s1, s1, 1
        bnez s2, other_harts
        sd s1, 0(s0)
        ld a1, 8(s0)
    other_harts:
        call leaf
        j again
    .globl leaf
    leaf:
        addi a0, a0, 1
        addi a0, a0, 2
        ret
        .data
        .balign 8
        .globl counter
    counter: .dword 0
        .globl other
    other: .dword 0x1122334455667788
"""


_SOURCE = "command source --stop-on-error false"  # commands themselves would end at the first error


@pytest.fixture(scope="module")
def lldb(host_tool: HostTool) -> str:
    return host_tool("lldb", "lldb")


def told(lldb: str, image: Path, script: str, tmp_path: Path) -> str:
    """What LLDB says to the commands of a script, errors included."""
    with Server(str(image), "--harts", "2", "--quantum", "20") as server:
        commands = tmp_path / "commands"
        lines = [
            f"target create {image}",
            f"gdb-remote 127.0.0.1:{server.port}",
            *script.strip().splitlines(),
        ]
        commands.write_text("".join(f"{line.strip()}\n" for line in lines))
        done = subprocess.run(
            [lldb, "--no-lldbinit", "--no-use-colors", "--batch", "--one-line", f"{_SOURCE} {commands}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
            env=os.environ | {"LC_ALL": "C", "TERM": "dumb"},
        )
    return done.stdout


def in_order(text: str, *patterns: str) -> list[str]:
    """The groups of patterns that must be found one behind the other (stops come between commands)."""
    position, groups = 0, []
    for pattern in patterns:
        found = re.compile(pattern).search(text, position)
        assert found is not None, f"{pattern!r} is not behind character {position} of:\n{text}"
        position = found.end()
        groups += found.groups()
    return groups


def test_registers_breakpoints_steps_and_watchpoints(lldb: str, guest: Guest, tmp_path: Path) -> None:
    script = """
        register read pc priv mhartid
        thread list
        breakpoint set --skip-prologue false --name leaf
        continue
        register read a0
        thread step-inst
        register read a0
        thread step-inst
        register read a0
        register write a3 0x1234
        register read a3
        memory write --size 8 `(long)&other` 5
        memory read --format x --size 8 --count 1 `(long)&other`
        breakpoint delete 1
        watchpoint set expression --watch write --size 8 -- `(long)&counter`
        continue
        continue
        memory region `$pc`
        memory region 0x10
        thread select 2
        register read mhartid
    """
    groups = in_order(
        told(lldb, guest(PROGRAM), script, tmp_path),
        r"pc = 0x0000000080000000",
        r"priv = 0x0000000000000003",
        r"mhartid = 0x0000000000000000",
        r"thread #1: tid = 0x0001",
        r"thread #2: tid = 0x0002, (?!.*stop reason)",
        r"stop reason = breakpoint 1\.1",
        r"`leaf",
        r"a0 = (0x\w+)",
        r"stop reason = instruction step into",
        r"a0 = (0x\w+)",
        r"stop reason = instruction step into",
        r"a0 = (0x\w+)",
        r"a3 = 0x0000000000001234",
        r"80001008: 0x0000000000000005",
        r"Watchpoint 1 hit:\s+old value: (\w+)\s+new value: (\w+)",
        r"stop reason = watchpoint 1",
        r"Watchpoint 1 hit:\s+old value: (\w+)\s+new value: (\w+)",
        r"stop reason = watchpoint 1",
        r"\[0x0000000080000000-0x\w+\) rwx",
        r"\[0x0000000000000000-0x\w+\) ---",
        r"mhartid = 0x0000000000000001",
    )
    a0, values = [int(each, 0) for each in groups[:3]], [int(each, 0) for each in groups[3:]]
    assert (a0[1] - a0[0], a0[2] - a0[1]) == (1, 2)
    assert values == [1, 2, 2, 3]  # old and new, twice; the first write was in front of the breakpoint


def test_going_back_and_what_cannot_be_done(lldb: str, guest: Guest, tmp_path: Path) -> None:
    script = """
        breakpoint set --skip-prologue false --name leaf
        continue
        continue
        process plugin packet monitor reverse-stepi
        process plugin packet monitor when
        process plugin packet monitor token
        memory read 0x10
        memory write 0x10 1
        register write nonsense 1
        process plugin packet monitor print *0x10
        thread step-inst
        register read pc
    """
    in_order(
        told(lldb, guest(PROGRAM), script, tmp_path),
        r"stop reason = breakpoint 1\.1",
        r"stop reason = breakpoint 1\.1",
        r"other_harts",
        r"LLDB still shows where it was",
        r"instruction \d+ \(step \d+",
        r"r[12]\.",  # up to here, the run has followed the schedule: a token names it
        r"error: memory read failed for 0x0",
        r"error: ",
        r"error: .*nonsense",
        r"hart 0 has no memory there",
        r"stop reason = ",
        r"pc = 0x\w+ .*`leaf",
    )
