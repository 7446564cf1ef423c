# SPDX-License-Identifier: GPL-2.0-or-later
"""The shell and the small programs, typed to: what they print, on our machine and under QEMU."""

import subprocess
from pathlib import Path

import pytest

from emulator import Machine, MachineOptions
from guestos.images import Built, build_all
from toolchain.disk import check_image, extract_image

DATA = b"one line\nanother one\n" * 300

# What is typed, line by line, and what comes back after it.
SESSION = [
    ("echo hello,   world", "hello, world\n"),
    ("echo 'a  b' \"c|d\" e\\;f # not this", "a  b c|d e;f\n"),
    ("cat /data | wc", f"{600:7} {1200:7} {len(DATA):7}\n"),
    (
        "wc /data /nothing",
        f"{600:7} {1200:7} {len(DATA):7} /data\nwc: /nothing: no such file or directory\n"
        f"{600:7} {1200:7} {len(DATA):7} total\n",
    ),
    ("true && echo yes || echo no", "yes\n"),
    ("false && echo yes || echo no", "no\n"),
    ("false; echo $?", "1\n"),
    ("nosuch; echo $?", "sh: nosuch: no such file or directory\n127\n"),
    ("cd /nothing", "sh: /nothing: no such file or directory\n"),
    ("mkdir /tmp/a /tmp/a/b /disk", ""),
    ("mkdir /disk; echo $?", "mkdir: /disk: exists already\n1\n"),
    ("cp /data /tmp/a/b", ""),
    ("cd /tmp/a/b; ls", ".\n..\ndata\n"),
    ("wc < data > ../counts; cat ../counts", f"{600:7} {1200:7} {len(DATA):7}\n"),
    ("echo more >> ../counts; wc ../counts", f"{2:7} {4:7} {29:7} ../counts\n"),
    ("cp ../counts /disk/kept; cd /disk; ls -l", None),
    ("rm /tmp/a; echo $?", "rm: /tmp/a: directory not empty\n1\n"),
    ("rm /tmp; echo $?", "rm: /tmp: busy\n1\n"),
    ("rm /tmp/a/b/data /tmp/a/b /tmp/a/counts /tmp/a; ls /tmp", ".\n..\n"),
    ("cat < /dev/null; echo lost > /dev/null", ""),
    ("cat /disk", None),
    ("cat kept | cat | cat | wc", f"{2:7} {4:7} {29:7}\n"),
    ("echo in the background > late & wait; cat late", None),
    ("cat /dev/zero > /dev/null & kill -9 $!", None),
    ("kill 1; echo $?", "kill: 1: not permitted\n1\n"),
    ("kill 4000; echo $?", "kill: 4000: no such process\n1\n"),
    ("sh -c 'exit 42'; echo $?", "42\n"),
    ("echo exit 17 > script; sh script; echo $?", "17\n"),
    ("| wc", "sh: a command is missing\n"),
    ("echo x >", "sh: a redirection without a file\n"),
    ("rm late script", ""),
    ("mkdir /d /d/e; cp /data /d/f; cd /d/e; pwd", "/d/e\n"),
    ("ln ../f g; mv g h; mv h /d; ls; cd ..; pwd; ls *", ".\n..\n/d\nf\nh\ne:\n.\n..\n"),
    ("mv /d /tmp; echo $?", "mv: /d: on another file system\n1\n"),
    ("mv f /tmp/moved; mv e /d/x; mv x x/y; ls -l", None),
    ("cd /tmp; pwd; ls; echo /d/? '*' no*thing", "/tmp\n.\n..\nmoved\n/d/h /d/x * no*thing\n"),
    ("wc /tmp/moved h > out 2>&1; cat out; echo unseen > /dev/null >&2", None),
    ("rm moved out; rm /d/* /d; cd /disk", ""),
    ("ps > p; wc < p; rm p", f"{4:7} {16:7} {110:7}\n"),
]
SCRIPT = "".join(f"{typed}\n" for typed, _ in SESSION).encode()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build_all(tmp_path_factory.mktemp("guest"), data=DATA)


def run(built: Built, typed: bytes, *, disk: Path | None = None, **options: int) -> tuple[int, str]:
    """Status and console of a run to its end, with all of the input there from the start."""
    console = bytearray()
    chosen = MachineOptions(disk=disk or built.disk, disk_write=disk is not None, **options)  # type: ignore[arg-type]
    with Machine(built.kernel, chosen, console=console.extend) as machine:
        machine.type(typed)
        outcome = machine.run(300_000_000)
    assert outcome.reason == "exit", console.decode()
    return outcome.status, console.decode()


