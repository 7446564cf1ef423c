# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest with its own drivers for clock, entropy, network and virtio console, asleep till they interrupt."""

from pathlib import Path

import pytest

from emulator.devices.options import DeviceOptions
from emulator.machine import Machine
from emulator.options import MachineOptions
from emulator.replay import replay
from emulator.token import Token
from guestos.images import GUESTOS
from toolchain.assemble import assemble

EPOCH = 0x65432100


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = Path(__file__).parent / "programs" / "devices.c"
    start = GUESTOS / "bare" / "start.S"
    output = tmp_path_factory.mktemp("devices") / "devices.elf"
    return assemble([start, source], output, link_script=GUESTOS / "bare" / "link.ld", root=source.parent)


def options(seed: int, harts: int) -> MachineOptions:
    devices = DeviceOptions(rtc=EPOCH, seed=seed, net="loopback", console="virtio")
    return MachineOptions(harts=harts, memory=8 << 20, devices=devices)


def run(image: Path, seed: int, harts: int = 1) -> tuple[list[str], str, Token]:
    """(lines of the console, state hash, token) of a run that ends well."""
    console = bytearray()
    with Machine(image, options(seed, harts), console.extend) as machine:
        assert machine.run().reason == "idle", console  # it waits for a key
        assert machine.listens
        machine.type(b"k")
        outcome = machine.run()
        assert (outcome.reason, outcome.status) == ("exit", 0), (outcome, console)
        return console.decode().splitlines(), machine.state_hash(), Token.of(machine)


def test_every_device_works_and_interrupts(image: Path) -> None:
    lines, state, token = run(image, 7)
    clock, entropy, network, console, typed = lines
    assert clock == f"clock {EPOCH:08x} alarm"
    assert entropy.startswith("entropy ") and len(entropy) == len("entropy ") + 32
    assert (network, console, typed) == ("network", "virtio console", "typed k")
    with Machine(image, options(7, 1)) as machine:
        replay(machine, Token.decode(token.encode()))
        assert machine.state_hash() == state


def test_the_seed_decides_the_entropy_and_nothing_else(image: Path) -> None:
    first, second = run(image, 7)[0], run(image, 8)[0]
    assert first[1] != second[1]
    assert [line for line in first if "entropy" not in line] == [
        line for line in second if "entropy" not in line
    ]


def test_with_other_harts_around(image: Path) -> None:
    assert run(image, 7, harts=4)[0] == run(image, 7)[0]
