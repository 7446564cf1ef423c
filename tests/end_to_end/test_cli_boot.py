# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug boot`: console, exit status, JSON, guests that end badly, and the same twice."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from command import COMMAND, Guest, Replug, environment, one_line
from programs import ASLEEP, BAD_HANDLER, ECHO, ECHO_ASLEEP, HELLO, NOWHERE, SPIN, finish


def json_of(done: "subprocess.CompletedProcess[bytes]") -> Any:
    return json.loads(done.stdout)


def test_console_and_status(replug: Replug, guest: Guest) -> None:
    done = replug("boot", guest(HELLO), "--harts", "3", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"hello\n", b"")


@pytest.mark.parametrize(
    ("status", "seen"), [(0, 0), (1, 1), (77, 77), (255, 255), (256, 255), (0xFFFF, 255)]
)
def test_status_is_the_guests(replug: Replug, guest: Guest, status: int, seen: int) -> None:
    done = replug("boot", guest(finish(status)), "--json", "-")
    assert done.returncode == seen
    assert json_of(done)["exit"] == {"reason": "exit", "status": status}


def test_remarks_name_the_state_and_a_token(replug: Replug, guest: Guest) -> None:
    done = replug("boot", guest(HELLO))
    assert done.stdout == b"hello\n"
    assert re.search(rb"status 0 after [0-9]+ instructions\n", done.stderr)
    assert re.search(rb"state [0-9a-f]{32}\n", done.stderr)
    assert re.search(rb"--replay r1\.[A-Za-z0-9_-]+\n", done.stderr)


@pytest.mark.parametrize("program", [ECHO, ECHO_ASLEEP], ids=["polling", "interrupts"])
def test_piped_input(replug: Replug, guest: Guest, program: str) -> None:
    done = replug("boot", guest(program), "--harts", "2", stdin=b"ab\nq rest")
    assert done.stdout.removeprefix(b">") == b"[a][b][\n][q]"
    assert done.returncode == 7


def test_piped_input_is_part_of_the_run(replug: Replug, guest: Guest) -> None:
    one, other, again = (
        json_of(replug("boot", guest(ECHO), "--json", "-", stdin=text)) for text in (b"abq", b"abbq", b"abq")
    )
    assert one["state_hash"] == again["state_hash"] != other["state_hash"]
    assert one["token"] == again["token"] != other["token"]


def test_input_that_never_comes_is_no_hang(replug: Replug, guest: Guest) -> None:
    done = replug("boot", guest(ECHO_ASLEEP), stdin=b"a")
    assert done.returncode == 1
    assert b"all harts wait" in done.stderr
    assert b"wakes on: machine external interrupt" in done.stderr


def test_seed_is_said_and_in_the_token(replug: Replug, guest: Guest) -> None:
    done = replug("boot", guest(HELLO), "--seed", "7", "--json", "-")
    assert b"replug: seed 7\n" in done.stderr and json_of(done)["seed"] == 7
    again = json_of(replug("boot", guest(HELLO), "--replay", json_of(done)["token"], "--json", "-"))
    assert again | {"seconds": 0} == json_of(done) | {"seconds": 0}


