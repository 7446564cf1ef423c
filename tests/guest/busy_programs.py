# SPDX-License-Identifier: GPL-2.0-or-later
"""Harts that interrupt each other at random: timers, software interrupts, sleep, faults, changed code.

One guest, assembled once, has a snippet for everything; what each hart does is a script in memory, a list of
entries (snippet, three small parameters).  A handler in M-mode notes every trap (pc, cause, count, time) in
the hart's own log, so that one that is taken an instruction early or late is seen in memory.
"""

from __future__ import annotations

import struct

HARTS = 3
LOG = 4096  # bytes for each hart
LONGEST = 200  # entries of a script


_START = f"""
    .option arch, +f, +d
    la t0, handler
    csrw mtvec, t0
    csrr s11, mhartid
    la s10, logs
    slli t0, s11, 12
    add s10, s10, t0
    li s9, 0x2004000        # mtimecmp of this hart
    slli t0, s11, 3
    add s9, s9, t0
    li s8, 0x200bff8        # mtime
    li s7, 0x2000000        # msip
    li t0, 0x88             # timer and software interrupts
    csrw mie, t0
    la s6, shared
    li t0, 1 << 13
    csrs mstatus, t0
    fcvt.d.l fa0, s11
    la s4, scripts
    li t0, {4 * LONGEST}
    mul t0, t0, s11
    add s4, s4, t0
    mv s3, s4
    la s2, snippets
    li s5, 3                # times through the script
next:
    lbu t0, 0(s3)
    lbu t4, 1(s3)           # n
    lbu t5, 2(s3)           # m, at least 1
    lbu t6, 3(s3)           # 4 * hart
    add t6, t6, s7
    addi s3, s3, 4
    slli t0, t0, 3
    add t0, t0, s2
    ld t0, 0(t0)
    jr t0
round:
    mv s3, s4
    addi s5, s5, -1
    bgtz s5, next
1:  csrsi mstatus, 8
    wfi
    j 1b

    .balign 4
handler:
    csrw mscratch, t0
    csrr t0, mepc
    sd t0, 0(s10)
    csrr t0, mcause
    sd t0, 8(s10)
count:
    csrr t0, minstret
    sd t0, 16(s10)
    rdtime t0
    sd t0, 24(s10)
    addi s10, s10, 32
    slli t0, s10, 52
    bnez t0, 1f
    li t0, {LOG}            # full: begin again
    sub s10, s10, t0
1:  csrr t0, mcause
    bltz t0, interrupt
    csrr t0, mepc
    addi t0, t0, 4
    csrw mepc, t0
    csrr t0, mscratch
    mret
interrupt:
    slli t0, t0, 1
    addi t0, t0, -14
    bnez t0, software
    addi t0, t0, -1
    sd t0, 0(s9)            # no timer any more
    csrr t0, mscratch
    mret
software:
    slli t0, s11, 2
    add t0, t0, s7
    sw zero, 0(t0)
    csrr t0, mscratch
    mret
"""

SNIPPETS = (
    "csrsi mstatus, 8",
    "csrci mstatus, 8",
    "csrsi mstatus, 8\n nop\n nop\n csrci mstatus, 8",
    "ld t1, 0(s8)\n add t1, t1, t4\n sd t1, 0(s9)",
    "sd zero, 0(s9)",
    "li t1, 1\n sw t1, (t6)",
    "li t1, 1\n sw t1, (t6)\n nop\n nop\n sw zero, (t6)",
    "li t1, 0x80\n csrc mie, t1",
    "li t1, 0x88\n csrs mie, t1",
    "ld t1, 0(s8)\n add t1, t1, t4\n sd t1, 0(s9)\n wfi",
    "ecall",
    ".option norvc\n ebreak\n .option rvc",
    "nop\n .word 0xffffffff\n nop",
    "nop\n .option norvc\n lw t1, 0(zero)\n .option rvc\n nop",
    "nop\n .option norvc\n sd t1, 8(zero)\n .option rvc\n nop",
    "lbu t1, (t6)",
    "lui t1, 0x10000\n lbu a0, 5(t1)\n nop",
    "1: addi t5, t5, -1\n bnez t5, 1b",
    "1: addi a1, a1, 3\n mul a2, a1, a1\n addi t5, t5, -1\n bnez t5, 1b",
    "csrsi mstatus, 8\n 1: addi a1, a1, 3\n mul a2, a1, a1\n addi t5, t5, -1\n bnez t5, 1b",
    "amoadd.d a3, s5, (s6)",
    "1: lr.d t1, (s6)\n addi t1, t1, 1\n sc.d t2, t1, (s6)\n bnez t2, 1b",
    "ld a4, 0(s6)\n addi a4, a4, 1\n sd a4, 8(s6)",
    "fadd.d fa1, fa0, fa1\n fdiv.d fa2, fa0, fa1",
    "csrr a5, minstret\n csrr a6, mcycle\n rdtime a7",
    "csrw minstret, s5",
    "csrwi mcountinhibit, 4\n nop\n csrwi mcountinhibit, 0",
    "c.addi a1, 1\n c.mv a2, a1\n c.nop",
    "la t1, 1f\n csrw mepc, t1\n li t1, 0x1880\n csrs mstatus, t1\n mret\n 1: nop",
    "la t1, 1f\n lw t2, 0(t1)\n li t3, 1 << 20\n add t2, t2, t3\n sw t2, 0(t1)\n fence.i\n j 1f\n"
    " .balign 4\n .option norvc\n 1: addi a1, a1, 1\n .option rvc",
    "la t1, patched\n lw t2, 4(t1)\n sw t2, 0(t1)\n jal ra, patched",
    "sfence.vma",
    "csrr t1, satp\n csrw satp, t1",
)

_REST = f"""
    .balign 4096
patched:
    .option norvc
    addi a0, a0, 1
    addi a0, a0, 2
    ret
    .data
    .balign 4096
logs: .skip {LOG * HARTS}
shared: .dword 0, 0
scripts: .skip {4 * LONGEST * HARTS}
    .balign 8
snippets: .dword round"""

TEXT = (
    _START
    + "".join(f"snippet{number}:\n {text}\n    j next\n" for number, text in enumerate(SNIPPETS))
    + _REST
    + "".join(f", snippet{number}" for number in range(len(SNIPPETS)))
)


CHANGE_COUNTERS = {
    number for number, text in enumerate(SNIPPETS) if "csrw minstret" in text or "inhibit" in text
}


def script(random: bytes, counters_change: bool = True) -> bytes:
    """Four random bytes for each entry (snippet, two lengths, a hart), as the guest reads it.

    counters_change: the guest may write to minstret and mcountinhibit.
    """
    allowed = [number for number in range(len(SNIPPETS)) if counters_change or number not in CHANGE_COUNTERS]
    packed = [
        struct.pack("4B", allowed[snippet % len(allowed)] + 1, n % 13, m % 60 + 1, 4 * (hart % HARTS))
        for snippet, n, m, hart in struct.iter_unpack("4B", random[: len(random) // 4 * 4])
    ]
    return b"".join(packed[: LONGEST - 1]) + bytes(4)
