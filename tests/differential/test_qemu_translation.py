# SPDX-License-Identifier: GPL-2.0-or-later
"""What page-table entries permit, to whom, and what they look like afterwards: all of them, against QEMU."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from emulator import Machine
from emulator.isa import Isa
from emulator.options import MachineOptions
from toolchain.assemble import assemble

SOURCE = Path(__file__).with_name("qemu_translation.S")
LINK_SCRIPT = "ENTRY(_start) SECTIONS { . = 0x80000000; .text : { *(.text) *(.data) } }"


@pytest.mark.parametrize(
    ("xlen", "mode", "levels"), [(64, 8, 3), (64, 9, 4), (32, 1, 2)], ids=["Sv39", "Sv48", "Sv32"]
)
def test_every_entry_means_what_it_means_on_qemu(
    xlen: int, mode: int, levels: int, tmp_path: Path, host_tool: Callable[[str, str], str]
) -> None:
    qemu = host_tool(f"qemu-system-riscv{xlen}", "qemu-system-misc")
    script = tmp_path / "translation.ld"
    script.write_text(LINK_SCRIPT)
    image = assemble(
        [SOURCE], tmp_path / "translation.elf", link_script=script, bits=xlen, cpu="generic_rv64+m+a+zicsr",
        defines={"XLEN": str(xlen), "MODE": str(mode), "LEVELS": str(levels)},
    )  # fmt: skip
    console = bytearray()
    with Machine(image, MachineOptions(isa=Isa.parse(f"rv{xlen}gc")), console=console.extend) as machine:
        outcome = machine.run(100_000_000)
    assert (outcome.reason, outcome.status) == ("exit", 0), (outcome, console[-200:])
    # With one hart QEMU takes an AMO apart, and calls what faults in it a load.
    done = subprocess.run(
        [qemu, "-machine", "virt", "-bios", "none", "-nographic", "-smp", "2", "-accel", "tcg,thread=multi",
         "-kernel", str(image)],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=100, check=True,
    )  # fmt: skip
    ours, theirs = console.decode().split("\n"), done.stdout.decode().replace("\r", "").split("\n")
    assert len(ours) == len(theirs) == 3 * 256 + 1
    wrong = [one.split()[0] for one, other in zip(ours, theirs, strict=True) if one != other]
    assert not wrong, f"{len(wrong)} entries (kind of page and flags): {wrong[:20]}"
