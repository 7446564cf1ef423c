# SPDX-License-Identifier: GPL-2.0-or-later
"""Every option of `replug boot` with what it cannot be: one line, exit status 2, nothing on stdout."""

import os
import socket
from pathlib import Path

import pytest
from command import Guest

from emulator.cli.boot import boot
from emulator.cli.main import main

POWER_OFF = "li t0, 0x100000\n li t1, 0x5555\n sw t1, 0(t0)\n1: j 1b\n"

BAD = [
    ("--harts 0", "harts"),
    ("--harts 65", "harts"),
    ("--harts -1", "harts"),
    ("--harts four", "not a number"),
    ("--harts 2.5", "not a number"),
    ("--memory 0", "memory"),
    ("--memory 1", "memory"),
    ("--memory 17G", "memory"),
    ("--memory 1.5G", "not a size"),
    ("--memory lots", "not a size"),
    ("--memory -1M", "not a size"),
    ("--memory 1048577", "memory"),
    ("--isa rv128", ""),
    ("--isa nonsense", ""),
    ("--bios nowhere.bin", "nowhere.bin"),
    ("--bios folder", "folder"),
    ("--bios empty", "empty"),
    ("--initrd nowhere", "nowhere"),
    ("--initrd folder", "folder"),
    ("--initrd big --memory 1M", ""),
    ("--dtb nowhere", "nowhere"),
    ("--dtb odd.img", "odd.img"),
    ("--dtb empty", "empty"),
    ("--load-address nonsense", "not a number"),
    ("--disk nowhere", "nowhere"),
    ("--disk folder", "folder"),
    ("--disk empty", "multiple of 512"),
    ("--disk odd.img", "multiple of 512"),
    ("--disk pipe", "neither a file nor a block device"),
    ("--disk-write", "no disk"),
    ("--quantum 0", "quantum"),
    ("--quantum -5", "quantum"),
    ("--quantum 1e3", "not a number"),
    ("--quantum 99999999999999999999", "quantum"),
    ("--max-instructions -1", "negative"),
    ("--max-instructions many", "not a number"),
    ("--net nonsense", "--net"),
    ("--net link", "udp:"),
    ("--net udp", "--net"),
    ("--net udp:", "udp:LOCAL_PORT:HOST:PORT"),
    ("--net udp:1:2:3:4", "udp:LOCAL_PORT:HOST:PORT"),
    ("--net udp:0:localhost:5", "udp:LOCAL_PORT:HOST:PORT"),
    ("--net udp:5:localhost:70000", "udp:LOCAL_PORT:HOST:PORT"),
    ("--net udp:4321:no.such.host.invalid:5", "no.such.host.invalid"),
    ("--net udp:{taken}:127.0.0.1:9", "--net"),
    ("--check-determinism --net udp:{free}:127.0.0.1:9", "leave --net udp out"),
    ("--console printer", "--console"),
    ("--rtc -1", "--rtc"),
    ("--rtc 8589934592", "--rtc"),
    ("--rtc yesterday", "neither seconds"),
    ("--rtc 2024-13-01", "neither seconds"),
    ("--rtc 1800-01-01", "--rtc"),
    ("--rtc 9999-12-31", "--rtc"),
    ("--seed -1", "--seed"),
    ("--seed 18446744073709551616", "--seed"),
    ("--seed random", "not a number"),
    ("--replay nonsense", "token"),
    ("--replay @nowhere", "nowhere"),
    ("--replay @odd.img", "odd.img"),
    ("--replay r1.AAAA --check-determinism", "token"),
    ("--save-snapshot folder", "folder"),
    ("--save-snapshot nowhere/at/all", "nowhere"),
    ("--from-snapshot nowhere", "nowhere"),
    ("--from-snapshot odd.img", "odd.img"),
    ("--trace folder", "folder"),
    ("--trace nowhere/at/all", "nowhere"),
    ("--json folder", "folder"),
    ("--json nowhere/at/all", "nowhere"),
    ("--unknown", "--unknown"),
    ("another.elf", "another.elf"),
]


@pytest.mark.parametrize(("options", "what"), BAD)
def test_one_line(
    guest: Guest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    options: str,
    what: str,
) -> None:
    image = guest(POWER_OFF)
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("empty").write_bytes(b"")
    Path("odd.img").write_bytes(b"\xff" * 1000)
    Path("big").write_bytes(bytes(2 << 20))
    os.mkfifo("pipe")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        words = options.format(taken=port, free=port ^ 1).split()
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            main(["boot", str(image), *words])
    shown = capfd.readouterr()
    assert end.value.code == 2, shown
    assert shown.out == ""
    assert shown.err.startswith("replug: ") and shown.err.count("\n") == 1, shown.err
    assert what in shown.err and "internal error" not in shown.err


def test_every_option_is_tried() -> None:
    """A new option comes with what it cannot be."""
    cannot_be_wrong = {"--help", "--quiet", "--append", "--check-determinism", "--strict-nan-boxing"}
    names = {name for option in boot.params for name in option.opts if name.startswith("--")}
    assert names - cannot_be_wrong <= {word for options, _ in BAD for word in options.split()}
