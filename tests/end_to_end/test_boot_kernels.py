# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernels that others wrote, on request, as they have no package to install here.

REPLUG_LINUX_IMAGE  a Linux `Image` for RISC-V (6.x, with the 8250 console), such as a distribution's
REPLUG_XV6          the folder of an xv6-riscv that has been built: kernel/kernel and fs.img
"""

import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from command import Replug
from typist import Typist

sys.path.insert(0, str(Path(__file__).parent / "linux"))
from initramfs import make_initramfs

XV6_HARTS = 3


def asked_for(variable: str) -> Path:
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"on request: {variable} names no path (see the top of this file)")
    if not Path(value).exists():
        pytest.fail(f"{variable}: {value}: no such file")
    return Path(value)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("harts", [1, 4])
@pytest.mark.parametrize("bios", ["builtin", "opensbi"])
def test_linux_to_its_init_twice(replug: Replug, tmp_path: Path, bios: str, harts: int) -> None:
    image = asked_for("REPLUG_LINUX_IMAGE")
    firmware = "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_jump.elf" if bios == "opensbi" else bios
    initramfs = make_initramfs(tmp_path)
    # What is there before the driver is loses some characters to it: it reads until the chip has none.

    def boot() -> Any:
        result = tmp_path / "run.json"
        done = replug(
            "boot", image, "--bios", firmware, "--harts", harts, "--memory", "512M", "--initrd", initramfs,
            "--append", "console=ttyS0 earlycon=sbi", "--max-instructions", 20_000_000_000, "--json", result,
            stdin=b"....hello there\n", timeout=400,
        )  # fmt: skip
        console = done.stdout.decode(errors="replace")
        assert done.returncode == 0, console + done.stderr.decode()
        assert re.search(rf"init: \S+ on riscv64, harts: 0?{harts}\b", console), console
        assert re.search(r"init: typed: .*hello there", console), console
        return json.loads(result.read_text())

    first, second = boot(), boot()
    for key in ("instructions", "virtual_time_ns", "state_hash", "harts"):
        assert first[key] == second[key]


@pytest.mark.timeout(900)
def test_xv6_to_its_shell(tmp_path: Path) -> None:
    folder = asked_for("REPLUG_XV6")
    disk = shutil.copy(folder / "fs.img", tmp_path / "fs.img")
    result = tmp_path / "run.json"
    typist = Typist("boot", folder / "kernel/kernel", "--harts", XV6_HARTS, "--disk", disk, "--json", result)
    try:
        typist.wait_for(b"init: starting sh\r\n$ ", 120)
        assert typist.shown.count(b" starting\r\n") == XV6_HARTS - 1
        typist.type(b"ls\r")
        typist.wait_for(b"console        3 ")
        typist.type(b"usertests -q\r")
        typist.wait_for(b"test copyout: OK", 300)
        typist.type(b"\x01x")
        assert typist.finish() == 0
    finally:
        typist.close()
    assert json.loads(result.read_text())["exit"]["reason"] == "left"
