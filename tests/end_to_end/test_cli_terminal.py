# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug boot` at a terminal: the monitor, the progress line, help, and the terminal left as it was."""

import json
import re
import signal
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from command import Guest, Replug
from programs import ECHO, ECHO_ASLEEP, SPIN
from typist import Typist

PROMPT = b"(replug) "


@contextmanager
def at_terminal(*arguments: object) -> Iterator[Typist]:
    typist = Typist("boot", *arguments)
    try:
        yield typist
    finally:
        typist.close()


def ask(typist: Typist, command: bytes, answer: bytes) -> None:
    """A line for the monitor, and something that must be in what it prints from there on."""
    typist.shown = b""
    typist.type(command + b"\r")
    typist.wait_for(answer)
    typist.wait_for(PROMPT)


def test_monitor_looks_steps_and_goes_on(replug: Replug, guest: Guest, tmp_path: Path) -> None:
    image, result = guest(ECHO), tmp_path / "run.json"
    with at_terminal(image, "--harts", "2", "--json", result) as typist:
        typist.type(b"a")
        typist.wait_for(b"[a]")
        typist.type(b"\x01c")
        typist.wait_for(PROMPT)
        ask(typist, b"harts", b"hart 1: ")
        assert b"next" in typist.shown and b"waits (wfi)" in typist.shown
        ask(typist, b"step", b"hart 0: ")
        ask(typist, b"registers", b"s0   0000000010000000")
        ask(typist, b"x/2i next", b"lbu t0, 5(s0)")
        ask(typist, b"info devices", b"uart0     console, 0 characters unread")
        ask(typist, b"nonsense", b"no such command")
        typist.type(b"c\r")
        typist.type(b"b")
        typist.wait_for(b"[b]")
        typist.type(b"q")
        assert typist.finish() == 7
    first = json.loads(result.read_text())
    again = json.loads(replug("boot", image, "--replay", first["token"], "--json", "-").stdout)
    assert again | {"seconds": 0} == first | {"seconds": 0}, "looking and stepping is no part of the run"


def test_monitor_goes_back(replug: Replug, guest: Guest, tmp_path: Path) -> None:
    """What was typed after the snapshot has not been: the token says so, and repeats the rest."""
    image, result = guest(ECHO_ASLEEP), tmp_path / "run.json"
    with at_terminal(image, "--json", result) as typist:
        typist.type(b"a")
        typist.wait_for(b"[a]")
        typist.type(b"\x01c")
        typist.wait_for(PROMPT)
        ask(typist, b"snapshot here", b"snapshot here, after")
        typist.type(b"\x01c")
        typist.type(b"b")
        typist.wait_for(b"[b]")
        typist.type(b"\x01c")
        typist.wait_for(PROMPT)
        ask(typist, b"restore nowhere", b"there is no snapshot 'nowhere'; there are here")
        ask(typist, b"restore here", b"paused after")
        typist.type(b"\x04")
        typist.type(b"q")
        assert typist.finish() == 7
    first = json.loads(result.read_text())
    done = replug("boot", image, "--replay", first["token"], "--json", "-")
    assert json.loads(done.stdout) | {"seconds": 0} == first | {"seconds": 0}
    assert b"[a][q]" in done.stderr


def test_leaving_from_the_monitor(guest: Guest, tmp_path: Path) -> None:
    result = tmp_path / "run.json"
    for keys in (b"quit\r", b"\x01x"):
        with at_terminal(guest(SPIN), "--json", result) as typist:
            typist.wait_for(b"Ctrl-A x leaves")
            typist.type(b"\x01c")
            typist.wait_for(PROMPT)
            typist.type(keys)
            assert typist.finish() == 0
        assert json.loads(result.read_text())["exit"] == {"reason": "left", "status": 0}


def test_killed_in_the_monitor(guest: Guest) -> None:
    with at_terminal(guest(SPIN)) as typist:
        typist.wait_for(b"Ctrl-A x leaves")
        typist.type(b"\x01c")
        typist.wait_for(PROMPT)
        assert termios.tcgetattr(typist.terminal) != typist.before
        typist.running.send_signal(signal.SIGTERM)
        assert typist.finish() == 128 + signal.SIGTERM


def test_guest_that_ends_while_it_is_stepped(guest: Guest) -> None:
    image = guest("li t0, 0x100000\n li t1, 0x53333\n lui t2, 0x3000\n1: addi t2, t2, -1\n bnez t2, 1b\n"
                  " sw t1, 0(t0)\n1: j 1b\n")  # fmt: skip
    with at_terminal(image) as typist:
        typist.wait_for(b"Ctrl-A x leaves")
        typist.type(b"\x01c")
        typist.wait_for(PROMPT)
        typist.type(b"run 1000000000\r")
        assert typist.finish() == 5
        assert b"the guest ended with status 5" in typist.shown


def test_progress_line_for_a_guest_that_prints_nothing(guest: Guest) -> None:
    with at_terminal(guest(SPIN)) as typist:
        typist.wait_for(b" MIPS (Ctrl-A x leaves), hart 0 at")
        assert re.search(rb"replug: [0-9,]+ instructions, [0-9,]+ MIPS", typist.shown)
        typist.type(b"\x01h")
        typist.wait_for(b"to the monitor and back")
        typist.type(b"\x01x")
        assert typist.finish() == 0


def test_no_progress_line_behind_a_prompt_nor_in_quiet(guest: Guest) -> None:
    with at_terminal(guest(ECHO), "--max-instructions", "40000000") as typist:
        typist.type(b"a")
        typist.wait_for(b"[a]")
        typist.wait_for(b"stopped at the limit", 120)
        typist.finish()
        assert b" MIPS" not in typist.shown
    with at_terminal(guest(SPIN), "--quiet", "--max-instructions", "3000000000") as typist:
        assert typist.finish() == 1
        assert b" MIPS" not in typist.shown


# Prints a dot every half second of virtual time, asleep between, five times.
DOTS = """
    li s0, 0x10000000
    li s1, 0x2004000
    li s2, 0x200bff8
    li s3, 5
    li t0, 0x80
    csrw mie, t0
1:  ld t0, 0(s2)
    li t1, 5000000
    add t0, t0, t1
    sd t0, 0(s1)
2:  wfi
    csrr t0, mip
    andi t0, t0, 0x80
    beqz t0, 2b
    li t0, '.'
    sb t0, 0(s0)
    addi s3, s3, -1
    bnez s3, 1b
    li t0, 0x100000
    li t1, 0x5555
    sw t1, 0(t0)
3:  j 3b
"""


def test_a_guest_that_sleeps_takes_its_time_at_a_terminal_only(replug: Replug, guest: Guest) -> None:
    image = guest(DOTS)
    with at_terminal(image) as typist:
        typist.wait_for(b"Ctrl-A x leaves")
        begin = time.monotonic()
        typist.wait_for(b".....")
        # No less than virtual time, from which only the start of the interpreter can be missing.
        assert time.monotonic() - begin > 1.0
        assert typist.finish() == 0
    assert replug("boot", image, timeout=60).stdout == b"....."
