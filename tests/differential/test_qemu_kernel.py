# SPDX-License-Identifier: GPL-2.0-or-later
"""The same kernel ELF and disk on Replug and on QEMU: the same output of each process."""

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from emulator import Machine, MachineOptions
from guestos.images import SCENARIO, Built, build_all
from guestos.sample import sample_text

HARTS = 4
# How often which kind of replug happens depends on timing: only that they happen can be compared.
_COUNTS = re.compile(
    r"^kernel: replugs: (\d+) uncontended, (\d+) contended, \d+ already done; reads held in the tank: (\d+)$"
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build_all(tmp_path_factory.mktemp("guest"), data=sample_text(200_000))


def by_process(console: str) -> dict[str, list[str]]:
    """The lines of each program, in its own order; several instances of a program print alike."""
    lines: dict[str, list[str]] = {}
    for line in console.replace("\r", "").splitlines():
        if not line.startswith("kernel: replugs:"):
            lines.setdefault(line.split(":")[0], []).append(line)
    return lines


def replugs(console: str) -> Counter[str]:
    for line in console.replace("\r", "").splitlines():
        match = _COUNTS.match(line)
        if match:
            return Counter(uncontended=int(match[1]), contended=int(match[2]), tank=int(match[3]))
    raise AssertionError(f"no count of replugs on the console:\n{console}")


def on_replug(built: Built) -> str:
    console = bytearray()
    options = MachineOptions(harts=HARTS, quantum=200, disk=built.disk, bootargs=SCENARIO)
    with Machine(built.kernel, options, console=console.extend) as machine:
        outcome = machine.run(10_000_000_000)
    assert (outcome.reason, outcome.status) == ("exit", 0), console.decode()
    return console.decode()


def on_qemu(built: Built, qemu: str, scratch: Path) -> str:
    disk = scratch / "disk.img"
    assert built.disk is not None
    shutil.copy(built.disk, disk)  # the kernel writes to it
    done = subprocess.run(
        [qemu, "-machine", "virt", "-bios", "none", "-smp", str(HARTS), "-m", "128M", "-nographic",
         "-global", "virtio-mmio.force-legacy=false",
         "-drive", f"file={disk},if=none,format=raw,id=d0",
         "-device", "virtio-blk-device,drive=d0,bus=virtio-mmio-bus.0", "-kernel", str(built.kernel),
         "-append", SCENARIO],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=240, check=False,
    )  # fmt: skip
    console = done.stdout.decode(errors="replace")
    assert done.returncode == 0, f"{console}\n{done.stderr.decode()}"
    return console


@pytest.mark.timeout(300)
def test_kernel_does_the_same_on_qemu(built: Built, qemu: str, tmp_path: Path) -> None:
    ours, theirs = on_replug(built), on_qemu(built, qemu, tmp_path)
    assert by_process(ours) == by_process(theirs)
    assert min(replugs(ours).values()) > 0, ours  # uncontended, contended and through the tank
    counts = replugs(theirs)
    assert counts["uncontended"] + counts["contended"] > 0, theirs
