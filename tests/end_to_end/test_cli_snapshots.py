# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug boot --save-snapshot` and `--from-snapshot`: a run in two pieces is the run in one."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from command import Guest, Replug, one_line
from programs import ECHO, HELLO, SPIN


def result_of(done: "subprocess.CompletedProcess[bytes]") -> Any:
    return json.loads(done.stdout)


def test_two_pieces_make_the_whole(replug: Replug, guest: Guest, tmp_path: Path) -> None:
    image, file = guest(ECHO), tmp_path / "machine"
    machine = ("--harts", "2", "--quantum", "9")
    whole = result_of(replug("boot", image, *machine, "--json", "-", stdin=b"abcq"))
    half = str(whole["instructions"] // 2)
    first = replug(
        "boot", image, *machine, "--max-instructions", half, "--save-snapshot", file, stdin=b"abcq"
    )
    assert first.returncode == 0, first.stderr
    assert f"snapshot in {file}".encode() in first.stderr
    second = replug("boot", image, "--from-snapshot", file, "--json", "-")
    assert second.returncode == 7
    assert first.stdout + second.stderr.split(b"replug: ")[0] == b"[a][b][c][q]"
    result = result_of(second)
    for key in ("exit", "harts", "state_hash", "token", "instructions", "virtual_time_ns"):
        assert result[key] == whole[key], key
    again = result_of(replug("boot", image, "--replay", result["token"], "--json", "-"))
    assert again["state_hash"] == whole["state_hash"]


def test_a_snapshot_of_what_went_on_from_one(replug: Replug, guest: Guest, tmp_path: Path) -> None:
    image, one, two = guest(SPIN), tmp_path / "one", tmp_path / "two"
    assert replug("boot", image, "--max-instructions", "1000", "--save-snapshot", one).returncode == 0
    options = ("--from-snapshot", one, "--max-instructions", "3000", "--save-snapshot", two)
    assert replug("boot", image, *options, "--quiet").returncode == 0
    results = [
        result_of(replug("boot", image, *start, "--max-instructions", "5000", "--json", "-", "--quiet"))
        for start in (("--from-snapshot", two), ("--from-snapshot", one), ())
    ]
    assert len({result["state_hash"] for result in results}) == 1
    assert 5000 <= results[0]["instructions"] < 5100


def test_input_goes_on_too(replug: Replug, guest: Guest, tmp_path: Path) -> None:
    """What is typed after the snapshot joins what was typed before it, also in the token."""
    image, file = guest(ECHO), tmp_path / "machine"
    replug("boot", image, "--max-instructions", "2000", "--save-snapshot", file, stdin=b"ab")
    done = replug("boot", image, "--from-snapshot", file, "--json", "-", "--quiet", stdin=b"q")
    assert (done.returncode, done.stderr) == (7, b"[q]")
    token = result_of(done)["token"]
    again = replug("boot", image, "--replay", token, "--json", "-", "--quiet")
    assert again.stderr == b"[a][b][q]"
    assert result_of(again)["state_hash"] == result_of(done)["state_hash"]


def test_check_determinism_from_a_snapshot(replug: Replug, guest: Guest, tmp_path: Path) -> None:
    image, file = guest(SPIN), tmp_path / "machine"
    replug("boot", image, "--max-instructions", "1000", "--save-snapshot", file)
    options = ("--from-snapshot", file, "--check-determinism", "--max-instructions", "2000", "--json", "-")
    done = replug("boot", image, *options)
    assert done.returncode == 0
    assert result_of(done)["deterministic"] is True


def test_a_guest_that_ended_leaves_none(replug: Replug, guest: Guest, tmp_path: Path) -> None:
    file = tmp_path / "machine"
    done = replug("boot", guest(HELLO), "--save-snapshot", file, "--quiet")
    assert done.returncode == 1
    assert b"no snapshot: the guest has ended by itself" in done.stderr
    assert not file.exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--from-snapshot", "{file}", "--harts", "2"], "{file}: the run was with harts 1, not 2"),
        (["--from-snapshot", "{file}", "--replay", "r1.x"], "token: "),
        (["--from-snapshot", "{image}"], "not a snapshot of a machine"),
        (["--from-snapshot", "{cut}"], "{cut}: damaged or cut short: its checksum is wrong"),
        (["--from-snapshot", "{file}.not"], "No such file or directory"),
        (["--from-snapshot", "{file}", "--max-instructions", "9"], "the snapshot is at 1"),
        (["--save-snapshot", "/"], "not a file"),
        (["--save-snapshot", "{file}/x"], "no such directory"),
        (["--save-snapshot", "{file}.2", "--check-determinism"], "leave --save-snapshot out"),
    ],
)
def test_what_does_not_fit(
    replug: Replug, guest: Guest, tmp_path: Path, arguments: list[str], complaint: str
) -> None:
    image, file, cut = guest(SPIN), tmp_path / "machine", tmp_path / "cut"
    replug("boot", image, "--max-instructions", "1000", "--save-snapshot", file)
    cut.write_bytes(file.read_bytes()[:-1])
    names = {"image": image, "file": file, "cut": cut}
    done = replug("boot", image, *(argument.format(**names) for argument in arguments))
    assert complaint.format(**names) in one_line(done)


def test_another_image(replug: Replug, guest: Guest, tmp_path: Path) -> None:
    file = tmp_path / "machine"
    replug("boot", guest(SPIN), "--max-instructions", "1000", "--save-snapshot", file)
    assert "the run was of another image" in one_line(replug("boot", guest(HELLO), "--from-snapshot", file))
