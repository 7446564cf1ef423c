// SPDX-License-Identifier: GPL-2.0-or-later
// Where a measuring program starts: hart 0 calls main, whose result ends the machine (0 = success); the other harts sleep.
// A trap means that something is wrong: the machine ends with status 2.
#include "assembly.inc"
#include "layout.inc"

#define STACK_BYTES         4096
#define STATUS_TRAP         2

    .section .text.entry, "ax", @progbits
ENTRY _start
    csrw    mie, zero
    la      t0, .Ltrap
    csrw    mtvec, t0
    bnez    a0, .Lsleep
    la      sp, stack_top
    jal     main
.Lend:
    li      t1, FINISHER_PASS
    beqz    a0, 1f
    slli    t1, a0, 16
    li      t2, FINISHER_FAIL
    or      t1, t1, t2
1:  fence   rw, rw
    li      t0, FINISHER
    sw      t1, 0(t0)
.Lsleep:
    wfi
    j       .Lsleep
    .balign 4
.Ltrap:
    li      a0, STATUS_TRAP
    j       .Lend
END _start

    .bss
    .balign 16
    .skip   STACK_BYTES
stack_top:
