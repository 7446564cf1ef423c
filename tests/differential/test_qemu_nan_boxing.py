# SPDX-License-Identifier: GPL-2.0-or-later
"""Floating point with --strict-nan-boxing against QEMU: boxed or not, NaNs of all kinds, all rounding modes.

A program of random instructions prints a hash over its registers after every few of them.
"""

import random
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from emulator import Machine
from emulator.isa import Isa
from emulator.options import MachineOptions
from toolchain.assemble import assemble

SEED, GROUPS, GROUP = 8, 150, 12
ROUNDING = ("rne", "rtz", "rdn", "rup", "rmm", "dyn")
REGISTERS = [f"f{i}" for i in range(8)]

LINK_SCRIPT = "ENTRY(_start) SECTIONS { . = 0x80000000; .text : { *(.text) *(.data) } }"

START = """
    .macro MIX register             # into the hash in s2
    mul s2, s2, s3
    add s2, s2, \\register
    srli t0, s2, XLEN / 2 - 3
    xor s2, s2, t0
    .endm
    .globl _start
_start:
    li s3, 0x2545f491
    li s2, 1
    li t0, 0x6000
    csrs mstatus, t0
    la sp, scratch
"""
PRINT = """
print:                              # hash over all that there is, and print it
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7
    fsd f\\n, 0(sp)
    lw a0, 0(sp)
    MIX a0
    lw a0, 4(sp)
    MIX a0
    .endr
    frflags a0
    MIX a0
    li t0, 0x10000000
    li t1, XLEN / 4
    mv a0, s2
7:  srli t2, a0, XLEN - 4
    slli a0, a0, 4
    addi t2, t2, '0'
    sb t2, 0(t0)
    addi t1, t1, -1
    bnez t1, 7b
    li t2, '\\n'
    sb t2, 0(t0)
    ret
"""
END = """
    li t0, 0x100000
    li t1, 0x5555
    sw t1, 0(t0)
2:  j 2b
"""


def singles(source: random.Random) -> int:
    special = (0, 1 << 31, 0x3F80_0000, 0x7F80_0000, 0xFF80_0000, 0x7FC0_0000, 0x7FA0_0000, 0x7F80_0001, 1)
    if source.random() < 0.6:
        return source.choice(special)
    return int.from_bytes(
        struct.pack("<f", source.uniform(-3, 3) * 10.0 ** source.randrange(-20, 20)), "little"
    )


def doublewords(source: random.Random) -> int:
    kind = source.randrange(4)
    if kind == 0:
        return int.from_bytes(struct.pack("<d", source.uniform(-9, 9)), "little")
    if kind == 1:
        return source.choice((0, 0xFFFF_FFFE, source.getrandbits(32))) << 32 | singles(source)
    return 0xFFFF_FFFF << 32 | singles(source)


def instruction(source: random.Random, xlen: int) -> str:
    a, b, c, d = (source.choice(REGISTERS) for _ in range(4))
    rounding = source.choice(ROUNDING)
    x = source.choice(("a1", "a2", "a3"))
    integers = ("w", "wu") if xlen == 32 else ("w", "wu", "l", "lu")
    size = source.choice("sssd")
    choices = [
        f"{source.choice(('fadd', 'fsub', 'fmul', 'fdiv'))}.{size} {a}, {b}, {c}, {rounding}",
        f"{source.choice(('fmadd', 'fmsub', 'fnmadd', 'fnmsub'))}.{size} {a}, {b}, {c}, {d}, {rounding}",
        f"{source.choice(('fsgnj', 'fsgnjn', 'fsgnjx', 'fmin', 'fmax'))}.{size} {a}, {b}, {c}",
        f"{source.choice(('feq', 'flt', 'fle'))}.{size} {x}, {b}, {c}",
        f"fsqrt.{size} {a}, {b}, {rounding}",
        f"fclass.{size} {x}, {b}",
        f"fcvt.{source.choice(integers)}.{size} {x}, {b}, {source.choice(ROUNDING[:5])}",
        f"fcvt.s.{source.choice(integers)} {a}, {x}, {rounding}",
        f"fcvt.d.s {a}, {b}",
        f"fcvt.s.d {a}, {b}, {rounding}",
        f"fmv.x.w {x}, {b}",
        f"fmv.w.x {a}, {x}",
        f"fsw {b}, 16(sp)\nflw {a}, 16(sp)",
        f"fsd {b}, 16(sp)\nfld {a}, 16(sp)",
        f"fsd {b}, 16(sp)\nflw {a}, 20(sp)",
        f"fsrm {source.randrange(5)}" if source.random() < 0.5 else "csrrwi a1, frm, 1",
        f"flw {a}, {4 * source.randrange(64)}(s1)",
        f"fld {a}, {8 * source.randrange(32)}(s1)",
    ]
    return source.choice(choices[:3] + choices) if source.random() < 0.5 else source.choice(choices)


def program(xlen: int, source: random.Random) -> str:
    lines = [f".equ XLEN, {xlen}", START, "la s1, values", "li a1, 5", "li a2, -7", "li a3, 0x7fc00000"]
    for _ in range(GROUPS):
        lines += [f"fld {name}, {8 * source.randrange(32)}(s1)" for name in REGISTERS]
        for _ in range(GROUP):
            text = instruction(source, xlen).replace("fsrm ", "fsrmi ")
            lines.append(text)
            if source.random() < 0.1:
                lines.append("j . + 4")
        lines += ["MIX a1", "MIX a2", "MIX a3", "call print"]
    values = [f".dword {doublewords(source):#x}" for _ in range(33)]
    return "\n".join([*lines, END, PRINT, ".balign 8", "values:", *values, "scratch: .space 64"]) + "\n"


@pytest.mark.parametrize("xlen", [64, 32])
def test_strict_nan_boxing_as_on_qemu(
    xlen: int, tmp_path: Path, host_tool: Callable[[str, str], str]
) -> None:
    qemu = host_tool(f"qemu-system-riscv{xlen}", "qemu-system-misc")
    source, script = tmp_path / "boxing.S", tmp_path / "boxing.ld"
    source.write_text(program(xlen, random.Random(SEED)))
    script.write_text(LINK_SCRIPT)
    image = assemble(
        [source], tmp_path / "boxing.elf", link_script=script, bits=xlen, cpu="generic_rv64+m+f+d+zicsr"
    )
    done = subprocess.run(
        [qemu, "-machine", "virt", "-bios", "none", "-nographic", "-kernel", str(image)],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    theirs = done.stdout.decode().split()
    assert len(theirs) == GROUPS
    for exact in (False, True):
        console = bytearray()
        options = MachineOptions(isa=Isa.parse(f"rv{xlen}gc"), strict_nan_boxing=True)
        with Machine(image, options, console=console.extend, per_instruction=exact) as machine:
            outcome = machine.run(10_000_000)
        assert (outcome.reason, outcome.status) == ("exit", 0), (outcome, console[-200:])
        ours = console.decode().split()
        wrong = [number for number, (one, other) in enumerate(zip(ours, theirs, strict=True)) if one != other]
        assert not wrong, f"from group {wrong[0]} on"
