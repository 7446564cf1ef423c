// SPDX-License-Identifier: GPL-2.0-or-later
// Arithmetic in long basic blocks: 64 instructions an iteration, one of them a branch.

    .text
    .globl benchmark
benchmark:
    li      a1, 0x12345678
    li      a2, 0x0fedcba9
    li      a3, 7
    li      a4, 1
    li      a5, -3
.Lloop:
    .rept 4
    add     a1, a1, a2
    slli    t0, a1, 7
    srli    t1, a1, 57
    or      a1, t0, t1
    xor     a2, a2, a1
    addw    t2, a2, a3
    sub     a3, t2, a5
    mul     t3, a3, a2
    and     t4, t3, a1
    sltu    t5, t4, a2
    add     a4, a4, t5
    srai    t6, t3, 11
    xor     a5, a5, t6
    sllw    t0, a5, a4
    add     a2, a2, t0
    .endr
    addi    a4, a4, 1
    xori    a1, a1, 0x55
    addi    a0, a0, -1
    bnez    a0, .Lloop
    xor     a0, a1, a2
    xor     a0, a0, a3
    add     a0, a0, a4
    xor     a0, a0, a5
    ret
