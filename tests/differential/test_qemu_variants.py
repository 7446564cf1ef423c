# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel under other boot arguments, and the schemes that replace code, on QEMU: harts that really run at
the same time, under the host's memory order.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from guestos.images import SCENARIO, Built, alternative_images, build, build_all
from guestos.sample import sample_text

MACHINE = ("-machine", "virt", "-bios", "none", "-m", "128M", "-nographic")
SIZE = 60_000


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build_all(tmp_path_factory.mktemp("guest"), data=sample_text(SIZE))


def run(command: list[str]) -> str:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)
    text = done.stdout.decode(errors="replace")
    assert done.returncode == 0, text
    return text


@pytest.mark.parametrize("arguments", ["levels=pews", "leave=yes", "code=generated", "inside=counter"])
def test_kernel(built: Built, qemu: str, tmp_path: Path, arguments: str) -> None:
    assert built.disk is not None
    disk = tmp_path / "disk.img"
    shutil.copy(built.disk, disk)  # the kernel writes to it
    text = run(
        [
            qemu, *MACHINE, "-smp", "3", "-append", f"{SCENARIO} {arguments}", "-kernel", str(built.kernel),
            "-global", "virtio-mmio.force-legacy=false", "-drive", f"file={disk},if=none,format=raw,id=d0",
            "-device", "virtio-blk-device,drive=d0,bus=virtio-mmio-bus.0",
        ]
    )  # fmt: skip
    assert len(set(re.findall(rf"{SIZE} bytes, crc32 (\w+)", text))) == 1
    assert text.count("ended with status 0") == 3


@pytest.mark.parametrize("scheme", ["flag_fences", "counter_lrsc", "seqlock", "qsbr", "membarrier"])
def test_scheme(qemu: str, tmp_path: Path, scheme: str) -> None:
    (image,) = [image for image in alternative_images() if Path(image.name).stem == scheme]
    text = run([qemu, *MACHINE, "-smp", "2", "-kernel", str(build(image, tmp_path))])
    assert re.search(r"^2 harts, \d+ working calls, 270 replacements, 0 violations", text, re.MULTILINE), text
