# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug debug` and Ctrl-C, SIGTERM: the end of a batch; who sits at a terminal only stops the machine."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from command import COMMAND, environment
from typist import Typist

Guest = Callable[[str], Path]
PROGRAM = """
        li t0, 0x10000000
        li t1, '~'
    forever:
        sb t1, 0(t0)
        li t2, 1000000
    count:
        addi t2, t2, -1
        bnez t2, count
        j forever
"""


@pytest.fixture(scope="module")
def program(guest: Guest) -> Path:
    return guest(PROGRAM)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("way", ["waits for stdin", "runs", "runs, from a file"])
def test_a_batch_ends(program: Path, tmp_path: Path, way: str, number: signal.Signals, status: int) -> None:
    script = tmp_path / "script"
    script.write_text("echo begun\ncontinue\necho not reached\n")
    more = ["--command", str(script)] if way == "runs, from a file" else []
    with subprocess.Popen(
        [*COMMAND, "debug", str(program), "--batch", *more],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as running:
        assert running.stdin is not None and running.stdout is not None and running.stderr is not None
        try:
            os.write(running.stdin.fileno(), b"echo begun\ncontinue\n" if way == "runs" else b"echo begun\n")
            assert running.stdout.readline() == b"begun\n"
            running.send_signal(number)
            assert running.wait(60) == status
        finally:
            running.kill()
        assert running.stdout.read().strip(b"~") == b""
        assert running.stderr.read().lstrip(b"~") == (
            b"replug: interrupted\n" if number == signal.SIGINT else b""
        )


def test_at_a_terminal_it_stops_the_machine_each_time(program: Path) -> None:
    typist = Typist("debug", program, "--plain")
    try:
        typist.wait_for(b"(replug) ")
        for _ in range(2):
            typist.shown = b""
            typist.type(b"continue\r")
            typist.wait_for(b"~")  # it runs
            typist.type(b"\x03")
            typist.wait_for(b"paused, instruction ")
            typist.wait_for(b"(replug) ")
        typist.shown = b""
        typist.type(b"p 1 + 1")
        typist.wait_for(b"p 1 + 1")
        typist.press_until(b"\x03", b"\n(replug) ")  # what is typed is not meant
        assert b"2 = 0x2" not in typist.shown
        typist.type(b"step-ma\t2\rp $pr\t\rp $p\t\x15quit\r")  # Tab completes, or lists
        assert typist.finish() == 0
        assert b"step-machine 2" in typist.shown and b"\r\n3 = 0x3" in typist.shown
        assert {b"$pc", b"$priv"} <= set(typist.shown.split())
    finally:
        typist.close()


def test_it_stops_a_script_of_somebody_at_a_terminal(program: Path, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("echo begun\ncontinue\necho not reached\n")
    typist = Typist("debug", program, "--plain", "--command", script)
    try:
        typist.wait_for(b"~")
        typist.type(b"\x03")
        typist.wait_for(b"(replug) ")
        assert b"interrupted" in typist.shown and b"not reached" not in typist.shown
        typist.type(b"stepi\rreverse-stepi\rquit\r")
        assert typist.finish() == 0
    finally:
        typist.close()
