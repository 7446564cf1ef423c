# SPDX-License-Identifier: GPL-2.0-or-later
"""A run's token repeats it: with the input that was typed, at the same places, to the same state."""

import json
import os
import re
import signal
import subprocess
import termios
import time
from pathlib import Path
from typing import Any

import pytest
from command import Guest, Replug, one_line
from programs import ECHO, ECHO_ASLEEP, HELLO, SPIN
from typist import Typist


def result_of(done: "subprocess.CompletedProcess[bytes]") -> Any:
    return json.loads(done.stdout)


@pytest.mark.parametrize("program", [ECHO, ECHO_ASLEEP], ids=["polling", "interrupts"])
def test_typed_input_is_replayed(replug: Replug, guest: Guest, tmp_path: Path, program: str) -> None:
    image = guest(program)
    file = tmp_path / "run.json"
    typist = Typist("boot", image, "--harts", "2", "--json", file)
    try:
        typist.wait_for(b"Ctrl-A x leaves")
        for key in (b"a", b"\x03", b"\x01\x01", b"b"):
            time.sleep(0.2)
            typist.type(key)
            typist.wait_for(b"[" + key[-1:] + b"]")
        typist.type(b"q")
        assert typist.finish() == 7
        assert re.search(rb"\[a\]\[\x03\]\[\x01\]\[b\]\[q\]", typist.shown)
    finally:
        typist.close()
    first = json.loads(file.read_text())
    done = replug("boot", image, "--replay", first["token"], "--json", "-", "--quiet")
    assert done.returncode == 7
    assert done.stderr.removeprefix(b">") == b"[a][\x03][\x01][b][q]"
    again = result_of(done)
    assert again | {"seconds": 0} == first | {"seconds": 0}


def test_leaving_and_replaying_to_there(replug: Replug, guest: Guest, tmp_path: Path) -> None:
    image = guest(ECHO)
    file = tmp_path / "run.json"
    typist = Typist("boot", image, "--json", file)
    try:
        typist.type(b"ab")
        typist.wait_for(b"[b]")
        typist.type(b"\x01h")
        typist.wait_for(b"Ctrl-A a      send Ctrl-A")
        typist.type(b"\x01x")
        assert typist.finish() == 0
    finally:
        typist.close()
    first = json.loads(file.read_text())
    assert first["exit"] == {"reason": "left", "status": 0}
    again = result_of(replug("boot", image, "--replay", first["token"], "--json", "-"))
    for key in ("state_hash", "instructions", "virtual_time_ns", "token", "harts"):
        assert again[key] == first[key]


def test_asleep_at_a_terminal_is_no_hang(guest: Guest) -> None:
    typist = Typist("boot", guest("1: wfi\n j 1b\n"))
    try:
        typist.wait_for(b"nothing will ever wake one")
        assert typist.finish() == 1
    finally:
        typist.close()


def test_killed_leaves_the_terminal_as_it_was(guest: Guest) -> None:
    typist = Typist("boot", guest(ECHO))
    try:
        typist.type(b"a")
        typist.wait_for(b"[a]")
        assert termios.tcgetattr(typist.terminal) != typist.before
        typist.running.send_signal(signal.SIGTERM)
        assert typist.finish() == 128 + signal.SIGTERM
    finally:
        typist.close()


def test_piped_input_is_replayed_without_the_pipe(replug: Replug, guest: Guest) -> None:
    image = guest(ECHO)
    first = replug(
        "boot", image, "--harts", "3", "--quantum", "123", "--append", "a=b", "--json", "-", stdin=b"xyq"
    )
    again = replug("boot", image, "--replay", result_of(first)["token"], "--json", "-")
    assert again.returncode == 7
    assert result_of(again) | {"seconds": 0} == result_of(first) | {"seconds": 0}


def test_limit_is_replayed(replug: Replug, guest: Guest) -> None:
    image = guest(SPIN)
    first = result_of(replug("boot", image, "--harts", "2", "--max-instructions", "100001", "--json", "-"))
    again = result_of(replug("boot", image, "--replay", first["token"], "--json", "-"))
    assert again | {"seconds": 0} == first | {"seconds": 0}
    longer = replug("boot", image, "--replay", first["token"], "--max-instructions", "200000", "--json", "-")
    assert result_of(longer)["instructions"] >= 200000


def test_long_token_from_a_file(replug: Replug, guest: Guest, tmp_path: Path) -> None:
    image = guest(ECHO)
    text = os.urandom(100_000).replace(b"q", b"r") + b"q"
    first = result_of(replug("boot", image, "--json", "-", stdin=text))
    file = tmp_path / "token"
    file.write_text(first["token"] + "\n")
    again = result_of(replug("boot", image, "--replay", f"@{file}", "--json", "-"))
    assert again["state_hash"] == first["state_hash"]


def test_what_does_not_fit_is_refused(replug: Replug, guest: Guest, tmp_path: Path) -> None:
    image = guest(HELLO)
    disk, other = tmp_path / "disk.img", tmp_path / "other.img"
    disk.write_bytes(bytes(4096))
    other.write_bytes(b"x" * 4096)
    token = result_of(replug("boot", image, "--harts", "2", "--json", "-"))["token"]
    with_disk = result_of(replug("boot", image, "--disk", disk, "--json", "-"))["token"]

    def refused(*arguments: object, what: str) -> None:
        assert what in one_line(replug("boot", *arguments))

    refused(guest(SPIN), "--replay", token, what="another image")
    refused(image, "--replay", token, "--harts", "3", what="harts 2, not 3")
    refused(image, "--replay", token, "--memory", "64M", what="memory")
    refused(image, "--replay", token, "--quantum", "7", what="quantum 1000, not 7")
    refused(image, "--replay", token, "--append", "x", what="bootargs")
    refused(image, "--replay", token, "--disk", disk, what="without a disk")
    refused(image, "--replay", with_disk, what="--disk")
    refused(image, "--replay", with_disk, "--disk", other, what="another disk")
    assert replug("boot", image, "--replay", with_disk, "--disk", disk).returncode == 0


def test_a_disk_that_is_written_replays_from_a_copy(replug: Replug, guest: Guest, tmp_path: Path) -> None:
    image = guest(HELLO)
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(4096))
    token = result_of(replug("boot", image, "--disk", disk, "--disk-write", "--json", "-"))["token"]
    assert replug("boot", image, "--disk", disk, "--replay", token).returncode == 0
