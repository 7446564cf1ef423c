# SPDX-License-Identifier: GPL-2.0-or-later
"""Every 16-bit encoding, and every opcode, funct3 and funct7 of 32 bits: what it does, against QEMU.

A reserved encoding must trap, a legal one must do and count the same.  Left out: CSR accesses, mret, sret
and wfi (they change the machine), jal (it goes too far), and floating point, which is off.
"""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from emulator import Machine
from emulator.isa import Isa
from emulator.options import MachineOptions
from toolchain.assemble import assemble

GROUP = 64
PARCELS = (0, 0x10000)
WORDS = (0x10000, 0x10000)
# What QEMU is to switch off and on, for instruction sets of ours.
CPUS = {
    "rv64gc": "rv64,zba=false,zbb=false,zbc=false,zbs=false,h=false,sstc=false",
    "rv64gc_zba_zbb_zbs": "rv64,zba=true,zbb=true,zbc=false,zbs=true,h=false,sstc=false",
    "rv32gc_zba_zbb_zbs": "rv32,zba=true,zbb=true,zbc=false,zbs=true,h=false,sstc=false",
}

LINK_SCRIPT = """
ENTRY(_start)
SECTIONS
{
    . = 0x80000000;
    .text : { *(.text.start) *(.text) *(.rodata) }
    . = ALIGN(4096);
    .data : { *(.data) }
    .bss : { *(.bss) }
}
"""


def lines(
    qemu: str, directory: Path, isa: str, first: int, count: int, group: int
) -> tuple[list[str], list[str]]:
    """What Replug and QEMU print for `count` encodings from the number `first` on."""
    script = directory / "encodings.ld"
    script.write_text(LINK_SCRIPT)
    source = Path(__file__).with_name("qemu_encodings.S")
    image = assemble(
        [source], directory / f"{isa}_{first:x}_{count}.elf", link_script=script, bits=int(isa[2:4]),
        defines={"XLEN": isa[2:4], "FIRST": str(first), "COUNT": str(count), "GROUP": str(group)},
    )  # fmt: skip
    console = bytearray()
    with Machine(image, MachineOptions(isa=Isa.parse(isa)), console=console.extend) as machine:
        outcome = machine.run(500_000_000)
    assert (outcome.reason, outcome.status) == ("exit", 0), (outcome, console[-200:])
    done = subprocess.run(
        [qemu, "-machine", "virt", "-cpu", CPUS[isa], "-bios", "none", "-nographic", "-icount", "shift=0",
         "-kernel", str(image)], stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=True,
    )  # fmt: skip
    return console.decode().split("\n"), done.stdout.decode().replace("\r", "").split("\n")


def word_of(number: int) -> str:
    """The encoding that stands behind a number (see qemu_encodings.S)."""
    if number < 0x10000:
        return f"{number:#06x}"
    second = (12, 0)[number >> 15 & 1]
    fields = (number & 31) << 2 | 3 | (number >> 5 & 7) << 12 | (number >> 8 & 127) << 25
    return f"{fields | second << 20 | 10 << 7 | 11 << 15:#010x}"


@pytest.mark.parametrize(
    ("isa", "first", "count"),
    [
        ("rv64gc", *PARCELS),
        ("rv64gc", *WORDS),
        ("rv64gc_zba_zbb_zbs", *WORDS),
        ("rv32gc_zba_zbb_zbs", *PARCELS),
        ("rv32gc_zba_zbb_zbs", *WORDS),
    ],
    ids=["64 compressed", "64", "64 with bit manipulation", "32 compressed", "32"],
)
def test_every_encoding_does_what_it_does_on_qemu(
    host_tool: Callable[[str, str], str], tmp_path: Path, isa: str, first: int, count: int
) -> None:
    qemu = host_tool(f"qemu-system-riscv{isa[2:4]}", "qemu-system-misc")
    ours, theirs = lines(qemu, tmp_path, isa, first, count, GROUP)
    assert len(ours) == len(theirs) == count // GROUP + 1
    wrong = [int(one.split()[0], 16) for one, other in zip(ours, theirs, strict=True) if one != other]
    found = []
    for start in wrong[:8]:
        single = zip(*lines(qemu, tmp_path, isa, start, GROUP, 1), strict=True)
        found += [word_of(int(one.split()[0], 16)) for one, other in single if one != other]
    assert not wrong, f"{len(wrong)} groups of {GROUP} encodings differ, among them {' '.join(found)}"
