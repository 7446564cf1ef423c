// SPDX-License-Identifier: GPL-2.0-or-later
// Sixteen reads of one CSR an iteration (-DCSR=minstret or time). The result is not read from them: it differs from machine
// to machine.

    .text
    .globl benchmark
benchmark:
    mv      a1, a0
.Lloop:
    .rept 16
    csrr    t0, CSR
    .endr
    addi    a1, a1, -1
    bnez    a1, .Lloop
    ret