@pytest.mark.parametrize(("harts", "quantum"), [(1, 1000), (4, 100)])
def test_session(built: Built, tmp_path: Path, harts: int, quantum: int) -> None:
    """Prompt, echo of what is typed and output of each line; the disk is consistent afterwards."""
    assert built.disk is not None
    disk = tmp_path / "disk.img"
    disk.write_bytes(built.disk.read_bytes())
    status, console = run(built, SCRIPT + b"exit 3\n", disk=disk, harts=harts, quantum=quantum)
    assert status == 3
    shown = console.split("$ ")
    assert len(shown) == len(SESSION) + 2, console
    for (typed, printed), came in zip(SESSION, shown[1:], strict=False):
        assert came.startswith(typed + "\n")
        if printed is not None:
            assert came == f"{typed}\n{printed}"
    assert check_image(disk) == []
    extract_image(disk, tmp_path / "files")
    kept = tmp_path / "files/disk/kept"
    assert kept.read_text() == f"{600:7} {1200:7} {len(DATA):7}\nmore\n"
    assert sorted(path.name for path in (tmp_path / "files/disk").iterdir()) == ["kept"]


def test_end_of_the_input(built: Built) -> None:
    """Ctrl-D on a line of its own ends the shell with the last status, and the machine with it."""
    assert run(built, b"true\n\x04", harts=2)[0] == 0
    assert run(built, b"false\n\x04", harts=2)[0] == 1
    status, console = run(built, b"echo unfinished\x04\x04", harts=2)
    assert status == 0 and "echo unfinished" in console


def test_editing(built: Built) -> None:
    """Backspace, delete, Ctrl-U."""
    _, console = run(built, b"this goes\x15echo abx\x08c\x7fd\n\x04", harts=1)
    assert console.endswith("\nabd\n$ \n") or "\nabd\n" in console
    assert "goes" not in console.split("\n")[1]


def test_control_c(built: Built) -> None:
    """Ends what runs in the foreground, not the shell; a line that is not finished is void."""
    console = bytearray()
    with Machine(built.kernel, MachineOptions(harts=2, disk=built.disk), console=console.extend) as machine:
        machine.type(b"cat /dev/zero > /dev/null\n")
        assert machine.run(10_000_000).reason == "limit"
        assert console.endswith(b"> /dev/null\n")
        machine.type(b"\x03")
        machine.run(5_000_000)
        assert console.endswith(b"^C\n$ "), console
        machine.type(b"echo half")
        machine.run(1_000_000)
        machine.type(b"\x03")
        machine.run(1_000_000)
        machine.type(b"echo $?\n\x04")
        assert machine.run(50_000_000).reason == "exit"
    assert b"echo $?\n130\n" in console, console


def test_pipe_without_a_reader(built: Built) -> None:
    """Whoever writes to it is ended by a signal; the last command's status is the pipeline's."""
    status, console = run(built, b"cat /dev/zero | true; echo $?\ncat /dev/zero | false\n\x04", harts=2)
    assert status == 1
    assert "\n0\n" in console


def test_same_on_qemu(built: Built, qemu: str, tmp_path: Path) -> None:
    typed = SCRIPT + b"exit 3\n"
    disk = tmp_path / "disk.img"
    assert built.disk is not None
    disk.write_bytes(built.disk.read_bytes())
    done = subprocess.run(
        [qemu, "-machine", "virt", "-bios", "none", "-smp", "4", "-m", "128M", "-nographic",
         "-monitor", "none", "-serial", "stdio", "-global", "virtio-mmio.force-legacy=false",
         "-drive", f"file={disk},if=none,format=raw,id=d0",
         "-device", "virtio-blk-device,drive=d0,bus=virtio-mmio-bus.0", "-kernel", str(built.kernel)],
        input=typed, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    ours = run(built, typed, harts=4)
    assert (done.returncode, without_counts(done.stdout.decode())) == (ours[0], without_counts(ours[1]))
    assert check_image(disk) == []


def without_counts(console: str) -> list[str]:
    """Line by line; how often what was replugged depends on timing."""
    lines = console.replace("\r", "").splitlines()
    return [line for line in lines if not line.startswith("kernel: replugs:")]
