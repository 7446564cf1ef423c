# SPDX-License-Identifier: GPL-2.0-or-later
"""Physical memory protection, with regions of whole pages, against QEMU: modes, order, locked entries."""

import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from emulator import Machine
from emulator.isa import Isa
from emulator.options import MachineOptions
from toolchain.assemble import assemble

SEED, UNLOCKED, LOCKED = 5, 60, 12
OFF, TOR, NAPOT, LOCK = 0, 1 << 3, 3 << 3, 1 << 7
PAGES, COUNT = 0x8080_0000, 16
EVERYTHING = 0x3FFF_FFFF  # NAPOT: 8 GiB from 0 on

SOURCE = Path(__file__).with_name("qemu_pmp.S")
LINK_SCRIPT = (
    "ENTRY(_start) SECTIONS { . = 0x80000000; .text : { *(.text) } . = ALIGN(4096); .data : { *(.data) } }"
)


def entry(source: random.Random, locked: bool) -> tuple[int, int]:
    """Configuration and address: whole pages only, and none that would shut M-mode out of its own code."""
    permissions = source.choice((0, 1, 3, 4, 5, 7))
    kind = source.choice((OFF, TOR, TOR, NAPOT, NAPOT))
    lock = LOCK if locked and source.random() < 0.4 else 0
    page = source.randrange(COUNT + 1)
    address = PAGES + 4096 * page
    if kind == NAPOT:
        size = 4096 << source.choice((0, 0, 1, 2, 3, 4))
        if not lock and source.random() < 0.2:
            return kind | permissions, EVERYTHING
        return kind | permissions | lock, (address & ~(size - 1)) >> 2 | (size >> 3) - 1
    return kind | permissions | lock, address >> 2


def configurations(source: random.Random) -> list[str]:
    lines = []
    for number in range(UNLOCKED + LOCKED):
        entries = [entry(source, number >= UNLOCKED) for _ in range(4)]
        if entries[0][0] & LOCK and entries[0][0] & 0x18 == TOR:
            # From the stub's page up, and so over all that lies between: not locked.
            entries[0] = (entries[0][0] & ~LOCK, entries[0][1])
        for index in range(1, 4):
            # The address below a locked TOR region stays as well, and a NAPOT one is no page's border.
            (below, low), (config, high) = entries[index - 1], entries[index]
            if config & 0x98 == LOCK | TOR and (below & 0x18 == NAPOT or low << 2 < PAGES):
                entries[index] = (config & ~LOCK, high)
        word = sum(config << 8 * index for index, (config, _) in enumerate(entries))
        lines.append(f".word {word:#x}, " + ", ".join(hex(address) for _, address in entries))
    return [*lines, ".word -1"]


@pytest.mark.parametrize("xlen", [64, 32])
def test_protection_as_on_qemu(xlen: int, tmp_path: Path, host_tool: Callable[[str, str], str]) -> None:
    qemu = host_tool(f"qemu-system-riscv{xlen}", "qemu-system-misc")
    source, script = tmp_path / "pmp.S", tmp_path / "pmp.ld"
    source.write_text(SOURCE.read_text() + "\n".join(configurations(random.Random(SEED))) + "\n")
    script.write_text(LINK_SCRIPT)
    image = assemble(
        [source], tmp_path / "pmp.elf", link_script=script, bits=xlen, cpu="generic_rv64+m+zicsr+zifencei",
        defines={"XLEN": str(xlen)},
    )  # fmt: skip
    console = bytearray()
    with Machine(image, MachineOptions(isa=Isa.parse(f"rv{xlen}gc")), console=console.extend) as machine:
        outcome = machine.run(50_000_000)
    assert (outcome.reason, outcome.status) == ("exit", 0), (outcome, console[-200:])
    done = subprocess.run(
        [qemu, "-machine", "virt", "-bios", "none", "-nographic", "-kernel", str(image)],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    ours, theirs = console.decode().split(), done.stdout.decode().split()
    assert len(ours) == len(theirs) == UNLOCKED + LOCKED
    assert len(set(ours)) > UNLOCKED // 2
    wrong = [number for number, (one, other) in enumerate(zip(ours, theirs, strict=True)) if one != other]
    assert not wrong
