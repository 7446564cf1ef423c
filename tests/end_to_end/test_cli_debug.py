# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug debug` with commands from stdin and from files."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Guest = Callable[[str], Path]

PROGRAM = """
        la s0, counter
        li s1, 0
    again:
        addi s1, s1, 1
        sd s1, 0(s0)
        call leaf
        li t0, 300
        bne s1, t0, again
        li t1, 0x100000
        li t2, 0x5555
        sw t2, 0(t1)
        j .
    .globl leaf
    leaf:
        addi a0, a0, 1
        addi a0, a0, 2
        ret
        .data
        .balign 8
        .globl counter
    counter: .dword 0
"""


def _debug(*arguments: str, commands: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "emulator.cli.main", "debug", *arguments],
        input=commands,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def program(guest: Guest) -> str:
    return str(guest(PROGRAM))


def _said(program: str, *commands: str) -> list[str]:
    done = _debug(program, "--batch", commands="\n".join(commands))
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout.splitlines()


def test_stop_look_and_go_back(program: str) -> None:
    said = _said(
        program,
        "break leaf if $s1 == 7",
        "continue",
        "p $s1",
        "p *counter",
        "nexti",
        "reverse-stepi",
        "last write counter",
        "p *counter",
        "goto start",
        "when",
    )
    assert "7 = 0x7" in said
    assert said.count("7 = 0x7") == 2 and "6 = 0x6" in said  # before it was written
    assert any(" is about to be written by again" in line for line in said)
    assert any(line.startswith("instruction 0 ") for line in said)


def test_next_goes_over_calls_in_both_directions(program: str) -> None:
    said = _said(program, "until leaf", "finish", "reverse-nexti", "nexti", "reverse-finish", "info harts")
    places = [line.split("<")[1].split(">")[0] for line in said if line.startswith("hart 0")]
    assert places[0] == "leaf"
    assert places[1] == places[3] and places[2] == "again+8"


def test_the_end_and_an_edit_in_the_past(program: str) -> None:
    said = _said(program, "continue", "p $s1", "goto 20", "set $s1 = 298", "continue", "p $a0")
    assert said[0].startswith("the guest has ended, status 0")
    assert "300 = 0x12c" in said
    assert any("begins a new timeline" in line for line in said)
    assert int(next(line for line in said[::-1] if " = " in line).split(" = ")[0]) < 30


def test_breakpoints_are_managed(program: str) -> None:
    said = _said(
        program,
        "break leaf",
        "watch counter",
        "info breakpoints",
        "disable 2",
        "ignore 1 4",
        "continue",
        "p $s1",
        "delete",
        "info breakpoints",
    )
    assert "5 = 0x5" in said and said[-1] == "none"


def test_instructions_are_assembled_in_place(program: str) -> None:
    said = _said(
        program,
        *("until leaf", "assemble leaf li a0, 40; addi a0, a0, 2", "nexti 2", "p $a0"),
        *("assemble $pc c.nop", "assemble leaf .option norvc; addi a0, a0, 64", "x/i leaf"),
    )
    assert "42 = 0x2a" in said
    assert "addi a0, a0, 0x40" in said[-1]
    cut = _said(program, "assemble _start c.nop", "assemble _start c.nop; c.nop")  # an auipc was there
    assert len(cut) == 3 and "ends in the middle" in cut[1] and "auipc" in cut[1]
    wrong = _debug(program, commands="assemble leaf li a0, 5; frobnicate a0; addi a0, a0, 1\nassemble leaf\n")
    lines = wrong.stdout.splitlines()
    assert lines[0] == "error: frobnicate a0: unrecognized instruction mnemonic" and len(lines) == 2


def test_a_recorded_run_is_opened(program: str) -> None:
    token = _said(program, "goto 500", "token")[-1]
    done = _debug(
        program, "--replay", token, "--batch", commands="continue\nwhen\nreverse-step-machine 3\nwhen\n"
    )
    assert done.returncode == 0, done
    assert "the recorded run was cut here, instruction 500" in done.stdout
    assert "instruction 497 " in done.stdout


