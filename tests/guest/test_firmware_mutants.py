# SPDX-License-Identifier: GPL-2.0-or-later
"""Bugs planted in the firmware: the program that tests it has to notice each."""

import shutil
from pathlib import Path

import pytest
from test_firmware import CHECKS, HARTS, TYPED, Supervisor, supervisor  # noqa: F401

from emulator import Machine, MachineOptions
from emulator import firmware as firmware_package
from emulator.isa import Isa
from emulator.loader import boot
from toolchain.image import Image

SOURCES = Path(firmware_package.__file__).parent
LIMIT = 30_000_000
"""Instructions; the program ends after about a third of them."""

BUGS = {
    "no fence.i": ("remote.S", "    fence.i\n", "    nop\n"),
    "nobody is told": (
        "remote.S",
        "    li      t1, 1\n    sw      t1, (t0)\n    j       1b",
        "    j       1b",
    ),
    "the bell rings on": ("remote.S", "    sw      zero, (t0)              //", "    nop  //"),
    "masks are not checked": ("remote.S", "    beqz    t0, 3f\n    li      t3, 0", "    li      t3, 0"),
    "a started hart starts": ("hart_state.S", "    bne     t1, t2, 2f\n", "    nop\n"),
    "starts in the firmware": ("hart_state.S", "    bltu    t0, t1, 3f\n", "    nop\n"),
    "suspension is not told": ("hart_state.S", "    li      t0, HSM_SUSPENDED\n", "    li      t0, 0\n"),
    "paging stays on": ("start.S", "    csrw    satp, zero\n", "    nop\n"),
    "interrupts stay on": ("start.S", "    csrw    sie, zero\n", "    nop\n"),
    "its memory is open": ("start.S", "0x1f1818", "0x1f181f"),
    "the CLINT is open": ("start.S", "0x1f1818", "0x1f1f18"),
    "illegal instructions stay": ("start.S", "0xb1ff", "0xb1fb"),
    "counters are closed": (
        "start.S",
        "    li      t0, -1\n    csrw    mcounteren, t0",
        "    csrw    mcounteren, zero",
    ),
    "an old timer stays": (
        "timer.S",
        "    csrc    mip, t0\n    jal     machine_timer",
        "    jal     machine_timer",
    ),
    "the timer fires on": (
        "timer.S",
        "    csrc    mie, t0\n    li      t0, INTERRUPT_STI",
        "    li      t0, INTERRUPT_STI",
    ),
    "calls do not return": ("trap.S", "    addi    s1, s1, 4\n", "    nop\n"),
    "a value for a legacy call": (
        "call.S",
        "1:  jal     sbi_legacy              // has",
        "1:  jal     find_extension  // has",
    ),
    "firmware can be written out": ("console.S", "    bgtu    t0, t1, sbi_invalid_param\n", "    nop\n"),
    "no guard": ("console.S", "    csrrw   s5, mtvec, t0\n", "    csrr    s5, mtvec\n"),
    "all is counted as read": ("console.S", "    sub     a1, t0, s3\n", "    mv      a1, t0\n"),
}


@pytest.mark.parametrize("bug", BUGS)
def test_planted_bug(
    bug: str,
    supervisor: Supervisor,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sources = tmp_path / "firmware"
    shutil.copytree(SOURCES, sources, ignore=shutil.ignore_patterns("__pycache__"))
    name, old, new = BUGS[bug]
    text = (sources / name).read_text()
    assert old in text
    (sources / name).write_text(text.replace(old, new, 1))

    def planted(bits: int) -> Image:
        return firmware_package.build_firmware(sources, bits, tmp_path / "firmware.elf")

    monkeypatch.setattr(boot, "builtin_firmware", planted)
    console = bytearray()
    options = MachineOptions(harts=HARTS, bios="builtin", isa=Isa.parse("rv64gc"))
    with Machine(supervisor(64), options, console.extend) as machine:
        machine.type(TYPED)
        outcome = machine.run(LIMIT)
    shown = console.decode(errors="replace")
    good = (outcome.reason, outcome.status) == ("exit", 0) and shown.count(": yes") == CHECKS
    assert not (good and ": NO" not in shown)
