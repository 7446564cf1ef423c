# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's U-Boot and OpenSBI, as they are, to U-Boot's prompt, with somebody who types there."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from command import Replug
from typist import Typist

HostFile = Callable[[str, str], Path]

U_BOOT = "/usr/lib/u-boot/qemu-riscv64/u-boot.bin"
U_BOOT_SUPERVISOR = "/usr/lib/u-boot/qemu-riscv64_smode/uboot.elf"
U_BOOT_SUPERVISOR_FLAT = "/usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin"
FW_JUMP = "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_jump.elf"
FW_DYNAMIC = "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin"


def at_the_prompt(result: Path, *arguments: object) -> bytes:
    """What the console shows when U-Boot is booted, asked for its version, and told to power off."""
    typist = Typist("boot", *arguments, "--json", result)
    try:
        typist.wait_for(b"Hit any key to stop autoboot")
        typist.type(b" ")
        typist.wait_for(b"=> ")
        typist.type(b"version\r")
        typist.wait_for(b"GNU ld")
        typist.type(b"poweroff\r")
        assert typist.finish() == 0
    finally:
        typist.close()
    assert json.loads(result.read_text())["exit"] == {"reason": "exit", "status": 0}
    return typist.shown


def test_u_boot_as_firmware(host_file: HostFile, tmp_path: Path) -> None:
    firmware = host_file(U_BOOT, "u-boot-qemu")
    shown = at_the_prompt(tmp_path / "run.json", "--bios", firmware)
    assert shown.count(b"U-Boot 20") == 2  # as it starts, and asked for
    assert b"CPU:   rv64imafdc" in shown
    assert b"DRAM:  128 MiB" in shown


def test_u_boot_under_our_firmware(host_file: HostFile, tmp_path: Path) -> None:
    shown = at_the_prompt(tmp_path / "run.json", host_file(U_BOOT_SUPERVISOR_FLAT, "u-boot-qemu"))
    assert shown.count(b"U-Boot 20") == 2 and b"OpenSBI" not in shown


@pytest.mark.parametrize(
    ("firmware", "image"),
    [(FW_JUMP, U_BOOT_SUPERVISOR), (FW_DYNAMIC, U_BOOT_SUPERVISOR_FLAT)],
    ids=["fw_jump", "fw_dynamic"],
)
def test_u_boot_under_open_sbi(
    replug: Replug, host_file: HostFile, tmp_path: Path, firmware: str, image: str
) -> None:
    bios, u_boot = host_file(firmware, "opensbi"), host_file(image, "u-boot-qemu")
    result = tmp_path / "run.json"
    machine = ["--bios", bios, u_boot, "--harts", "2", "--memory", "256M"]
    shown = at_the_prompt(result, *machine)
    assert b"OpenSBI v1" in shown
    assert b"Platform HART Count       : 2" in shown
    assert b"Domain0 Next Mode         : S-mode" in shown
    assert b"DRAM:  256 MiB" in shown
    first = json.loads(result.read_text())
    again = json.loads(replug("boot", *machine, "--replay", first["token"], "--json", "-").stdout)
    for key in ("state_hash", "instructions", "virtual_time_ns", "harts", "token"):
        assert again[key] == first[key]