def test_commands_from_a_file_and_help(program: str, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(
        "# it\nhelp reverse-continue\nx/2g counter\nx/2i $pc\ninfo registers pc s1\nsource nowhere\n"
    )
    done = _debug(program, "--batch", "--command", str(script))
    assert done.returncode == 2
    assert "reverse-continue" in done.stdout and "0x0000000000000000" in done.stdout
    assert "script:6: nowhere: No such file" in done.stderr


def test_a_breakpoint_where_nothing_is_yet(program: str) -> None:
    """What is to be stopped may still have to be loaded; that nothing is there is said all the same."""
    said = _said(program, "break 0x10", "break leaf", "info breakpoints")
    assert said[0] == "breakpoint 1 at 0x10 <0x10>, where hart 0 has no memory now"
    assert said[1].endswith(" <leaf>") and len(said) == 4


def test_values_in_formats_and_at_every_stop(program: str) -> None:
    said = _said(
        program,
        *("p/x 255", "p/d -1", "p/u 0x10", "p/o 8", "p/t 5", "p/c 72", "p/a leaf + 4", "p 3 * 5"),
        *("display/d $s1", "display *counter", "break leaf", "continue", "undisplay 2", "continue"),
    )
    assert said[:8] == ["0xff", "-1", "16", "0o10", "0b101", "72 'H'", said[6], "15 = 0xf"]
    assert said[6].endswith(" <leaf+4>")
    assert said[8:10] == ["1: /d $s1: 0", "2: *counter: 0 = 0x0"]
    shown = [line for line in said[10:] if ": /d" in line or "*counter" in line]
    assert shown == ["1: /d $s1: 1", "2: *counter: 1 = 0x1", "1: /d $s1: 2"]


def test_source_lines_are_listed_and_named() -> None:
    commands = (
        "list\nlist kernel/read.S:20\nbreak kernel/read.S:18\ninfo line sys_read\ninfo paths invocation\n"
    )
    done = _debug("--append", "init=/paper", "--batch", "--quiet", commands=commands)
    assert (done.returncode, done.stderr) == (0, ""), done
    lines = done.stdout.splitlines()
    listed = lines.index("kernel/read.S:")
    assert any(line.startswith("=>") for line in lines[:listed])  # where the hart stands
    block = lines[listed + 1 : listed + 12]
    assert [each.split()[0] for each in block] == [str(number) for number in range(15, 26)]
    assert "sys_read(a0 fd" in block[2]
    at, where = lines[listed + 12 : listed + 14]
    assert where.endswith("<sys_read> at kernel/read.S:19")
    assert at == f"breakpoint 1 at {where.split()[0]} <sys_read>"
    assert "(64 places)" in "".join(lines[listed + 14 :])  # of the pool that code is generated into


def test_info_and_help_by_topic(program: str) -> None:
    said = _said(program, "info", "help expressions", "help going back", "i sy again")
    assert any("info locks" in line for line in said) and any("u64(x)" in line for line in said)
    assert any("reverse-finish" in line for line in said)
    assert not any(line.startswith("  nexti") for line in said)  # of another group
    assert "<again> at " in said[-1]


BAD = """
nonsense
info nonsense
break 0x80000001
break 1 << 63 | 1
type \\x
p/z 1
undisplay 3
list 0
break nowhere.c:3
p
p $x99
p 1 +
p (2
p nothing_there
p 1/0
x 0x10
x/i 0x10
set $zero = 1
set 0x10 = 1
goto -1
delete 7
hart 9
break leaf hart 4
last write
step 0
ignore
info descriptors
info locks
assemble again frobnicate
condition 1 $x
add-symbol-file /nowhere
""".strip()


def test_what_cannot_be_done_is_one_line_and_the_session_goes_on(program: str) -> None:
    done = _debug(program, commands=f"{BAD}\nwhen\n")
    assert (done.returncode, done.stderr) == (0, "")
    said = done.stdout.splitlines()
    assert [line[:7] for line in said[:-1]] == ["error: "] * len(BAD.splitlines()), said
    assert said[-1].startswith("instruction 0 ")
    batch = _debug(program, "--batch", commands="p nothing_there\nwhen\n")
    assert batch.returncode == 2 and batch.stdout == ""
    assert batch.stderr == "replug: <stdin>:1: nothing_there: there is no such symbol\n"


def test_bad_options(program: str) -> None:
    for arguments in (["--gdb", "x"], ["--gdb", "1.2.3.4:1"], ["--command", "/nowhere"], ["/nowhere"]):
        done = _debug(program, *arguments) if arguments != ["/nowhere"] else _debug("/nowhere")
        assert done.returncode == 2 and done.stderr.count("\n") == 1, done


def test_a_spinlock_is_held_by_the_hart_that_took_it_last() -> None:
    """The lock's word does not tell whose it is: the past does. Looking changes nothing."""
    looking = "hash\nwhen\n"
    commands = (
        f"break spin_release if hart == 1\ncontinue\nhart 0\n{looking}info locks\n{looking}info breakpoints\n"
    )
    done = _debug("--append", "init=/paper", "--harts", "2", "--batch", "--quiet", commands=commands)
    assert (done.returncode, done.stderr) == (0, ""), done
    lines = done.stdout.splitlines()
    locks = {line.split()[0]: " ".join(line.split()[1:]) for line in lines if "_lock " in line}
    assert locks.pop("scheduler_lock") == "held by hart 1"
    assert len(locks) > 5 and set(locks.values()) == {"free"}
    first = next(index for index, line in enumerate(lines) if line.startswith("code_lock"))
    assert lines[first - 2 : first] == lines[-3:-1]  # hash and name of the state
    assert "hits 1" in lines[-1]


def test_gdb_is_told_where_the_sources_are() -> None:
    command = [sys.executable, "-m", "emulator.cli.main", "debug", "--gdb", "0"]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stderr is not None
        said = next(line for line in server.stderr if "the sources" in line)
        server.terminate()
    folder = Path(said.strip().rpartition(": directory ")[2])
    assert (folder / "kernel/entry.S").is_file()
