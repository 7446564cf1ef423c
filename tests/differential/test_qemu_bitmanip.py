# SPDX-License-Identifier: GPL-2.0-or-later
"""Zba, Zbb and Zbs on random and on extreme operands, against QEMU, with 64 and with 32 bits.

For each instruction a program prints a hash over its results and the instructions retired meanwhile.
"""

import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from emulator import Machine
from emulator.isa import Isa
from emulator.options import MachineOptions
from toolchain.assemble import assemble

OPERANDS = 400
SEED = 4

THREE = (
    [
        "sh1add",
        "sh2add",
        "sh3add",
        "andn",
        "orn",
        "xnor",
        "min",
        "minu",
        "max",
        "maxu",
        "rol",
        "ror",
        "bclr",
        "bext",
        "binv",
        "bset",
    ],
    ["add.uw", "sh1add.uw", "sh2add.uw", "sh3add.uw", "rolw", "rorw"],
)  # both widths; 64 bits only
TWO = (["clz", "ctz", "cpop", "sext.b", "sext.h", "zext.h", "orc.b", "rev8"], ["clzw", "ctzw", "cpopw"])
SHIFTS = (["rori", "bclri", "bexti", "binvi", "bseti"], ["slli.uw"])

LINK_SCRIPT = "ENTRY(_start) SECTIONS { . = 0x80000000; .text : { *(.text) *(.data) } }"

PROGRAM = """
    .macro PRINT                    # a0 in hexadecimal; clobbers a0, t0 to t3
    li t0, 0x10000000
    li t1, XLEN / 4
7:  srli t2, a0, XLEN - 4
    slli a0, a0, 4
    li t3, 10
    blt t2, t3, 8f
    addi t2, t2, 'a' - 10 - '0'
8:  addi t2, t2, '0'
    sb t2, 0(t0)
    addi t1, t1, -1
    bnez t1, 7b
    li t2, '\\n'
    sb t2, 0(t0)
    .endm

    .macro MIX register             # into the hash in s2
    mul s2, s2, s3
    add s2, s2, \\register
    srli t0, s2, XLEN / 2 - 3
    xor s2, s2, t0
    .endm

    .macro BEGIN
    la s0, operands
    la s1, operands_end
    li s2, 1
    csrr s4, minstret
1:  LOAD a1, 0(s0)
    LOAD a2, SIZE(s0)
    .endm

    .macro END
    addi s0, s0, SIZE
    bltu s0, s1, 1b
    csrr a0, minstret
    sub a0, a0, s4
    MIX a0
    mv a0, s2
    PRINT
    .endm

    .globl _start
_start:
    li s3, 0x2545f491
    li s5, 0x80000000
    {tests}
    li t0, 0x100000
    li t1, 0x5555
    sw t1, 0(t0)
2:  j 2b
    .balign 8
operands:
    {operands}
operands_end:
    {extra}
"""


def program(xlen: int, source: random.Random) -> str:
    tests = []
    for names in (THREE[: xlen // 32], TWO[: xlen // 32], SHIFTS[: xlen // 32]):
        for name in (name for group in names for name in group):
            lines = ["BEGIN"]
            if name in SHIFTS[0] or name in SHIFTS[1]:
                amounts = [0, 1, xlen - 1, *(source.randrange(xlen) for _ in range(5))]
                for amount in amounts:
                    lines += [f"{name} a0, a1, {amount}", "MIX a0"]
                lines += [f"{name} a2, a2, {amounts[-1]}", "MIX a2"]
            elif name == "ctzw":  # QEMU before 8.0 looks into the upper half where the lower one is zero
                lines += ["or a1, a1, s5", "ctzw a0, a1", "MIX a0"]
            elif name in TWO[0] or name in TWO[1]:
                lines += [f"{name} a0, a1", "MIX a0", f"{name} a1, a1", "MIX a1", f"{name} x0, a2"]
            else:
                lines += [
                    f"{name} a0, a1, a2",
                    "MIX a0",
                    f"{name} a3, a2, x0",
                    "MIX a3",
                    f"{name} a3, x0, a2",
                ]
                lines += ["MIX a3", f"{name} a4, a1, a1", "MIX a4", f"{name} a1, a1, a2", "MIX a1"]
                lines += [f"{name} x0, a2, a2"]
            tests.append("\n    ".join([*lines, "END"]))
    top = 1 << xlen
    special = [0, 1, 2, 0x80, 0x7F, 0x8000, 0x7FFF, 0x8000_0000, 0x7FFF_FFFF, top // 2, top // 2 - 1, top - 1]
    values = [*special, *reversed(special)]
    for _ in range(OPERANDS):
        value = source.randrange(top) >> source.choice((0, 0, source.randrange(xlen)))
        values.append(value & ~(0xFF << 8 * source.randrange(xlen // 8)))
    directive = ".dword" if xlen == 64 else ".word"
    operands = "\n    ".join(f"{directive} {value:#x}" for value in values)
    load = "ld" if xlen == 64 else "lw"
    defines = f".equ XLEN, {xlen}\n.equ SIZE, {xlen // 8}\n.macro LOAD rd, at\n{load} \\rd, \\at\n.endm\n"
    return defines + PROGRAM.format(tests="\n    ".join(tests), operands=operands, extra=f"{directive} 77")


@pytest.mark.parametrize("xlen", [64, 32])
def test_bit_manipulation_as_on_qemu(xlen: int, tmp_path: Path, host_tool: Callable[[str, str], str]) -> None:
    qemu = host_tool(f"qemu-system-riscv{xlen}", "qemu-system-misc")
    source, script = tmp_path / "bitmanip.S", tmp_path / "bitmanip.ld"
    source.write_text(program(xlen, random.Random(SEED)))
    script.write_text(LINK_SCRIPT)
    image = assemble(
        [source], tmp_path / "bitmanip.elf", link_script=script, bits=xlen,
        cpu="generic_rv64+m+zicsr+zba+zbb+zbs",
    )  # fmt: skip
    console = bytearray()
    options = MachineOptions(isa=Isa.parse(f"rv{xlen}gc_zba_zbb_zbs"))
    with Machine(image, options, console=console.extend) as machine:
        outcome = machine.run(100_000_000)
    assert (outcome.reason, outcome.status) == ("exit", 0), (outcome, console[-200:])
    done = subprocess.run(
        [qemu, "-machine", "virt", "-cpu", f"rv{xlen},zba=true,zbb=true,zbs=true", "-bios", "none",
         "-nographic", "-icount", "shift=0", "-kernel", str(image)],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    names = [name for group in (THREE, TWO, SHIFTS) for half in group[: xlen // 32] for name in half]
    ours, theirs = console.decode().split(), done.stdout.decode().split()
    assert len(ours) == len(theirs) == len(names)
    different = [name for name, one, other in zip(names, ours, theirs, strict=True) if one != other]
    assert not different
