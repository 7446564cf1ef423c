# SPDX-License-Identifier: GPL-2.0-or-later
"""Calls between processes: waiting, signals and their handlers, sockets, sleep, record locks."""

from pathlib import Path

import pytest

from emulator import Machine, MachineOptions
from guestos.images import GUESTOS, INCLUDE, SYSTEM, build, kernel_image
from toolchain.assemble import assemble
from toolchain.disk import create_image

PARTS = ("waiting", "signals", "sockets", "sleeping", "locks", "processes")


@pytest.fixture(scope="module")
def kernel_and_disk(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    out = tmp_path_factory.mktemp("guest")
    user = GUESTOS / "user"
    program = assemble(
        [
            user / "lib/system_calls.S", *sorted((user / "bin/lib").glob("*.S")),
            *sorted((user / "bin/lib").glob("*.c")), Path(__file__).parent / "programs/calls.c",
        ],
        out / "calls.elf", link_script=user / "link.ld", include=[INCLUDE], root=GUESTOS.parent,
    )  # fmt: skip
    return build(kernel_image(), out), create_image(out / "disk.img", {**SYSTEM, "/init": program})


@pytest.mark.parametrize(("harts", "quantum"), [(1, 1000), (2, 100), (4, 37)])
def test_calls(kernel_and_disk: tuple[Path, Path], harts: int, quantum: int) -> None:
    kernel, disk = kernel_and_disk
    console = bytearray()
    options = MachineOptions(harts=harts, quantum=quantum, disk=disk)
    with Machine(kernel, options, console.extend) as machine:
        outcome = machine.run(300_000_000)
    said = console.decode()
    assert (outcome.reason, outcome.status) == ("exit", 0), said
    assert said.splitlines()[: len(PARTS)] == [f"{part}: good" for part in PARTS]