def test_json(replug: Replug, guest: Guest, tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    done = replug("boot", guest(HELLO), "--harts", "2", "--quantum", "9", "--json", file)
    assert (done.returncode, done.stdout) == (0, b"hello\n")
    result = json.loads(file.read_text())
    assert set(result) == {
        "exit", "harts", "state_hash", "seed", "token", "instructions", "virtual_time_ns", "seconds",
    }  # fmt: skip
    assert result["exit"] == {"reason": "exit", "status": 0}
    assert [hart["id"] for hart in result["harts"]] == [0, 1]
    for hart in result["harts"]:
        assert set(hart) == {"id", "instret", "pc", "symbol", "privilege", "waiting", "traps"}
    assert result["instructions"] == sum(hart["instret"] for hart in result["harts"])
    first, second = result["harts"]
    assert first["privilege"] == second["privilege"] == "M"
    assert (first["waiting"], second["waiting"]) == (False, True)
    assert second["symbol"] == "sleep+0x4"
    assert first["traps"] == 0
    assert re.fullmatch(r"[0-9a-f]{32}", result["state_hash"])
    # On stdout the result is alone: the console goes to stderr.
    done = replug("boot", guest(HELLO), "--harts", "2", "--quantum", "9", "--json", "-", "--quiet")
    assert done.stderr == b"hello\n"
    assert json_of(done) | {"seconds": 0} == result | {"seconds": 0}


# --- guests that end badly ---


def test_jump_to_nowhere(replug: Replug, guest: Guest) -> None:
    done = replug("boot", guest(NOWHERE), timeout=30)
    text = done.stderr.decode()
    assert (done.returncode, done.stdout) == (1, b"")
    assert "hart 0 runs wild after 2 instructions" in text
    assert re.search(r"pc +0x0\n", text)
    assert re.search(r"cause +1: instruction access fault\n", text)
    assert re.search(r"mtvec +0x0\n", text)
    assert re.search(r"privilege +machine\n", text)
    assert "_start" in text and "c.jr t0" in text
    found = json_of(replug("boot", guest(NOWHERE), "--json", "-"))["exit"]
    assert found == {"reason": "wild", "status": 1, "hart": 0, "cause": 1, "value": 0, "pc": 0}


def test_fault_in_the_trap_handler(replug: Replug, guest: Guest) -> None:
    done = replug("boot", guest(BAD_HANDLER), "--harts", "2", timeout=30)
    text = done.stderr.decode()
    assert done.returncode == 1
    assert re.search(r"pc +0x800000[0-9a-f]{2} handler \([^)]*\.s:[0-9]+\)\n", text)
    assert re.search(r"cause +5: load access fault\n", text)
    assert re.search(r"mtval +0x10\n", text)
    assert re.search(r"mepc +0x[0-9a-f]+ handler", text)
    assert "lw t1, 0x10(zero)  <- trap" in text
    quiet = replug("boot", guest(BAD_HANDLER), "--quiet")
    assert quiet.stderr.count(b"\n") == 1 and b"runs wild" in quiet.stderr


def test_spinning_for_ever(replug: Replug, guest: Guest) -> None:
    done = replug("boot", guest(SPIN), "--harts", "2", "--max-instructions", "0x10000", timeout=30)
    text = done.stderr.decode()
    assert done.returncode == 1
    assert re.search(r"stopped at the limit, after 65,5[0-9]{2} instructions", text)
    assert re.search(r"hart 0: runs at 0x[0-9a-f]+ (_start|work)", text)
    assert re.search(r"hart 1: runs at 0x[0-9a-f]+ (_start|work)", text)
    assert text.count("last instructions of hart") == 2
    assert "c.addi a1, 1" in text


def test_no_instruction_at_all(replug: Replug, guest: Guest) -> None:
    done = replug("boot", guest(SPIN), "--max-instructions", "0")
    assert done.returncode == 1
    assert b"after 0 instructions" in done.stderr and b"has run nothing" in done.stderr


def test_all_asleep(replug: Replug, guest: Guest) -> None:
    done = replug("boot", guest(ASLEEP), "--harts", "2", timeout=30)
    text = done.stderr.decode()
    assert done.returncode == 1
    assert "all harts wait (wfi), and nothing will ever wake one" in text
    assert text.count("waits at 0x80000004 _start+0x4") == 2
    assert text.count("wakes on: nothing") == 2


@pytest.mark.parametrize(
    ("number", "status", "said"),
    [(signal.SIGINT, 130, b"replug: interrupted\n"), (signal.SIGTERM, 143, b"")],
)
@pytest.mark.parametrize("program", [SPIN, ECHO], ids=["computing", "at a device"])
def test_interrupted(guest: Guest, program: str, number: int, status: int, said: bytes) -> None:
    says_so = "li t0, 0x10000000\n li t1, '!'\n sb t1, 0(t0)\n"
    with subprocess.Popen(
        [*COMMAND, "boot", str(guest(says_so + program))],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
    ) as running:  # fmt: skip
        assert running.stdout is not None
        assert running.stdout.read(1) == b"!"  # it runs
        time.sleep(0.2)
        running.send_signal(number)
        _, text = running.communicate(timeout=30)
        assert running.returncode == status
        assert text == said


def test_nobody_reads_the_console(guest: Guest) -> None:
    """As in `replug boot | head -1`."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [*COMMAND, "boot", str(guest(HELLO))],
            stdin=subprocess.DEVNULL, stdout=writer, stderr=subprocess.PIPE,
            env=environment(), timeout=60, check=False,
        )  # fmt: skip
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


# --- the same twice ---


def test_check_determinism(replug: Replug, guest: Guest) -> None:
    plain = json_of(replug("boot", guest(ECHO), "--harts", "2", "--json", "-", stdin=b"xyq"))
    done = replug("boot", guest(ECHO), "--harts", "2", "--check-determinism", stdin=b"xyq")
    assert done.returncode == 0
    assert done.stdout == b"[x][y][q]"  # once
    found = re.fullmatch(
        rb"replug: deterministic: ([0-9,]+) instructions, hash ([0-9a-f]{32})\n", done.stderr
    )
    assert found is not None, done.stderr
    assert int(found[1].replace(b",", b"")) == plain["instructions"]
    assert found[2].decode() == plain["state_hash"]


def test_check_determinism_in_many_steps(replug: Replug, guest: Guest) -> None:
    options = ("--harts", "3", "--quantum", "77", "--max-instructions", "12000000")
    done = replug("boot", guest(SPIN), *options, "--check-determinism", "--json", "-")
    assert done.returncode == 0
    result = json_of(done)
    assert result["deterministic"] is True and result["difference"] is None
    assert result["exit"]["reason"] == "limit"
    assert result["state_hash"] == json_of(replug("boot", guest(SPIN), *options, "--json", "-"))["state_hash"]


def test_our_guest_is_the_same_twice(replug: Replug) -> None:
    done = replug(
        "boot",
        "--append",
        "init=/paper",
        "--check-determinism",
        "--max-instructions",
        "20000000",
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert b"deterministic: 20,000,0" in done.stderr


def test_what_cannot_be_checked(replug: Replug, guest: Guest, tmp_path: Path) -> None:
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(4096))
    image = guest(HELLO)
    assert "--disk-write" in one_line(
        replug("boot", image, "--check-determinism", "--disk", disk, "--disk-write")
    )
    token = json_of(replug("boot", image, "--json", "-"))["token"]
    assert "--replay" in one_line(replug("boot", image, "--check-determinism", "--replay", token))
