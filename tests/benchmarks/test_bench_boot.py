# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug bench boot`: the same boot on both sides, and a boot that does not come to its end is an error."""

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from emulator.bench import boot
from emulator.bench.boot import CASES, BootCase, measure, our_command, processor_seconds, qemu_command
from emulator.bench.engine import Settings
from emulator.cli.bench import bench
from emulator.errors import ReplugError
from emulator.options import MachineOptions

ONCE = Settings(repetitions=1)
SAYS_HELLO = """
    bnez a0, 2f
    li t0, 0x10000000
    li t1, 'h'
    sb t1, 0(t0)
    li t1, 'i'
    sb t1, 0(t0)
    {end}
2:  j 2b
"""
POWER_OFF = "li t0, 0x100000\n li t1, 0x5555\n sw t1, 0(t0)\n"
FAIL = "li t0, 0x100000\n li t1, 0x33333\n sw t1, 0(t0)\n"

Guest = Callable[[str], Path]


def test_the_rows_that_are_promised_are_there() -> None:
    assert [case.name for case in CASES] == ["u-boot", "u-boot-opensbi", "u-boot-builtin"]


@pytest.mark.parametrize(("end", "until"), [(POWER_OFF, None), ("", b"hi")], ids=["power-off", "text"])
def test_row(guest: Guest, qemu: str, end: str, until: bytes | None) -> None:
    case = BootCase("kernel", guest(SAYS_HELLO.format(end=end)), MachineOptions(harts=2), b"", until)
    row = measure(case, ONCE)
    assert row.name == "kernel" and row.unit == "s"
    assert math.isfinite(row.value) and row.value > 0
    assert row.peer_value is not None and row.ratio == pytest.approx(row.peer_value / row.value)


def test_a_boot_that_does_not_come_to_its_end(
    guest: Guest, qemu: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = BootCase("kernel", guest(SAYS_HELLO.format(end=FAIL)), MachineOptions())
    for command in (our_command(failing), qemu_command(failing)):
        with pytest.raises(ReplugError, match="did not come to its end; it says: hi"):
            processor_seconds(command, b"", None)
    with pytest.raises(ReplugError, match="it says: other"):
        processor_seconds([sys.executable, "-c", "print('other')"], b"", b"hi")
    monkeypatch.setattr(boot, "_LONGEST", 1.0)
    with pytest.raises(ReplugError, match="it says: for ever"):
        processor_seconds([sys.executable, "-uc", "print('for ever')\nwhile True: pass"], b"", b"hi")


def test_command_line(guest: Guest, qemu: str, tmp_path: Path) -> None:
    image, result = guest(SAYS_HELLO.format(end=POWER_OFF)), tmp_path / "rows.json"
    arguments = [
        "boot",
        "--row",
        "kernel",
        "--kernel",
        str(image),
        "--repetitions",
        "1",
        "--json",
        str(result),
    ]
    done = CliRunner().invoke(bench, arguments, standalone_mode=False)
    assert done.exception is None, done.output
    rows = json.loads(result.read_text())["rows"]
    assert [row["name"] for row in rows] == ["kernel"]
    assert rows[0].keys() >= {"name", "value", "unit", "peer", "ratio", "spread"}
    refused = CliRunner().invoke(bench, ["engine", "--kernel", str(image)], standalone_mode=False)
    assert isinstance(refused.exception, ReplugError)
