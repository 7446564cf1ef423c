# SPDX-License-Identifier: GPL-2.0-or-later
"""Which of several interrupts is taken, in which mode and where, against QEMU: random sets of them."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from emulator import Machine
from emulator.isa import Isa
from emulator.options import MachineOptions
from toolchain.assemble import assemble

SOURCE = Path(__file__).with_name("qemu_interrupts.S")
LINK_SCRIPT = "ENTRY(_start) SECTIONS { . = 0x80000000; .text : { *(.text) *(.data) } }"
LINES = 100


@pytest.mark.parametrize("xlen", [64, 32])
def test_interrupts_as_on_qemu(xlen: int, tmp_path: Path, host_tool: Callable[[str, str], str]) -> None:
    qemu = host_tool(f"qemu-system-riscv{xlen}", "qemu-system-misc")
    script = tmp_path / "interrupts.ld"
    script.write_text(LINK_SCRIPT)
    image = assemble(
        [SOURCE], tmp_path / "interrupts.elf", link_script=script, bits=xlen, cpu="generic_rv64+m+zicsr",
        defines={"XLEN": str(xlen), "SEED": "4711", "LINES": str(LINES)},
    )  # fmt: skip
    console = bytearray()
    with Machine(image, MachineOptions(isa=Isa.parse(f"rv{xlen}gc")), console=console.extend) as machine:
        outcome = machine.run(50_000_000)
    assert (outcome.reason, outcome.status) == ("exit", 0), (outcome, console[-200:])
    # Without AIA it would take the lowest number first, which is not the manual's order.
    done = subprocess.run(
        [qemu, "-machine", "virt", "-cpu", f"rv{xlen},x-smaia=true,x-ssaia=true", "-bios", "none",
         "-nographic", "-kernel", str(image)],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    ours, theirs = console.decode().split(), done.stdout.decode().split()
    assert len(ours) == len(theirs) == LINES
    wrong = [number for number, (one, other) in enumerate(zip(ours, theirs, strict=True)) if one != other]
    assert not wrong
