// SPDX-License-Identifier: GPL-2.0-or-later
// Work for a debugger: each iteration passes `passed` once and reads `watched` once. a1 counts up from 1 to a0.

    .text
    .globl benchmark
benchmark:
    li      a1, 0
    la      a2, watched
    .globl passed
passed:
    addi    a1, a1, 1
    xor     t0, t0, a1
    ld      t1, 0(a2)
    add     t0, t0, t1
    bltu    a1, a0, passed
    .globl counted
counted:
    mv      a0, t0
    ret

    .data
    .balign 8
    .globl watched
watched:
    .dword  5
