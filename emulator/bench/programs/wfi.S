// SPDX-License-Identifier: GPL-2.0-or-later
// One sleep an iteration: set the timer a hundred ticks ahead, wait for it. Interrupts stay masked in mstatus, so that the hart wakes
// without a trap.

    .equ MTIMECMP, 0x2004000
    .equ MTIME, 0x200bff8
    .equ MTIE, 1 << 7
    .equ AHEAD, 100                     // ticks

    .text
    .globl benchmark
benchmark:
    li      t0, MTIE
    csrw    mie, t0
    li      a1, MTIMECMP
    li      a2, MTIME
    ld      t0, 0(a2)
.Lloop:
    addi    t0, t0, AHEAD
    sd      t0, 0(a1)
    wfi
    addi    a0, a0, -1
    bnez    a0, .Lloop
    csrw    mie, zero
    li      t0, -1
    sd      t0, 0(a1)
    ret
