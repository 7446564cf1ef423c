# SPDX-License-Identifier: GPL-2.0-or-later
"""The program's standard streams and outputs: closed, full, narrow, gone, or no files at all."""

import os
import subprocess
from pathlib import Path

import pytest
from command import COMMAND, ROOT, Guest, Replug, environment, one_line

COUNTS = """
    li t0, 0x100000
    li t1, 0x5555
    sw t1, 0(t0)
1:  j 1b
"""


def shell(script: str, *arguments: object, **more: str) -> "subprocess.CompletedProcess[bytes]":
    """Run a line of shell in which "$@" is the command."""
    return subprocess.run(
        ["bash", "-c", script, "bash", *COMMAND, *map(str, arguments)],
        input=b"", capture_output=True, timeout=120, env=environment() | more, check=False,
    )  # fmt: skip


def test_closed_streams_do_no_harm(guest: Guest, tmp_path: Path) -> None:
    """What is opened next would be number 1 or 2, and output would go into it: into the disk."""
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(4096))
    image = guest(COUNTS)
    for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        done = shell(f'"$@" {closed}', "boot", image, "--disk", disk, "--disk-write")
        assert done.returncode == 0, (closed, done)
        assert b"Traceback" not in done.stderr
        assert (b"the guest ended" in done.stderr) == ("2>&-" not in closed)
    assert disk.read_bytes() == bytes(4096)


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="the host has no /dev/full")
@pytest.mark.parametrize("command", ["--help", "disasm 0100", "asm nop"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_stdout(command: str, unbuffered: str) -> None:
    done = shell('"$@" >/dev/full', *command.split(), PYTHONUNBUFFERED=unbuffered)
    assert one_line(done) == "replug: No space left on device\n"


def test_whoever_reads_has_seen_enough(replug: Replug, guest: Guest) -> None:
    """The status is that of a broken pipe, also behind a table: 1 says something about the guest."""
    image = guest(COUNTS)
    assert replug("cycles", image, "--functions", "--all").returncode == 0
    done = shell(
        'set -o pipefail; "$@" | python3 -c "import os; os.close(0)"', "cycles", image, "--functions", "--all"
    )
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_locale_without_our_letters(tmp_path: Path) -> None:
    image = tmp_path / "Ω.img"
    done = shell('"$@"', "disk", "create", image, f"{ROOT}/README.md", PYTHONIOENCODING="latin-1")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"/?.img: 1 file" in done.stdout


def test_ctrl_c_while_the_program_is_being_imported(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt\n")
    done = shell('"$@"', "asm", "nop", PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"replug: interrupted\n")


@pytest.mark.parametrize("command", ["disk create {} {}", "build {} -o {}"])
def test_an_output_that_is_no_file_stays(replug: Replug, tmp_path: Path, command: str) -> None:
    """For root, a disk that is put in the place of /dev/null is put in everybody's way."""
    device, source = tmp_path / "device", tmp_path / "source.c"
    os.mkfifo(device)
    source.write_text("int main(void) { return 0; }\n")
    places = (source, device) if command.startswith("build") else (device, source)
    text = one_line(replug(*command.format(*places).split()))
    assert "device: not a file" in text
    assert device.is_fifo()
