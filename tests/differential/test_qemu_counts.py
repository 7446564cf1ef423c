# SPDX-License-Identifier: GPL-2.0-or-later
"""Instruction counts against QEMU's, which counts one nanosecond an instruction under -icount shift=0."""

import subprocess
from pathlib import Path

import pytest

from emulator import Machine
from guestos.images import build, measure_images


@pytest.fixture(scope="module")
def invocation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (image,) = [image for image in measure_images() if image.name.endswith("invocation.elf")]
    return build(image, tmp_path_factory.mktemp("measure"))


def test_measuring_program_counts_as_qemu_does(invocation: Path, qemu: str) -> None:
    console = bytearray()
    with Machine(invocation, console=console.extend) as machine:
        assert machine.run(10_000_000).status == 0
    reference = subprocess.run(
        [qemu, "-machine", "virt", "-bios", "none", "-nographic", "-icount", "shift=0", "-kernel",
        str(invocation)], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    assert console.decode().split() == reference.decode().split()
    through, direct = (int(line.split(":")[1]) for line in console.decode().splitlines())
    assert through > direct > 1000
