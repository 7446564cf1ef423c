# SPDX-License-Identifier: GPL-2.0-or-later
"""Blocks that are fetched ahead: whoever seeks reads what is there, and nothing comes too late."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from emulator import Machine, MachineOptions
from emulator.cycles.paths import PathWatch
from emulator.devices.virtio_block import DiskTiming, VirtioBlock
from guestos.images import GUESTOS, INCLUDE, SYSTEM, build, kernel_image
from tests.guest.file_system_model import Model, pattern
from tests.guest.test_traces import END_OF_TRACE, LSEEK, OPEN, PROGRAMS, READ, Call
from tests.guest.test_traces import answer as model_answer
from toolchain.assemble import assemble
from toolchain.disk import create_image

FD = 0
BLOCKS = 120
DATA = pattern(3, BLOCKS * 4096 - 1000)
MODES = {"specialised": "levels=pe", "every level": "levels=pwes", "generic": "levels=- ahead=yes"}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("guest")


@pytest.fixture(scope="module")
def kernel(out: Path) -> Path:
    return build(kernel_image(), out)


def program(out: Path, name: str) -> Path:
    user = GUESTOS / "user"
    return assemble(
        [
            user / "lib/system_calls.S", user / "lib/crc32.S", user / "bin/lib/start.S",
            user / "bin/lib/text.c", PROGRAMS / f"{name}.c",
        ],
        out / f"{name}.elf", link_script=user / "link.ld", include=[INCLUDE], root=GUESTOS.parent,
    )  # fmt: skip


@pytest.fixture(scope="module")
def tracer(out: Path) -> Path:
    return program(out, "trace")


Steps = Sequence[tuple[int, int]]
"""Where to seek to (negative: nowhere), and how much to read there."""

STEPS = st.lists(
    st.tuples(
        st.integers(-700_000, len(DATA) + 5000),
        st.sampled_from((1, 100, 4096, 4096, 4097, 9000, 16_000)),
    ),
    min_size=20,
    max_size=60,
)


def calls_of(steps: Steps) -> tuple[list[Call], list[str]]:
    """The calls, and the lines that they print."""
    model = Model({"g": DATA})
    calls = [Call(0, OPEN, 1, 0)]
    for place, size in steps:
        if place >= 0:
            calls.append(Call(0, LSEEK, 0, FD, place, 0))
        calls.append(Call(0, READ, 0, FD, size))
    lines = []
    for call in calls:
        wanted = model_answer(model, call)
        assert wanted is not None
        lines.append(f"{wanted[0] & 0xFFFFFFFF:08x} {wanted[1]:08x}")
    return [*calls, Call(0, END_OF_TRACE)], [*lines, f"{0:08x} {0:08x}"]


@pytest.mark.parametrize("mode", MODES)
def test_seeks(kernel: Path, tracer: Path, tmp_path: Path, mode: str) -> None:
    """What comes is what the file holds, wherever it is read, with the file not in memory at first."""
    seen: dict[str, int] = {}

    @settings(
        max_examples=6, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck), phases=(Phase.generate, Phase.shrink),
    )  # fmt: skip
    @given(STEPS)
    def check(steps: Steps) -> None:
        calls, lines = calls_of(steps)
        disk = create_image(
            tmp_path / "disk.img",
            {**SYSTEM, "/init": tracer, "/trace": b"".join(map(Call.pack, calls)), "/g": DATA},
        )
        console = bytearray()
        options = MachineOptions(harts=2, disk=disk, bootargs=MODES[mode])
        with Machine(kernel, options, console=console.extend) as machine:
            watch = PathWatch(machine, [])
            outcome = machine.run(500_000_000)
            for cost in watch.costs():
                seen[cost.name] = seen.get(cost.name, 0) + cost.calls
        said = console.decode()
        assert (outcome.reason, outcome.status) == ("exit", 0), said
        assert [line for line in said.splitlines() if not line.startswith("kernel: ")] == lines
        counts = re.search(r"fetched ahead: (\d+), there when needed: (\d+), on their way then: (\d+)", said)
        if counts:
            asked, in_time, late = map(int, counts.groups())
            seen["asked"] = seen.get("asked", 0) + asked
            assert in_time + late <= asked

    check()
    assert seen["asked"] > 30, seen
    if mode == "specialised":  # it went down after seeks, and up again
        assert seen["replug, uncontended"] > 5
        assert seen["specialise again, from another level"] > 2, seen


@pytest.mark.parametrize("slow", [66, 70])
def test_blocks_change_hands(kernel: Path, out: Path, tmp_path: Path, slow: int) -> None:
    """A block that is still on its way to a file that is gone does not end up in the one that has it now.

    slow: milliseconds of a read, such that one of them ends while the same block is written for the other.
    """
    files = {**SYSTEM, "/init": program(out, "ahead"), "/old": pattern(9, 8 * 4096)}
    roomy = create_image(tmp_path / "roomy.img", files).stat().st_size // 4096  # 256 free blocks
    disk = create_image(tmp_path / "disk.img", files, blocks=roomy - 256 + 4)
    console = bytearray()
    options = MachineOptions(harts=2, disk=disk, disk_write=True, bootargs="levels=pe")
    with Machine(kernel, options, console=console.extend) as machine:
        for device in machine.virtio.devices:
            if isinstance(device, VirtioBlock):
                device.timing = DiskTiming(read=slow * 1_000_000, write=2_000_000, per_kibibyte=0)
        outcome = machine.run(400_000_000)
    assert (outcome.reason, outcome.status) == ("exit", 0), console.decode()
    assert "fetched ahead: 5, there when needed: 4, on their way then: 1" in console.decode(), (
        console.decode()
    )
